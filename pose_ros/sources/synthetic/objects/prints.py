"""Pictures as packages have them: words, bands, a logo, a bar code. Everything follows from the generator."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

RESOLUTION = 3000  # px a metre
WORDS = (
    "CRACKERS", "SUGAR", "TOMATO", "COFFEE", "MUSTARD", "SOUP", "RICE", "TEA", "COCOA", "SALT", "FLOUR",
    "PASTA", "GELATIN", "PUDDING", "OATS", "HONEY", "CORN", "BEANS", "SCREWS M6", "BOLTS", "GLUE", "PAINT",
    "FILTER",
)  # fmt: skip
FONTS = (
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
)


def colour(rng: np.random.Generator, saturation=(0.35, 0.95), value=(0.25, 0.95)) -> tuple[int, int, int]:
    """A colour (r, g, b) as things are painted."""
    hsv = rng.random(), rng.uniform(*saturation), rng.uniform(*value)
    return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(*hsv))


def label_print(
    rng: np.random.Generator, width: float, height: float, ground: tuple[int, int, int]
) -> np.ndarray:
    """A picture for `width` x `height` m on a ground colour; every draw is another one."""
    w, h = (max(round(side * RESOLUTION), 24) for side in (width, height))
    picture = np.full((h, w, 3), ground, np.uint8)
    for _ in range(rng.integers(1, 3)):
        _band(picture, rng)
    if rng.random() < 0.8:
        _logo(picture, rng)
    _words(picture, rng)
    if rng.random() < 0.5:
        _bar_code(picture, rng)
    _small_print(picture, rng)
    return picture


def wrapped(rng: np.random.Generator, around: float, height: float) -> np.ndarray:
    """A picture to go round a can (m): three labels beside each other, so that every side shows something."""
    ground = colour(rng)
    return np.hstack([label_print(rng, around / 3, height, ground) for _ in range(3)])


def panels(
    rng: np.random.Generator, size: np.ndarray, ground: tuple[int, int, int] | None = None
) -> list[np.ndarray]:
    """A different print for each face of a box of `size` (3,) m, in the order of build.BOX_FACES."""
    ground = colour(rng) if ground is None else ground
    x, y, z = size
    return [label_print(rng, w, h, ground) for w, h in ((y, z), (y, z), (x, z), (x, z), (x, y), (x, y))]


def stripes(rng: np.random.Generator, width: float, height: float, count: int, along: bool) -> np.ndarray:
    """`count` periods of two colours, across the width (`along`) or the height."""
    w, h = (max(round(side * RESOLUTION), 24) for side in (width, height))
    phase = (np.arange(w) / w if along else np.arange(h) / h) * count % 1 < 0.5
    first, second = (np.array(colour(rng, value=v), np.uint8) for v in ((0.7, 0.95), (0.2, 0.4)))
    line = np.where(phase[:, None], first, second)
    return np.broadcast_to(line[None] if along else line[:, None], (h, w, 3)).copy()


def _band(picture: np.ndarray, rng: np.random.Generator) -> None:
    h, w = picture.shape[:2]
    middle, half = rng.uniform(0.1, 0.9), rng.uniform(0.04, 0.18)
    low, high = int(max(middle - half, 0) * h), int(min(middle + half, 1) * h)
    if rng.random() < 0.5:
        cv2.rectangle(picture, (0, low), (w, high), colour(rng), cv2.FILLED)
    else:
        slant = int(rng.uniform(-0.4, 0.4) * h)
        corners = np.array([(0, low), (w, low + slant), (w, high + slant), (0, high)], np.int32)
        cv2.fillPoly(picture, [corners], colour(rng), cv2.LINE_AA)


def _logo(picture: np.ndarray, rng: np.random.Generator) -> None:
    h, w = picture.shape[:2]
    centre = (int(rng.uniform(0.25, 0.75) * w), int(rng.uniform(0.25, 0.75) * h))
    size = rng.uniform(0.15, 0.33) * min(h, w)
    axes = (max(int(size * rng.uniform(0.7, 1.4)), 2), max(int(size), 2))
    angle = float(rng.uniform(0, 180))
    cv2.ellipse(picture, centre, axes, angle, 0, 360, colour(rng), cv2.FILLED, cv2.LINE_AA)
    if rng.random() < 0.6:
        inner = tuple(max(a * 2 // 3, 1) for a in axes)
        cv2.ellipse(
            picture, centre, inner, angle, 0, rng.uniform(120, 360), colour(rng), cv2.FILLED, cv2.LINE_AA
        )


def _words(picture: np.ndarray, rng: np.random.Generator) -> None:
    h, w = picture.shape[:2]
    word, font = str(rng.choice(WORDS)), int(rng.choice(FONTS))
    thick = max(int(min(h, w) / 60), 1)
    (tw, th), _ = cv2.getTextSize(word, font, 1.0, thick)
    scale = min(0.85 * w / tw, 0.4 * h / th) * rng.uniform(0.7, 1.0)
    corner = (int(rng.uniform(0.03, 0.12) * w), int(rng.uniform(0.3, 0.85) * h))
    dark = picture.mean() < 120
    ink = (245, 242, 235) if dark else (20, 18, 24)
    cv2.putText(picture, word, corner, font, scale, ink, thick, cv2.LINE_AA)


def _bar_code(picture: np.ndarray, rng: np.random.Generator) -> None:
    h, w = picture.shape[:2]
    bw, bh = int(0.3 * w), int(0.22 * h)
    x, y = int(rng.uniform(0, 0.68) * w), int(rng.uniform(0, 0.76) * h)
    bars = np.repeat(rng.random(24) < 0.5, max(bw // 24, 1))
    patch = picture[y : y + bh, x : x + len(bars)]
    patch[:] = np.where(bars[None, : patch.shape[1], None], 15, 240)


def _small_print(picture: np.ndarray, rng: np.random.Generator) -> None:
    h, w = picture.shape[:2]
    x, y, step = int(rng.uniform(0.05, 0.6) * w), int(rng.uniform(0.55, 0.8) * h), max(h // 28, 3)
    for line in range(rng.integers(3, 6)):
        end = x + int(rng.uniform(0.15, 0.35) * w)
        cv2.line(picture, (x, y + line * step), (end, y + line * step), (40, 40, 40), max(step // 4, 1))
