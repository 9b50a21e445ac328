"""From heat maps, offsets and displacements along a tree to people, each grown from its surest joint.

Source: Papandreou et al., "PersonLab", 2018, sections 3.1 and 3.2. All candidates grow their trees in one
batch; the choice among them is small, on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

REFINED = 2  # times a displaced joint is moved to where the offsets of its cell point


@dataclass(frozen=True)
class Maps:
    """heat (K,H,W): probabilities. offset (K,2,H,W): from a cell to the joint near it. forward, backward
    (E,2,H,W): from the parent of a tree's edge to its child, and back. Vectors are (y, x) px; a cell lies on
    every `stride`-th pixel."""

    heat: Tensor
    offset: Tensor
    forward: Tensor
    backward: Tensor
    stride: int


@dataclass(frozen=True)
class Trees:
    """Whole people, one grown from each candidate, the surest first. joint (N,): what it started with.

    yx (N,K,2) px, score (N,K).
    """

    joint: np.ndarray
    yx: np.ndarray
    score: np.ndarray


def grow(maps: Maps, edges: Sequence[tuple[int, int]], threshold: float, most: int) -> Trees:
    """Trees from the highest of the cells that no neighbour exceeds and that are above the threshold."""
    heat = maps.heat
    peak = (heat > threshold) & (heat == F.max_pool2d(heat[None], 3, 1, 1)[0])
    joint, row, column = peak.nonzero(as_tuple=True)
    order = torch.argsort(heat[joint, row, column], descending=True, stable=True)[:most]
    joint, row, column = joint[order], row[order], column[order]
    candidates, each = len(joint), torch.arange(len(joint), device=heat.device)
    yx = heat.new_zeros(candidates, len(heat), 2)
    known = torch.zeros(candidates, len(heat), dtype=torch.bool, device=heat.device)
    cells = torch.stack([row, column], -1)
    yx[each, joint] = cells * maps.stride + maps.offset[joint, :, row, column]
    known[each, joint] = True
    # Edges are listed from the root outwards: up to it first, then down all branches.
    steps = [(child, parent, maps.backward[n]) for n, (parent, child) in enumerate(edges)][::-1]
    steps += [(parent, child, maps.forward[n]) for n, (parent, child) in enumerate(edges)]
    for source, target, field in steps:
        new = known[:, source] & ~known[:, target]
        moved = yx[:, source] + _at(field, _cell(yx[:, source], maps))
        for _ in range(REFINED):
            cell = _cell(moved, maps)
            moved = cell * maps.stride + _at(maps.offset[target], cell)
        yx[:, target] = torch.where(new[:, None], moved, yx[:, target])
        known[:, target] |= new
    rows, columns = _cell(yx, maps).unbind(-1)
    score = heat[torch.arange(len(heat), device=heat.device), rows, columns]
    score[each, joint] = heat[joint, row, column]
    return Trees(joint.cpu().numpy(), yx.double().cpu().numpy(), score.double().cpu().numpy())


def _cell(yx: Tensor, maps: Maps) -> Tensor:
    """The nearest cells (…,2) of points (…,2)."""
    height, width = maps.heat.shape[1:]
    last = torch.tensor([height - 1, width - 1], device=yx.device)
    return torch.minimum((yx / maps.stride).round().long().clamp(min=0), last)


def _at(field: Tensor, cell: Tensor) -> Tensor:
    """Vectors (N,2) of a field (2,H,W) at cells (N,2)."""
    return field[:, cell[:, 0], cell[:, 1]].T


def choose(trees: Trees, radius: float, min_score: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the trees that are people, the surest start first, and each one's score.

    A tree is nobody new where it started within `radius` px of the same joint of an earlier one. Its score is
    the mean over its joints of their scores, of those that are near an earlier person's 0.
    """
    chosen: list[int] = []
    scores: list[float] = []
    for n in range(len(trees.joint)):
        near = np.linalg.norm(trees.yx[chosen] - trees.yx[n], axis=-1) <= radius
        if near[:, trees.joint[n]].any():
            continue
        score = float(np.where(near.any(axis=0), 0.0, trees.score[n]).mean())
        if score >= min_score:
            chosen.append(n)
            scores.append(score)
    return np.array(chosen, int), np.array(scores)
