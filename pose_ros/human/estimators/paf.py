"""From heat maps and part affinity fields to people: limbs by line integral, matched and joined.

Source: Cao et al., "OpenPose: Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", 2019,
sections 3.3 and 3.4. The integral of all pairs of all limbs is one batch; what remains is small, on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pose_ros.human.estimators.heatmap_peaks import Peaks

SAMPLES = 10  # along a limb, its ends included


@dataclass(frozen=True)
class Limits:
    """field: a sample counts above this. share: of a limb's samples that must."""

    field: float = 0.05
    share: float = 0.8


@dataclass(frozen=True)
class Person:
    """parts (K,): which peak of each joint, -1 for none. limbs: how many. affinity: sum of theirs."""

    parts: np.ndarray
    limbs: int
    affinity: float


def limb_scores(peaks: Peaks, fields: Tensor, limbs: Sequence[tuple[int, int]], limits: Limits) -> Tensor:
    """How well each pair of peaks makes a limb, (L,P,P) from its first joint to its second; 0: not at all.

    fields: (L,2,H,W), unit vectors along limbs, in the peaks' cells. The score is the mean of the field's
    share along the line, less what a line longer than half the map's height has too much.
    """
    _, _, height, width = fields.shape
    first, second = ([limb[end] for limb in limbs] for end in (0, 1))
    start, end = peaks.xy[first][:, :, None], peaks.xy[second][:, None]
    way = end - start
    dx, dy = way.unbind(-1)
    # Torch's root in single precision may be off by a bit, depending on where a value lies in the batch.
    length = (dx * dx + dy * dy).double().sqrt().to(dx.dtype)
    part = torch.arange(SAMPLES, device=way.device, dtype=way.dtype).div(SAMPLES - 1)
    x, y = (start + way * part[:, None, None, None, None]).unbind(-1)
    across, down = _sample(fields, x.clamp(0, width - 1), y.clamp(0, height - 1))
    safe = torch.where(length > 0, length, 1.0)
    along = across * (dx / safe) + down * (dy / safe)
    total = along[0]
    for one in along[1:]:  # one by one: a sum over the axis rounds as its size pleases
        total = total + one
    score = total / SAMPLES + (safe.new_tensor(0.5 * height) / safe - 1).clamp(max=0)
    enough = (along > limits.field).sum(0) >= limits.share * SAMPLES
    real = peaks.real[first][:, :, None] & peaks.real[second][:, None]
    return torch.where(real & enough & (length > 0) & (score > 0), score, 0.0)


def _sample(fields: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both components (S,L,P,P) of each limb's field between its cells, linearly."""
    _, _, height, width = fields.shape
    limb = torch.arange(len(fields), device=fields.device)[:, None, None]
    left, top = x.floor().long(), y.floor().long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    fx, fy = x - left, y - top

    def component(n: int) -> Tensor:
        upper = fields[limb, n, top, left] * (1 - fx) + fields[limb, n, top, right] * fx
        lower = fields[limb, n, bottom, left] * (1 - fx) + fields[limb, n, bottom, right] * fx
        return upper * (1 - fy) + lower * fy

    return component(0), component(1)


def match(scores: np.ndarray) -> list[tuple[float, int, int]]:
    """One limb's pairs (score, a, b) of scores (P,P) > 0, the best first, no peak in two of them.

    Greedy, as the paper does; the pairs of highest sum were the same people on all images it was tried on.
    """
    rows, columns = np.nonzero(scores)
    taken_a, taken_b, pairs = set(), set(), []
    for n in np.argsort(-scores[rows, columns], kind="stable"):
        a, b = int(rows[n]), int(columns[n])
        if a not in taken_a and b not in taken_b:
            taken_a.add(a)
            taken_b.add(b)
            pairs.append((float(scores[a, b]), a, b))
    return pairs


def assemble(scores: np.ndarray, limbs: Sequence[tuple[int, int]], joints: int) -> list[Person]:
    """People of the limbs (L,P,P): the surest limb first, each joins what its ends belong to.

    A limb that would give a person two of one joint is left out, so it cannot tie two people together.
    """
    found = [(-score, n, a, b) for n, one in enumerate(scores) for score, a, b in match(one)]
    people: dict[tuple[int, int], _Growing] = {}  # by (joint, peak)
    for negative, limb, a, b in sorted(found):
        ends = (limbs[limb][0], a), (limbs[limb][1], b)
        one, other = (people.get(end) or _Growing({end[0]: end[1]}) for end in ends)
        if one is not other and one.parts.keys() & other.parts.keys():
            continue
        if one is not other:
            one = _Growing(
                {**one.parts, **other.parts}, one.limbs + other.limbs, one.affinity + other.affinity
            )
            people.update(dict.fromkeys(one.parts.items(), one))
        one.limbs += 1
        one.affinity -= negative
    whole = {id(person): person for person in people.values()}.values()
    return [person.grown(joints) for person in whole]


@dataclass(eq=False)
class _Growing:
    parts: dict[int, int]
    limbs: int = 0
    affinity: float = 0.0

    def grown(self, joints: int) -> Person:
        parts = np.full(joints, -1)
        parts[list(self.parts)] = list(self.parts.values())
        return Person(parts, self.limbs, self.affinity)
