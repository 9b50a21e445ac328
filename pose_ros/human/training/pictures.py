"""Pictures of people with what is known of them, and shards: files that hold many.

A shard is an .npz: per picture n `n.rgb` (JPEG), `n.owner` (PNG), `n.xy`, `n.labelled` and `n.visible`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from pose_ros.errors import ShapeError, SourceError
from pose_ros.shapes import check_shape
from pose_ros.skeleton import COCO_17

QUALITY = 92  # of the JPEGs
SHARD = 200  # pictures a file


@dataclass(frozen=True)
class TrainingPicture:
    """One picture and the N people in it, in COCO-17.

    rgb: (H,W,3) uint8. xy: (N,17,2) px, pixel centres at integers, exact also where a joint is hidden.
    labelled: (N,17) bool, inside the picture. visible: (N,17) bool, inside and not hidden.
    owner: (H,W) uint8, 0 = nobody's, n = a pixel of person n - 1.
    """

    rgb: np.ndarray
    xy: np.ndarray
    labelled: np.ndarray
    visible: np.ndarray
    owner: np.ndarray

    def __post_init__(self) -> None:
        people, joints = len(self.xy), len(COCO_17)
        height, width = self.owner.shape
        check_shape("rgb", self.rgb, (height, width, 3))
        check_shape("xy", self.xy, (people, joints, 2))
        check_shape("labelled", self.labelled, (people, joints))
        check_shape("visible", self.visible, (people, joints))
        if self.rgb.dtype != np.uint8 or self.owner.dtype != np.uint8:
            raise ShapeError(f"rgb and owner must be uint8, are {self.rgb.dtype} and {self.owner.dtype}")
        if self.owner.max(initial=0) > people:
            raise ShapeError(f"owner names person {self.owner.max() - 1}, there are {people}")

    @classmethod
    def of(cls, rgb: np.ndarray, xy: np.ndarray, visible: np.ndarray, owner: np.ndarray) -> TrainingPicture:
        """What is labelled follows from what is inside of the picture."""
        inside = is_inside(xy, owner.shape)
        return cls(rgb, xy, inside, visible & inside, owner)

    def __len__(self) -> int:
        return len(self.xy)

    @property
    def mask(self) -> np.ndarray:
        """(N,H,W) bool: the pixels of each person that are in sight."""
        return self.owner == np.arange(1, len(self) + 1, dtype=np.uint8)[:, None, None]

    @property
    def box_xyxy(self) -> np.ndarray:
        """(N,4) px: outermost pixels of each mask; NaN for somebody of whom nothing is in sight."""
        boxes = np.full((len(self), 4), np.nan)
        for n in range(len(self)):
            mine = self.owner == n + 1
            rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
            if len(rows):
                boxes[n] = columns[0], rows[0], columns[-1], rows[-1]
        return boxes

    def select(self, chosen: Sequence[int] | np.ndarray) -> TrainingPicture:
        """The people at these positions, in this order; the pixels of the others are nobody's."""
        chosen = np.asarray(chosen, dtype=int)
        number = np.zeros(256, np.uint8)
        number[chosen + 1] = np.arange(1, len(chosen) + 1)
        people = (self.xy[chosen], self.labelled[chosen], self.visible[chosen])
        return TrainingPicture(self.rgb, *people, number[self.owner])

    def repainted(self, rgb: np.ndarray) -> TrainingPicture:
        """The same with other colours."""
        return replace(self, rgb=rgb)


def is_inside(xy: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Whether points (…,2) px lie in a picture of `shape` (H,W): (…) bool, False for NaN."""
    height, width = shape[:2]
    with np.errstate(invalid="ignore"):
        return ((xy > -0.5) & (xy < (width - 0.5, height - 0.5))).all(-1)


def write_shard(path: Path | str, pictures: Sequence[TrainingPicture]) -> None:
    """One shard, whole or not at all: whoever is stopped while writing leaves no half file."""
    arrays = {}
    for n, picture in enumerate(pictures):
        bgr = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2BGR)
        arrays[f"{n}.rgb"] = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1]
        arrays[f"{n}.owner"] = cv2.imencode(".png", picture.owner)[1]
        arrays[f"{n}.xy"] = picture.xy.astype(np.float32)
        arrays[f"{n}.labelled"], arrays[f"{n}.visible"] = picture.labelled, picture.visible
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)


def write_shards(folder: Path | str, pictures: Iterable[TrainingPicture], size: int = SHARD) -> list[Path]:
    """All pictures, so many a shard, in their order; returns the files."""
    paths: list[Path] = []
    waiting: list[TrainingPicture] = []

    def flush() -> None:
        paths.append(Path(folder) / f"{len(paths):06d}.npz")
        write_shard(paths[-1], waiting)
        waiting.clear()

    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == size:
            flush()
    if waiting:
        flush()
    return paths


def read_shards(folder: Path | str) -> Shards:
    """Every picture of a folder of shards, read when it is asked for; SourceError where there is none."""
    return Shards(Path(folder))


class Shards(Sequence[TrainingPicture]):
    """Pictures in the order of the files' names and of their numbers in them."""

    def __init__(self, folder: Path) -> None:
        self._places: list[tuple[Path, int]] = []
        for path in sorted(folder.glob("*.npz")):
            try:
                with zipfile.ZipFile(path) as archive:
                    count = sum(name.endswith(".rgb.npy") for name in archive.namelist())
            except (OSError, zipfile.BadZipFile) as error:
                raise SourceError(f"{path} is no shard of pictures: {error}") from error
            self._places += [(path, n) for n in range(count)]
        if not self._places:
            raise SourceError(f"{folder} holds no training pictures (*.npz): make some with --data synth")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        path, n = self._places[index]
        try:
            with np.load(path) as arrays:
                rgb = cv2.imdecode(arrays[f"{n}.rgb"], cv2.IMREAD_COLOR_RGB)
                owner = cv2.imdecode(arrays[f"{n}.owner"], cv2.IMREAD_UNCHANGED)
                known = (arrays[f"{n}.{name}"] for name in ("xy", "labelled", "visible"))
                return TrainingPicture(rgb, *known, owner)
        except (OSError, KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            raise SourceError(f"picture {n} of {path} cannot be read: {error}") from error
