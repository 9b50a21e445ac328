"""RGB-D frames in a folder: camera.json, color/NNNNN.png|jpg, depth/NNNNN.png, times.json, truth.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from pose_ros.errors import CameraError, SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.source import FIRST_STAMP_NS, Source
from pose_ros.sources.truth import PeopleTruth
from pose_ros.types import RGBDFrame

# PNG at its fastest level: noisy pictures hardly shrink further.
QUALITY = {".png": [cv2.IMWRITE_PNG_COMPRESSION, 1], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95]}
DEFAULT_RATE = 30.0  # Hz, where times.json is absent
COLOUR_SUFFIXES = (".png", ".jpg", ".jpeg")
# A room is farther away than the first and nearer than the second; what lies beyond is a wrong unit.
MEDIAN_DEPTH_LIMITS = (0.05, 50.0)  # m


class RGBDFolder(Source):
    """The frames of a folder in the order of their names; SourceError says what in it is broken."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.camera, self.depth_scale = _load_camera(self.path / "camera.json")
        self._colour = {
            file.stem: file
            for file in sorted((self.path / "color").glob("*"))
            if file.suffix.lower() in COLOUR_SUFFIXES
        }
        if not self._colour:
            raise SourceError(f"{self.path} has no color/NNNNN.png or .jpg")
        self._depth = {key: self.path / "depth" / f"{key}.png" for key in self._colour}
        missing = [key for key, file in self._depth.items() if not file.exists()]
        if missing:
            raise SourceError(
                f"{len(missing)} of {len(self._colour)} colour frames of {self.path} lack depth/NNNNN.png: "
                + ", ".join(missing[:5])
                + (", …" if len(missing) > 5 else "")
            )
        self._stamps = self._load_stamps()
        truth_file = self.path / "truth.json"
        self.truth = PeopleTruth.load(truth_file) if truth_file.exists() else None

    def __len__(self) -> int:
        return len(self._colour)

    def keys(self) -> list[str]:
        return list(self._colour)

    def __iter__(self) -> Iterator[RGBDFrame]:
        for key in self._colour:
            yield self.frame(key)

    def frame(self, key: str) -> RGBDFrame:
        """The frame of one key."""
        bgr = _read_image(self._colour[key], cv2.IMREAD_COLOR)
        self._check_size(self._colour[key], bgr)
        return RGBDFrame(
            cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB),
            self._read_depth(self._depth[key]),
            self.camera,
            self._stamps[key],
            self.frame_id,
        )

    def _read_depth(self, file: Path) -> np.ndarray:
        stored = _read_image(file, cv2.IMREAD_UNCHANGED)
        if stored.dtype != np.uint16 or stored.ndim != 2:
            raise SourceError(
                f"{file} is {stored.dtype} with shape {stored.shape}; depth must be 16-bit grey"
            )
        self._check_size(file, stored)
        depth = np.where(stored > 0, stored * np.float32(self.depth_scale), np.float32(np.nan))
        some = depth[::4, ::4]
        some = some[some > 0]
        median = float(np.median(some)) if some.size else np.nan
        if some.size and not MEDIAN_DEPTH_LIMITS[0] <= median <= MEDIAN_DEPTH_LIMITS[1]:
            raise SourceError(
                f"the median depth of {file} is {median:g} m: depth_scale {self.depth_scale} in camera.json "
                "must be metres per unit (0.001 for millimetres)"
            )
        return depth

    def _check_size(self, file: Path, image: np.ndarray) -> None:
        if image.shape[:2] != (self.camera.height, self.camera.width):
            raise SourceError(
                f"{file} is {image.shape[1]}x{image.shape[0]}, camera.json says "
                f"{self.camera.width}x{self.camera.height}; depth must be registered to colour"
            )

    def _load_stamps(self) -> dict[str, int]:
        file = self.path / "times.json"
        if not file.exists():
            return {key: FIRST_STAMP_NS + round(n * 1e9 / DEFAULT_RATE) for n, key in enumerate(self._colour)}
        times = _load_json(file)
        try:
            return {key: round(float(times[key]) * 1e9) for key in self._colour}
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(f"{file} must give seconds for every frame: {error}") from error


def write_rgbd_folder(
    path: Path | str, frames: Iterable[RGBDFrame], depth_scale: float = 1e-3, suffix: str = ".png"
) -> list[str]:
    """Write frames as a folder for RGBDFolder; returns their keys. Depth beyond 16 bit is left out."""
    path = Path(path)
    (path / "color").mkdir(parents=True, exist_ok=True)
    (path / "depth").mkdir(exist_ok=True)
    times: dict[str, float] = {}
    for frame in frames:
        key = f"{len(times):05d}"
        if not times:
            (path / "camera.json").write_text(
                json.dumps(_camera_document(frame.camera, depth_scale), indent=1)
            )
        times[key] = frame.stamp_ns / 1e9
        units = np.rint(frame.depth / np.float32(depth_scale))
        units = np.where((units > 0) & (units <= 65535), units, 0).astype(np.uint16)
        _write_image(path / "color" / f"{key}{suffix}", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
        _write_image(path / "depth" / f"{key}.png", units)
    (path / "times.json").write_text(json.dumps(times))
    return list(times)


def _camera_document(camera: PinholeCamera, depth_scale: float) -> dict:
    numbers = {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    return numbers | {
        "distortion_model": camera.distortion_model,
        "distortion": list(camera.distortion),
        "depth_scale": depth_scale,
    }


def _load_camera(file: Path) -> tuple[PinholeCamera, float]:
    if not file.exists():
        raise SourceError(f"{file} does not exist: it must give width height fx fy cx cy depth_scale")
    document = _load_json(file)
    try:
        distortion = tuple(document.get("distortion") or ())
        # Of the models with so many coefficients the one that drivers publish.
        guessed = "none" if not distortion else "plumb_bob" if len(distortion) <= 5 else "rational_polynomial"
        camera = PinholeCamera(
            *(float(document[name]) for name in ("fx", "fy", "cx", "cy")),
            int(document["width"]),
            int(document["height"]),
            document.get("distortion_model", guessed),
            distortion,
        )
        scale = float(document["depth_scale"])
    except (KeyError, TypeError, ValueError, AttributeError, CameraError) as error:
        raise SourceError(f"{file} is no camera: {type(error).__name__} {error}") from error
    if not 0 < scale < np.inf:
        raise SourceError(f"{file} has depth_scale {scale}; it must be positive, in metres per unit")
    return camera, scale


def _load_json(file: Path) -> dict:
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise SourceError(f"{file} must hold an object, not {type(document).__name__}")
    return document


def _read_image(file: Path, flags: int) -> np.ndarray:
    data = file.read_bytes()
    # OpenCV returns the upper half of a truncated file without a word: look for its end mark first.
    end = b"IEND" if file.suffix.lower() == ".png" else b"\xff\xd9"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if end in data[-256:] else None
    if image is None:
        raise SourceError(f"{file} is no whole image ({len(data)} bytes): truncated or corrupt")
    return image


def _write_image(file: Path, image: np.ndarray) -> None:
    if not cv2.imwrite(str(file), image, QUALITY.get(file.suffix, [])):
        raise SourceError(f"{file} cannot be written")
