"""Shapes are checked where values are born; the message says what was expected and what came."""

from typing import Any

import numpy as np

from pose_ros.errors import ShapeError


def check_shape(name: str, array: Any, expected: tuple[int | str | None, ...]) -> np.ndarray:
    """Return `array` as ndarray if its shape fits, else raise ShapeError.

    `expected` holds an int for a fixed size and a letter (or None) for a free one.
    """
    array = np.asarray(array)
    fits = len(array.shape) == len(expected) and all(
        want == have for want, have in zip(expected, array.shape, strict=True) if isinstance(want, int)
    )
    if not fits:
        want = ", ".join("?" if size is None else str(size) for size in expected)
        raise ShapeError(f"{name} has shape {array.shape}, expected ({want})")
    return array
