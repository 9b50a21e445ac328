"""What could be a joint, and what two of them have in common: what the costs are made of.

Source: Pishchulin et al., "DeepCut", 2016, section 3; the fields are those of Cao et al., "OpenPose", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from pose_ros.human.estimators.heatmap_peaks import Peaks, find_peaks
from pose_ros.human.estimators.openpose import MOST_PEAKS, UPSAMPLED
from pose_ros.human.estimators.openpose_layouts import Layout
from pose_ros.human.estimators.paf import Limits, limb_scores
from pose_ros.skeleton import Skeleton

ACROSS = ("shoulder", "hip", "eye", "ear")  # joints that one bone holds apart from those of the other side
A_LIMB = 0.3  # integral of the field between two joints whose distance tells a person's scale
NEAREST, FARTHEST = 0.02, 4.0  # trunks: what is nearer or farther counts as this


@dataclass(frozen=True)
class Options:
    """O peaks of the heat maps, each an option: this place is that joint.

    xy (O,2) cells, heat (O,), joint (O,), peak (O,): which of the joint's peaks. candidate (O,): options of
    one candidate lie on the same spot. limb (L,O,O,2): of each limb from one joint's option to another's,
    the integral of its field along the way, and whether OpenPose takes it for a limb.
    """

    xy: np.ndarray
    heat: np.ndarray
    joint: np.ndarray
    peak: np.ndarray
    candidate: np.ndarray
    limb: np.ndarray

    def __len__(self) -> int:
        return len(self.heat)

    def of(self, joint: int) -> np.ndarray:
        return np.flatnonzero(self.joint == joint)


def find_options(
    heat: Tensor, fields: Tensor, layout: Layout, least: float, most: int, spot: float
) -> tuple[Peaks, Options]:
    """The peaks of heat (K,H,W) above `least`, and the warmest of them, at most so many, as options; those
    of several joints within `spot` cells are one candidate."""
    fine = F.interpolate(heat[None], scale_factor=UPSAMPLED, mode="bicubic", align_corners=False)[0]
    peaks = find_peaks(fine, least, MOST_PEAKS)
    peaks = Peaks((peaks.xy + 0.5) / UPSAMPLED - 0.5, peaks.score.clamp(max=1.0), peaks.count)
    joint, peak = (v.cpu().numpy() for v in peaks.real.nonzero(as_tuple=True))
    score, at = peaks.score.cpu().numpy().astype(float), peaks.xy.cpu().numpy().astype(float)
    kept = np.sort(np.argsort(-score[joint, peak], kind="stable")[:most])
    joint, peak = joint[kept], peak[kept]
    xy = at[joint, peak]
    limb = np.zeros((len(layout.limbs), len(kept), len(kept), 2))
    if len(kept):
        # Once whatever the samples say, once with OpenPose's own test of them.
        both = [limb_scores(peaks, fields, layout.limbs, limits) for limits in (Limits(-2, 0), Limits())]
        integral, passed = (one.cpu().numpy() for one in both)
        for n, (a, b) in enumerate(layout.limbs):
            first, second = np.flatnonzero(joint == a), np.flatnonzero(joint == b)
            ends = np.ix_(peak[first], peak[second])
            limb[n][np.ix_(first, second)] = np.stack([integral[n][ends], passed[n][ends] > 0], -1)
    return peaks, Options(xy, score[joint, peak], joint, peak, _candidates(xy, joint, spot), limb)


def _candidates(xy: np.ndarray, joint: np.ndarray, spot: float) -> np.ndarray:
    """Each option goes to the first candidate within `spot` that has no option of its joint."""
    candidate = np.full(len(xy), -1)
    heads: list[int] = []
    for n, place in enumerate(xy):
        near = [h for h in heads if np.hypot(*(xy[h] - place)) < spot]
        free = [h for h in near if joint[n] not in joint[candidate == candidate[h]]]
        candidate[n] = candidate[free[0]] if free else len(heads)
        if not free:
            heads.append(n)
    return candidate


def kind_of(skeleton: Skeleton, ends: tuple[int, int]) -> str:
    """The name of a pair of joints, whatever its side."""
    names = (skeleton.joints[end] for end in ends)
    return "-".join(name.removeprefix("left_").removeprefix("right_") for name in names)


def offset_pairs(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Pairs of joints without a field that move little against each other: their distance tells."""
    sides = [tuple(f"{side}_{part}" for side in ("left", "right")) for part in ACROSS]
    trunks = [(f"{side}_shoulder", f"{side}_hip") for side in ("left", "right")]
    return [(skeleton.index(a), skeleton.index(b)) for a, b in (*sides, *trunks)]


def scales(options: Options, layout: Layout, usual: Mapping[str, float]) -> np.ndarray:
    """Trunk (O,) cells of whom each option is of, by the best limbs that end there; usual: length of a
    limb's kind in trunks. Limbs seen from their end are too short, so the longest counts; where none
    ends, the median of the others."""
    scale = np.full(len(options), np.nan)
    for n, (a, b) in enumerate(layout.limbs):
        length = usual.get(kind_of(layout.skeleton, (a, b)))
        first, second = options.of(a), options.of(b)
        if length is None or not len(first) or not len(second):
            continue
        integral = options.limb[n][np.ix_(first, second)][..., 0]
        best = (integral >= integral.max(axis=0)) & (integral >= integral.max(axis=1, keepdims=True))
        for i, j in np.argwhere(best & (integral > A_LIMB)):
            ends = [first[i], second[j]]
            trunk = np.linalg.norm(options.xy[ends[0]] - options.xy[ends[1]]) / length
            scale[ends] = np.fmax(scale[ends], trunk)
    known = np.isfinite(scale)
    return np.where(known, scale, np.median(scale[known]) if known.any() else 1.0).clip(min=1.0)


def limb_features(options: Options, scale: np.ndarray, limb: int, ends: tuple[int, int]) -> np.ndarray:
    """(A,B,5) of the options of a limb's first joint to those of its second: field and length."""
    first, second = options.of(ends[0]), options.of(ends[1])
    integral, passed = np.moveaxis(options.limb[limb][np.ix_(first, second)], -1, 0)
    length, _ = _ways(options, scale, first, second)
    far = np.log(length.clip(min=NEAREST))
    return np.stack([np.ones_like(far), integral, passed, far, far**2], -1)


def offset_features(options: Options, scale: np.ndarray, ends: tuple[int, int]) -> np.ndarray:
    """(A,B,4) of the options of two joints that no limb connects: how far apart, and how much larger one's
    person is than the other's."""
    length, ratio = _ways(options, scale, *(options.of(end) for end in ends))
    return np.stack([np.ones_like(length), length, length**2, ratio], -1)


def _ways(
    options: Options, scale: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (A,B) between options, in trunks, and |log| of their scales' ratio."""
    distance = np.linalg.norm(options.xy[second] - options.xy[first][:, None], axis=-1)
    length = (distance / np.sqrt(scale[first][:, None] * scale[second])).clip(max=FARTHEST)
    return length, np.abs(np.log(scale[first][:, None] / scale[second]))
