"""dense() undoes a plain encoder of TFLite's sparse format."""

from __future__ import annotations

import numpy as np
import pytest

from pose_ros.nets.tflite.file import Sparsity
from pose_ros.nets.tflite.sparse import dense


def _encode(array: np.ndarray, order, block_map, sparse_levels):
    """The plain loop: walks the (blocked) dimensions in traversal order; returns (values, Sparsity)."""
    blocks = [2] * len(block_map)
    rank = array.ndim
    parts = []  # (a0, b0, a1, b1 …) then axes first, blocks last, as the format numbers them
    for axis in range(rank):
        parts += [array.shape[axis] // 2, 2] if axis in block_map else [array.shape[axis]]
    outer, inner, at = [], {}, 0
    for axis in range(rank):
        outer.append(at)
        at += 1
        if axis in block_map:
            inner[axis] = at
            at += 1
    blocked = array.reshape(parts).transpose([*outer, *(inner[axis] for axis in block_map)]).transpose(order)
    dimensions, values = [], []
    levels = [([0], []) for _ in order]

    def walk(level: int, part: np.ndarray) -> None:
        if level == len(order):
            values.append(part)
            return
        for index in range(part.shape[0]):
            if not sparse_levels[level] or np.any(part[index]):
                levels[level][1].append(index)
                walk(level + 1, part[index])
        levels[level][0].append(len(levels[level][1]))

    walk(0, blocked)
    for size, is_sparse, (segments, indices) in zip(blocked.shape, sparse_levels, levels, strict=True):
        dimensions.append((np.array(segments), np.array(indices)) if is_sparse else (size, None))
    assert all(b == 2 for b in blocks)
    return np.array(values), Sparsity(tuple(order), tuple(block_map), tuple(dimensions))


@pytest.mark.parametrize(
    ("order", "block_map", "sparse_levels"),
    [
        ((0, 1, 2), (), (False, False, True)),
        ((0, 1, 2), (), (False, True, True)),
        ((2, 0, 1), (), (False, True, False)),
        ((0, 1, 2, 3), (2,), (False, False, True, False)),
        ((0, 2, 1, 3, 4), (0, 2), (False, True, True, False, False)),
    ],
)
def test_dense_undoes_the_encoding(order, block_map, sparse_levels):
    rng = np.random.default_rng(3)
    array = rng.normal(size=(4, 3, 6)) * (rng.random((4, 3, 6)) < 0.3)
    values, sparsity = _encode(array, order, block_map, sparse_levels)
    assert len(values) < array.size
    assert np.array_equal(dense(values, array.shape, sparsity), array)
