"""Frames and poses of objects in BOP's layout: scene_camera.json, scene_gt.json, rgb/, depth/.

Source: BOP's "Datasets format" (thodan/bop_toolkit, docs/bop_datasets_format.md). Poses and meshes are in mm
in the files and in m here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose_ros.errors import CameraError, ShapeError, SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import load_mesh
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.bop_models import label_of, mesh_files
from pose_ros.sources.rgbd_folder import DEFAULT_RATE, _load_json, _read_image
from pose_ros.sources.source import FIRST_STAMP_NS, Source
from pose_ros.types import RGBDFrame

NOT_ROTATED = 1e-3  # how far R Rᵀ may be from 1
RGB_FOLDERS = ("rgb", "gray")
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif")


@dataclass(frozen=True)
class ObjectTruth:
    """One object in one frame. visible: share of its outline that is in sight, NaN = unknown."""

    obj_id: int
    label: str
    camera_from_object: RigidTransform
    visible: float = np.nan


class BOPScene(Source):
    """The frames of one scene folder in the order of their numbers; SourceError says what in it is broken.

    models: folder of meshes, needed only to draw masks that the scene lacks (default: `models` beside it or
    above).
    """

    def __init__(self, path: Path | str, models: Path | None = None) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._models = models
        if not (self.path / "scene_camera.json").exists():
            raise SourceError(f"{self.path} has no scene_camera.json: it is no scene in BOP's layout")
        cameras = _numbered(self.path / "scene_camera.json")
        self._rgb = _images(self.path, RGB_FOLDERS)
        self._depth = _images(self.path, ("depth",))
        self._ids = sorted(set(cameras) & set(self._rgb))
        if not self._ids:
            raise SourceError(f"{self.path} has no picture in rgb/ that scene_camera.json knows")
        if missing := [n for n in self._ids if n not in self._depth]:
            raise SourceError(
                f"{len(missing)} of {len(self._ids)} pictures of {self.path} lack depth/NNNNNN.png: "
                + ", ".join(str(n) for n in missing[:5])
            )
        height, width = _read_image(self._rgb[self._ids[0]], cv2.IMREAD_COLOR).shape[:2]
        self._cameras = {n: _camera(cameras[n], width, height, n, self.path) for n in self._ids}
        self.camera = self._cameras[self._ids[0]][0]
        self._truth = self._load_truth()

    def __len__(self) -> int:
        return len(self._ids)

    def keys(self) -> list[str]:
        return [f"{n:06d}" for n in self._ids]

    def __iter__(self) -> Iterator[RGBDFrame]:
        for key in self.keys():
            yield self.frame(key)

    @property
    def scene_id(self) -> int:
        return int(self.path.name) if self.path.name.isdecimal() else 0

    @property
    def has_truth(self) -> bool:
        return bool(self._truth)

    def frame(self, key: str) -> RGBDFrame:
        n = self._number(key)
        camera, scale = self._cameras[n]
        bgr = _read_image(self._rgb[n], cv2.IMREAD_COLOR)
        stored = _read_image(self._depth[n], cv2.IMREAD_UNCHANGED)
        if stored.ndim != 2 or stored.dtype != np.uint16:
            raise SourceError(f"{self._depth[n]} is {stored.dtype} {stored.shape}; depth must be 16-bit grey")
        for file, image in ((self._rgb[n], bgr), (self._depth[n], stored)):
            if image.shape[:2] != (camera.height, camera.width):
                raise SourceError(
                    f"{file} is {image.shape[1]}x{image.shape[0]}, the scene's first picture is "
                    f"{camera.width}x{camera.height}; depth must be registered to rgb"
                )
        depth = np.where(stored > 0, stored * np.float32(1e-3 * scale), np.float32(np.nan))
        stamp = FIRST_STAMP_NS + round(self._ids.index(n) * 1e9 / DEFAULT_RATE)
        return RGBDFrame(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), depth, camera, stamp, self.frame_id)

    def truth(self, key: str) -> tuple[ObjectTruth, ...]:  # type: ignore[override]
        """The objects of a frame, in the order of scene_gt.json; none where the scene has no truth."""
        return self._truth.get(self._number(key), ())

    def masks(self, key: str) -> np.ndarray:
        """(N,H,W) bool: what is seen of each object of `truth(key)`.

        From mask_visib/, from label/ (object ids), or drawn from meshes.
        """
        n, truths = self._number(key), self.truth(key)
        shape = (self.camera.height, self.camera.width)
        masks = np.zeros((len(truths), *shape), bool)
        label_file = self.path / "label" / f"{n:06d}.png"
        drawn = None
        for k, truth in enumerate(truths):
            file = self.path / "mask_visib" / f"{n:06d}_{k:06d}.png"
            if file.exists():
                masks[k] = self._sized(file, _read_image(file, cv2.IMREAD_GRAYSCALE)) > 0
            elif label_file.exists():
                if sum(other.obj_id == truth.obj_id for other in truths) > 1:
                    raise SourceError(
                        f"{label_file} cannot tell two instances of object {truth.obj_id} apart"
                    )
                label = self._sized(label_file, _read_image(label_file, cv2.IMREAD_UNCHANGED))
                masks[k] = label == truth.obj_id
            else:
                drawn = self._drawn_masks(key) if drawn is None else drawn
                masks[k] = drawn[k]
        return masks

    def _sized(self, file: Path, image: np.ndarray) -> np.ndarray:
        if image.shape != (self.camera.height, self.camera.width):
            raise SourceError(
                f"{file} is {image.shape}, the pictures are {(self.camera.height, self.camera.width)}"
            )
        return image

    def _drawn_masks(self, key: str) -> np.ndarray:
        """Masks from meshes at the true poses, where nothing measured is more than a little nearer."""
        frame, truths = self.frame(key), self.truth(key)
        files = mesh_files(self._models or models_folder(self.path))
        nearest = np.full(frame.depth.size, np.inf)
        owner = np.full(frame.depth.size, -1)
        for k, truth in enumerate(truths):
            if truth.label not in files:
                raise SourceError(
                    f"{self.path} has no mask of {truth.label}, and there is no mesh to draw it from"
                )
            mesh = load_mesh(files[truth.label], "mm")
            points = truth.camera_from_object.apply(mesh.vertices)
            both = np.concatenate([mesh.triangles, mesh.triangles[:, ::-1]])
            hits = rasterize(
                np.nan_to_num(frame.camera.project(points)), points[:, 2], both, *frame.depth.shape
            )
            closer = hits.depth < nearest[hits.pixel]
            owner[hits.pixel[closer]], nearest[hits.pixel[closer]] = k, hits.depth[closer]
        hidden = frame.depth.ravel() < nearest - 0.015
        owner = np.where(hidden, -1, owner).reshape(frame.depth.shape)
        return np.arange(len(truths))[:, None, None] == owner

    def _number(self, key: str) -> int:
        if not key.isdecimal() or int(key) not in self._cameras:
            raise SourceError(
                f"{self.path} has no frame {key!r}; it has {self.keys()[0]} to {self.keys()[-1]}"
            )
        return int(key)

    def _load_truth(self) -> dict[int, tuple[ObjectTruth, ...]]:
        file = self.path / "scene_gt.json"
        if not file.exists():
            return {}
        poses = _numbered(file)
        info_file = self.path / "scene_gt_info.json"
        info = _numbered(info_file) if info_file.exists() else {}
        truth = {}
        for n in self._ids:
            entries, infos = poses.get(n, []), info.get(n, [])
            if infos and len(infos) != len(entries):
                raise SourceError(
                    f"{info_file} has {len(infos)} objects in frame {n}, scene_gt.json {len(entries)}"
                )
            shares = [float(one.get("visib_fract", np.nan)) for one in infos] or [np.nan] * len(entries)
            where = f"{file}, frame {n}"
            truth[n] = tuple(
                _truth(entry, share, where) for entry, share in zip(entries, shares, strict=True)
            )
        return truth


def find_scenes(path: Path | str) -> list[Path]:
    """Scene folders of a path: itself or a data set's (DIR/test/000000 …); none where it is neither."""
    path = Path(path)
    if (path / "scene_camera.json").exists():
        return [path]
    return sorted(
        file.parent for pattern in ("*", "*/*") for file in path.glob(f"{pattern}/scene_camera.json")
    )


def open_bop(path: Path | str) -> BOPScene:
    """The one scene of a path; SourceError lists them where there are several."""
    scenes = find_scenes(path)
    if len(scenes) != 1:
        found = ", ".join(str(scene) for scene in scenes) or "none"
        raise SourceError(f"{path} must be or hold one scene in BOP's layout; found: {found}")
    return BOPScene(scenes[0])


def models_folder(scene: Path) -> Path:
    """`models` beside a scene folder or up to two levels above."""
    for folder in (scene, *list(scene.resolve().parents)[:2]):
        for name in ("models", "models_eval"):
            if (folder / name).is_dir():
                return folder / name
    raise SourceError(f"no folder `models` beside {scene} or above it")


def _images(path: Path, folders: Iterable[str]) -> dict[int, Path]:
    found = {}
    for folder in folders:
        for file in sorted((path / folder).glob("*")):
            if file.suffix.lower() in SUFFIXES and file.stem.isdecimal():
                found.setdefault(int(file.stem), file)
    return found


def _numbered(file: Path) -> dict[int, object]:
    document = _load_json(file)
    try:
        return {int(key): value for key, value in document.items()}
    except ValueError as error:
        raise SourceError(f"{file}: its keys must be numbers of frames, {error}") from error


def _camera(entry: object, width: int, height: int, n: int, path: Path) -> tuple[PinholeCamera, float]:
    """The camera of a frame and its depth_scale, mm a unit."""
    try:
        k = np.array(entry["cam_K"], float).reshape(3, 3)
        scale = float(entry.get("depth_scale", 1.0))
        camera = PinholeCamera(*(float(k[i, j]) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2))), width, height)
    except (KeyError, TypeError, ValueError, AttributeError, CameraError) as error:
        raise SourceError(
            f"{path}/scene_camera.json, frame {n}: no camera ({type(error).__name__} {error}); "
            "it must give cam_K (nine numbers) and depth_scale"
        ) from error
    if not 0 < scale < np.inf:
        raise SourceError(
            f"{path}/scene_camera.json, frame {n}: depth_scale {scale}; it must be positive, in mm a unit"
        )
    return camera, scale


def _truth(entry: object, visible: float, where: str) -> ObjectTruth:
    try:
        number = int(entry["obj_id"])
        rotation = np.array(entry["cam_R_m2c"], float).reshape(3, 3)
        pose = RigidTransform(rotation, 1e-3 * np.array(entry["cam_t_m2c"], float).reshape(3))
    except (KeyError, TypeError, ValueError, ShapeError) as error:
        raise SourceError(
            f"{where}: no pose ({type(error).__name__} {error}); "
            "it must give obj_id, cam_R_m2c (nine numbers), cam_t_m2c (three)"
        ) from error
    if (
        not np.isfinite(pose.translation).all()
        or not np.abs(rotation @ rotation.T - np.eye(3)).max() < NOT_ROTATED
    ):
        raise SourceError(f"{where}: object {number} has no rotation matrix or a position that is not finite")
    return ObjectTruth(number, label_of(number), pose, visible)
