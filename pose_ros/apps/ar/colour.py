"""Colours as light: pictures store them by sRGB's curve, and only light itself adds up."""

from __future__ import annotations

import numpy as np

_STEPS = 4095


def _light(stored: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


LINEAR = _light(np.arange(256) / 255).astype(np.float32)
_STORED = np.uint8(
    np.rint(
        255
        * np.interp(np.arange(_STEPS + 1) / _STEPS, _light(np.linspace(0, 1, 4096)), np.linspace(0, 1, 4096))
    )
)


def to_light(rgb: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [0,1], proportional to light."""
    return LINEAR[rgb]


def to_rgb(light: np.ndarray) -> np.ndarray:
    """Light to uint8; what is brighter than 1 is white."""
    return _STORED[(light * _STEPS + 0.5).clip(0, _STEPS).astype(np.int32)]
