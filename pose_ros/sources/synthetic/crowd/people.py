"""Bodies of every age and build, in clothes of every colour and pattern."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from pose_ros.body.rig import Shape
from pose_ros.sources.synthetic.body import Body
from pose_ros.sources.synthetic.wardrobe import TEXTURE, Outfit, atlas, dress


@dataclass(frozen=True)
class Player:
    body: Body
    outfit: Outfit


def player(rng: np.random.Generator) -> Player:
    """Anybody; one in five is a child."""
    age = rng.uniform(0.33, 0.5) if rng.random() < 0.2 else rng.uniform(0.55, 1.0)
    gender = float(np.clip(rng.choice([0.1, 0.9]) + rng.normal(0, 0.1), 0, 1))
    muscle, weight, proportions = np.clip(rng.normal(0.5, 0.25, 3), 0.05, 0.95).tolist()
    height = float(np.clip(rng.normal(0.45, 0.2), 0.05, 0.95))
    shape = Shape(gender, float(age), muscle, weight, height, proportions)
    return Player(Body(shape), dress(rng, gender))


def restyled(outfit: Outfit, rng: np.random.Generator, photos: list[np.ndarray]) -> Outfit:
    """The same person in other clothes: other colours or patterns, wider or tighter; another complexion."""
    texture, (where, loose) = outfit.texture, _clothes()
    if rng.random() < 0.8:
        mixed = _mixed(rng, texture) if rng.random() < 0.5 else _printed(rng, photos)
        half = rng.random() < 0.4  # of one piece from head to foot, or the shirt alone, or the trousers alone
        piece = where == (1 + rng.integers(2)) if half else where > 0
        texture = texture.copy()
        cv2.copyTo(mixed, piece.astype(np.uint8), texture)
    if rng.random() < 0.5:
        tone = np.exp(rng.normal(0, 0.15, 3)) * np.exp(rng.normal(0, 0.2))
        table = np.clip(np.arange(256)[:, None] * tone, 0, 255).astype(np.uint8)
        texture = cv2.LUT(texture, table[None])
    thickness = outfit.thickness * np.where(loose, rng.uniform(0.5, 2.5), 1.0)
    return Outfit(texture, thickness)


@lru_cache(maxsize=1)
def _clothes() -> tuple[np.ndarray, np.ndarray]:
    """Of the texels (TEXTURE,TEXTURE) what covers them: 0 nothing, 1 shirt, 2 trousers and shoes; and of the
    vertices (V,) whether clothes cover them.
    """
    texels, vertices = atlas().regions
    shirt, below = (1.9, 0.05, 0.0), 1.97
    where = np.where(texels.trousers(below) | texels.shoes(), 2, 0)
    where = np.where(texels.shirt(*shirt), 1, where).reshape(TEXTURE, TEXTURE)
    return where, vertices.shirt(*shirt) | vertices.trousers(below)


def _mixed(rng: np.random.Generator, texture: np.ndarray) -> np.ndarray:
    """Its own pattern in other colours."""
    matrix = rng.normal(0, 0.45, (3, 3)) + 0.3 * np.eye(3)
    return cv2.transform(texture, np.column_stack([matrix, rng.uniform(20, 200, 3)]))


def _printed(rng: np.random.Generator, photos: list[np.ndarray]) -> np.ndarray:
    """Smooth colours, blots, stripes, or a picture that somebody printed on it."""
    kind = rng.random()
    if kind < 0.25 and photos:
        photo = photos[rng.integers(len(photos))]
        return cv2.resize(photo, (TEXTURE, TEXTURE), interpolation=cv2.INTER_AREA)
    if kind < 0.55:
        base = rng.integers(0, 256, 3)
        return np.broadcast_to(base.astype(np.uint8), (TEXTURE, TEXTURE, 3)).copy()
    cells = (int(rng.integers(2, 60)), int(rng.integers(2, 60)))
    colours = rng.integers(0, 256, (int(rng.integers(2, 5)), 3)).astype(np.uint8)
    coarse = colours[rng.integers(len(colours), size=cells)]
    way = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
    return cv2.resize(coarse, (TEXTURE, TEXTURE), interpolation=way)
