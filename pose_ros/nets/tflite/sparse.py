"""Sparse weights: only what is not zero is stored (TFLite's DENSIFY)."""

from __future__ import annotations

import numpy as np

from pose_ros.nets.tflite.file import Sparsity


def dense(values: np.ndarray, shape: tuple[int, ...], sparsity: Sparsity) -> np.ndarray:
    """Spreads stored values over the shape.

    Dimensions are traversed in the given order: first the tensor's own (divided into blocks), then, inside a
    block, those of block_map. Each is dense, or a list of the indices present for every prefix (CSR).
    """
    rank = len(shape)
    sizes = list(shape)
    for position, axis in enumerate(sparsity.block_map):
        block = sparsity.dimensions[sparsity.traversal_order.index(rank + position)][0]
        sizes[axis] //= block
        sizes.append(block)
    at = np.zeros((1, 0), np.int64)  # a row of coordinates for each prefix present, in traversal order
    for segments, indices in sparsity.dimensions:
        if indices is None:
            counts, new = np.full(len(at), segments), np.tile(np.arange(segments), len(at))
        else:
            counts, new = np.diff(segments.astype(np.int64)), indices
        at = np.column_stack([np.repeat(at, counts, axis=0), new])
    out = np.zeros(sizes, values.dtype)
    out[tuple(at[:, sparsity.traversal_order.index(axis)] for axis in range(len(sizes)))] = values
    # (a, b, …, blocks of a, blocks of b, …): bring each block beside the axis it divides.
    blocks = [[rank + p for p, of in enumerate(sparsity.block_map) if of == axis] for axis in range(rank)]
    return out.transpose([a for axis in range(rank) for a in (axis, *blocks[axis])]).reshape(shape)
