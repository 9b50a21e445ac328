"""The measures, each short, pure and batched. Unknown positions are NaN; lengths keep the input's unit."""

from __future__ import annotations

import numpy as np

from pose_ros.skeleton import COCO_17

# Per-joint constants of the COCO key-point task, in the order of COCO_17.joints.
# Source: cocodataset.org/#keypoints-eval, "2. Metrics", kappa_i = 2 sigma_i.
COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALL_POINTS = np.linspace(0, 1, 101)

assert len(COCO_SIGMAS) == len(COCO_17)


def oks_of_distance(distance: np.ndarray, labelled: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Object key-point similarity from distances (…,17) px, labelled (…,17) bool, area (…) px² -> (…).

    Mean over the labelled joints of exp(-d² / (2 area kappa²)). NaN where no joint is labelled.
    Source: cocodataset.org/#keypoints-eval.
    """
    variance = (2 * COCO_SIGMAS) ** 2 * np.asarray(area, dtype=float)[..., None]
    similarity = np.where(labelled, np.exp(-(distance**2) / (2 * variance)), 0.0)
    count = np.sum(labelled, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.sum(np.nan_to_num(similarity), axis=-1) / np.where(count > 0, count, np.nan)


def oks(xy: np.ndarray, truth_xy: np.ndarray, labelled: np.ndarray, area: np.ndarray) -> np.ndarray:
    """OKS of estimates xy (…,17,2) against truth (…,17,2), both px; see `oks_of_distance`."""
    return oks_of_distance(np.linalg.norm(xy - truth_xy, axis=-1), labelled, area)


def average_precision(
    similarity: list[np.ndarray],
    score: list[np.ndarray],
    ignored: list[np.ndarray],
    thresholds: np.ndarray = OKS_THRESHOLDS,
) -> tuple[float, float]:
    """(AP, AR) over OKS thresholds, both in [0,1]; NaN without a person to find.

    One list item an image: similarity (N estimates, M people), score (N,), ignored (M,) bool for
    people who are neither to be found nor counted against the estimate that finds them. Within an
    image, estimates take people greedily by falling score; precision is made monotone and sampled
    at 101 recalls. Source: pycocotools' COCOeval (evaluateImg, accumulate), area range "all".
    """
    to_find = sum(int(np.sum(~skip)) for skip in ignored)
    if to_find == 0:
        return np.nan, np.nan
    precisions, recalls = [], []
    for threshold in thresholds:
        hits = [_greedy_hits(*image, threshold) for image in zip(similarity, score, ignored, strict=True)]
        scores = np.concatenate([s for s, _ in hits])
        hit = np.concatenate([h for _, h in hits])[np.argsort(-scores, kind="stable")]
        hit = hit[~np.isnan(hit)]
        found = np.cumsum(hit)
        recall = found / to_find
        precision = found / np.arange(1, len(hit) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, _RECALL_POINTS)
        precisions.append(np.mean(np.append(precision, 0.0)[at]))
        recalls.append(recall[-1] if len(recall) else 0.0)
    return float(np.mean(precisions)), float(np.mean(recalls))


def _greedy_hits(
    similarity: np.ndarray, score: np.ndarray, ignored: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores by falling score, and for each 1 (took a person), 0 (took none), NaN (took an ignored one)."""
    order = np.argsort(-score, kind="stable")
    free = np.ones(len(ignored), bool)
    hits = np.zeros(len(order))
    for n, estimate in enumerate(order):
        for candidates, value in ((free & ~ignored, 1.0), (free & ignored, np.nan)):
            able = candidates & (similarity[estimate] >= threshold)
            if able.any():
                free[np.argmax(np.where(able, similarity[estimate], -1))] = False
                hits[n] = value
                break
    return score[order], hits


def joint_error(xyz: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distance (…,K) between joints (…,K,3); NaN where either is unknown."""
    return np.linalg.norm(xyz - truth, axis=-1)


def mpjpe(xyz: np.ndarray, truth: np.ndarray) -> float:
    """Mean per-joint position error over the joints known in both, no alignment of any kind.

    Source: Ionescu et al., "Human3.6M" (TPAMI 2014), protocol 1, here without its root alignment.
    """
    return mean_known(joint_error(xyz, truth))


def pck(xyz: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """Share of the joints known in truth whose error is at most the threshold; a missing one is wrong.

    Source: Mehta et al., "Monocular 3D human pose estimation in the wild" (3DV 2017), 3DPCK.
    """
    error = joint_error(xyz, truth)[~np.isnan(truth).any(-1)]
    return float(np.mean(error <= threshold)) if error.size else np.nan


def torso_size(truth_xy: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Size (…) px of people with COCO-17 joints (…,17,2), known (…,17): what PCK in an image is measured by.

    The mean of the torso's diagonals, shoulder to opposite hip; where it is not known whole, 0.4 of the
    longer side of the box about what is known (a standing adult's ratio); NaN where nothing is.
    Source: Sapp & Taskar, "MODEC" (CVPR 2013), with one of its diagonals.
    """
    one, other = (
        COCO_17.indices(*pair) for pair in (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
    )
    diagonals = [np.linalg.norm(truth_xy[..., a, :] - truth_xy[..., b, :], axis=-1) for a, b in (one, other)]
    whole = known[..., [*one, *other]].all(-1)
    shown = known[..., None]
    high = np.where(shown, truth_xy, -np.inf).max(-2)
    low = np.where(shown, truth_xy, np.inf).min(-2)
    side = np.where(known.any(-1), (high - low).max(-1), np.nan)
    return np.where(whole, np.mean(diagonals, axis=0), 0.4 * side)


def pck_2d(
    xy: np.ndarray, truth_xy: np.ndarray, labelled: np.ndarray, size: np.ndarray, share: float = 0.2
) -> float:
    """Share of the labelled (…,K) joints whose estimate xy (…,K,2) px lies within `share` of size (…) px.

    A missing estimate (NaN) is wrong. NaN where no joint is labelled.
    Source: Yang & Ramanan, "Articulated human detection" (TPAMI 2013), here by the torso (see torso_size).
    """
    near = joint_error(xy, truth_xy) <= share * size[..., None]
    return float(np.mean(near[labelled])) if labelled.any() else np.nan


def align_similarity(xyz: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The points (…,K,3) moved, turned and scaled (no mirror) to lie closest to truth (…,K,3).

    Points unknown in either take no part and come back NaN.
    Source: Umeyama, "Least-squares estimation of transformation parameters" (TPAMI 1991).
    """
    known = ~(np.isnan(xyz).any(-1) | np.isnan(truth).any(-1))[..., None]
    count = np.maximum(known.sum(-2, keepdims=True), 1)
    target = np.where(known, truth, 0)
    target_mean = target.sum(-2, keepdims=True) / count
    target = np.where(known, truth - target_mean, 0)
    source = np.where(known, xyz, 0)
    source = np.where(known, source - source.sum(-2, keepdims=True) / count, 0)
    u, singular, vt = np.linalg.svd(np.swapaxes(target, -1, -2) @ source)
    sign = np.ones_like(singular)
    sign[..., -1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = u * sign[..., None, :] @ vt
    spread = np.sum(source**2, axis=(-1, -2))
    scale = np.sum(singular * sign, axis=-1) / np.where(spread > 0, spread, 1)
    aligned = scale[..., None, None] * source @ np.swapaxes(rotation, -1, -2) + target_mean
    return np.where(known, aligned, np.nan)


def pa_mpjpe(xyz: np.ndarray, truth: np.ndarray, min_joints: int = 6) -> float:
    """MPJPE after the best similarity of each pose (…,K,3); poses with fewer joints known are left out.

    Source: Zhou et al., "Sparseness meets deepness" (CVPR 2016): Human3.6M protocol 2.
    """
    error = joint_error(align_similarity(xyz, truth), truth)
    enough = np.sum(~np.isnan(error), axis=-1) >= min_joints
    return mean_known(error[enough])


def rotation_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle (…) in degrees between rotations (…,3,3). Source: Hartley et al., "Rotation averaging" (2013)."""
    relative = np.swapaxes(a, -1, -2) @ b
    # 2 sin and 2 cos of the angle: exact near 0 and 180 degrees, where arccos of the trace is not.
    cosine = np.trace(relative, axis1=-2, axis2=-1) - 1
    axis = np.stack(
        [
            relative[..., 2, 1] - relative[..., 1, 2],
            relative[..., 0, 2] - relative[..., 2, 0],
            relative[..., 1, 0] - relative[..., 0, 1],
        ],
        axis=-1,
    )
    return np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), cosine))


def direction_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle (…) in degrees between directions (…,3) of any length."""
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))


def jitter(error: np.ndarray) -> float:
    """RMS trembling of tracks (T,…,3) sampled at a constant rate, in the unit of the input.

    The second difference over time removes rest and constant velocity; dividing its RMS by sqrt(6)
    makes the figure the RMS distance of the tremble itself where the tremble is white: Var(x0 - 2 x1
    + x2) = 6 Var(x). Pass estimate minus truth, so that true acceleration is no jitter. NaN breaks
    a track.
    """
    second = error[2:] - 2 * error[1:-1] + error[:-2]
    return float(np.sqrt(mean_known(np.sum(second**2, axis=-1)) / 6))


def mean_known(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN where there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan
