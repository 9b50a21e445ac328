"""What is behind people who stand in no room: photos, noise of every scale, gradients."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pose_ros.errors import SourceError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
LARGEST = 1000  # px; larger photos are shrunk as they are read


def read_photos(folder: Path | str | None) -> list[np.ndarray]:
    """The pictures (H,W,3) uint8 rgb of a folder in the order of their names; none without a folder."""
    if folder is None:
        return []
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in SUFFIXES)
    photos = []
    for path in paths:
        photo = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
        if photo is None:
            raise SourceError(f"{path} is no picture that can be read")
        shrink = LARGEST / max(photo.shape[:2])
        photos.append(cv2.resize(photo, None, fx=shrink, fy=shrink) if shrink < 1 else photo)
    if not photos:
        raise SourceError(f"{folder} holds no pictures ({', '.join(SUFFIXES)})")
    return photos


def backdrop(rng: np.random.Generator, size: tuple[int, int], photos: list[np.ndarray]) -> np.ndarray:
    """(H,W,3) uint8 rgb of `size` (width, height)."""
    kind = rng.random()
    if photos and kind < 0.6:
        return _cut(rng, size, photos[rng.integers(len(photos))])
    if kind < 0.75:
        corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
        return cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR)
    picture = np.zeros((size[1], size[0], 3), np.float32)
    total = 0.0
    for cells in (2, 5, 12, 30, 80):  # noise of falling, or of no, strength
        weight = rng.uniform(0, 1)
        grid = (int(rng.integers(1, cells + 1)) + 1, int(rng.integers(1, cells + 1)) + 1)
        way = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
        layer = cv2.resize(rng.random((*grid, 3), dtype=np.float32), size, interpolation=way)
        picture, total = picture + weight * layer, total + weight
    return np.clip(picture / total * 255, 0, 255).astype(np.uint8)


def _cut(rng: np.random.Generator, size: tuple[int, int], photo: np.ndarray) -> np.ndarray:
    """A piece of a photo, mirrored, now and then upside down, in other colours."""
    height, width = photo.shape[:2]
    share = rng.uniform(0.35, 1.0) * min(width / size[0], height / size[1])
    wide, tall = max(int(size[0] * share), 1), max(int(size[1] * share), 1)
    x, y = int(rng.integers(width - wide + 1)), int(rng.integers(height - tall + 1))
    piece = cv2.resize(photo[y : y + tall, x : x + wide], size, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    if rng.random() < 0.15:
        piece = piece[::-1]
    tone = np.exp(rng.normal(0, 0.2, 3))
    return np.clip(piece * tone, 0, 255).astype(np.uint8)
