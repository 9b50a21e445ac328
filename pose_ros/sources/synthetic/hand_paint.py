"""What tells a palm from a hand's back: nails, a lighter palm, dark creases under the fingers' joints."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pose_ros.body.rig import SIDES, unit
from pose_ros.sources.synthetic.wardrobe import TEXTURE, Atlas, Outfit, atlas

PALM, NAIL = np.float32([236, 188, 164]), np.float32([240, 205, 196])
PALE, CREASED = 0.45, 0.55  # shares of the palm's colour; of the light that a crease keeps
CREASE, NAIL_LENGTH, NAIL_WIDTH = 0.0013, 0.011, 0.0055  # m: half widths, and length
TIP = 0.0015  # m, from a nail's end to the finger's


def paint_hands(outfit: Outfit) -> Outfit:
    """The same looks with painted hands."""
    inner, crease, nail = _masks()
    texture = outfit.texture.reshape(-1, 3).astype(np.float32)
    texture += PALE * inner[:, None] * (PALM - texture)
    texture *= 1 - (1 - CREASED) * crease[:, None]
    texture += 0.8 * nail[:, None] * (NAIL - texture)
    return Outfit(texture.clip(0, 255).astype(np.uint8).reshape(TEXTURE, TEXTURE, 3), outfit.thickness)


@lru_cache(maxsize=1)
def _masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texels (TEXTURE²,) of the inner side, of creases and of nails, as float32."""
    chart = atlas()
    inner, crease, nail = (np.zeros(TEXTURE**2, np.float32) for _ in range(3))
    for letter in SIDES.values():
        _mark(chart, letter, inner, crease, nail)
    return inner, crease, nail


def _mark(chart: Atlas, letter: str, inner: np.ndarray, crease: np.ndarray, nail: np.ndarray) -> None:
    bones, points, head = chart.model.bones, chart.texels, chart.joints
    knuckles = [head[f"finger{n}-1.{letter}"] for n in range(2, 6)]
    wrist = head[f"wrist.{letter}"]
    normal = unit(np.cross(knuckles[0] - wrist, knuckles[3] - wrist)) * (-1 if letter == "L" else 1)
    own = [name for name in bones if name.endswith(letter)]
    palm = [bones.index(name) for name in own if name.startswith(("wrist", "metacarpal"))]
    texels = np.flatnonzero(np.isin(points.bone, palm))
    middle = points.xyz[texels].mean(0)
    inner[texels] = (points.xyz[texels] - middle) @ normal > 0
    for n in range(1, 6):
        chain = [head[f"finger{n}-{k}.{letter}"] for k in (1, 2, 3)]
        inward = normal if n > 1 else unit(knuckles[3] - chain[0])
        for k in range(3):
            along = unit(chain[min(k + 1, 2)] - chain[min(k, 1)])
            inside = unit(inward - along * (inward @ along))
            texels = np.flatnonzero(points.bone == bones.index(f"finger{n}-{k + 1}.{letter}"))
            away = points.xyz[texels] - chain[k]
            far, up = away @ along, away @ inside
            aside = away @ np.cross(along, inside)
            up = up - np.median(up)
            inner[texels] = up > 0
            crease[texels] = (up > 0) & (np.abs(far) < CREASE)
            if k == 2:
                from_end = far.max() - far
                nail[texels] = (up < 0) & (np.abs(aside - np.median(aside)) < NAIL_WIDTH)
                nail[texels] *= (from_end > TIP) & (from_end < TIP + NAIL_LENGTH)
