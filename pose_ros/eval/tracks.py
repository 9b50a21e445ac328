"""Tracked people against true people, frame by frame: the one comparison that every command uses.

People of a frame are paired one to one by the median distance of their joints (Hungarian, at most
GATE). A true person with fewer than MIN_VISIBLE visible joints need not be found: it is left out,
and the estimate that finds it is not counted as invented. COCO's 17 joints are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose_ros.eval import metrics
from pose_ros.geometry.rigid import matrix_from_quaternion
from pose_ros.skeleton import COCO_17
from pose_ros.sources.truth import PeopleTruth, PersonTruth
from pose_ros.types import Person

GATE = 0.5  # m, median joint distance beyond which an estimate is of somebody else
MIN_VISIBLE = 4  # joints
FLIP_MARGIN = 0.1  # m by which swapping left and right must better a limb's mean error, and halve it
FAR_OFF = 0.15  # m, a visible joint this wrong is one a robot would go for in vain
FRAME_OF = {"pelvis": "body"}  # joint of the truth -> frame of a Person, where the names differ
LIMBS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))


@dataclass(frozen=True)
class TrackedPose:
    """What is compared of a tracked person: joints {name: (3,) m}, rotations {frame: (3,3)}, both in
    the camera's optical frame; of a frame in `twist_unobservable` only the bone's direction counts."""

    joints: Mapping[str, np.ndarray]
    rotations: Mapping[str, np.ndarray] = field(default_factory=dict)
    twist_unobservable: frozenset[str] = frozenset()

    @property
    def is_anywhere(self) -> bool:
        """Has it a joint with a position? If not it is neither of a person nor of nobody."""
        return not np.isnan(stack_joints([self.joints])).any(-1).all()

    @classmethod
    def of(cls, person: Person) -> TrackedPose:
        keypoints = person.keypoints3d
        return cls(
            dict(zip(keypoints.skeleton.joints, keypoints.xyz[0], strict=True)),
            {name: pose.rotation for name, pose in person.camera_from_joint.items()},
            person.twist_unobservable,
        )


Tracks = Mapping[str, Mapping[str, TrackedPose]]  # frame key -> person id -> pose


@dataclass(frozen=True)
class Matches:
    """Every true person who had to be found, one row (E) a frame: who found them, and where.

    frame: (E,) position of the frame in the truth. true: the people. found: their estimates' ids and
    poses, None where missed. xyz, truth: (E,17,3) m, NaN = unknown. visible: (E,17) bool.
    invented: estimates of nobody. n_frames: how many frames were compared.
    """

    frame: np.ndarray
    true: tuple[PersonTruth, ...]
    found: tuple[tuple[str, TrackedPose] | None, ...]
    xyz: np.ndarray
    truth: np.ndarray
    visible: np.ndarray
    invented: int
    n_frames: int


def compare_tracks(tracks: Tracks, truth: PeopleTruth) -> dict[str, Any]:
    """All figures of tracked people, over the frames that both tracks and truth hold.

    n_people: true people who had to be found, summed over frames; detected: those who were.
    coverage: share of their joints that have an estimate at all. mpjpe_mm, mpjpe_visible_mm,
    pa_mpjpe_mm: over the joints that have one, absolute in the camera frame. pck_50mm: over all
    joints, where a missing joint or person is wrong. far_off: share of people found with a visible
    joint more than FAR_OFF wrong. orientation_deg: mean over joint frames, of the bone's direction
    alone where the twist is declared unobservable; orientation_full_deg: with that twist.
    id_switches: how often a true person is found under another id than the last (CLEAR MOT,
    Bernardin & Stiefelhagen 2008). lr_flips: people in frames with a limb that fits better with left
    and right swapped. jitter_mm: see metrics.jitter.
    """
    return score_matches(match_tracks(tracks, truth))


def match_tracks(tracks: Tracks, truth: PeopleTruth) -> Matches:
    """Pair the people of every frame that both hold."""
    order = {key: n for n, key in enumerate(truth.frames)}
    frames, true, found, invented = [], [], [], 0
    compared = [key for key in truth.frames if key in tracks]
    for key in compared:
        people = truth[key]
        items = [(id, pose) for id, pose in tracks[key].items() if pose.is_anywhere]
        pairs = _pair([pose for _, pose in items], people)
        invented += len(items) - len(pairs)
        finder = {person: items[estimate] for estimate, person in pairs}
        for n, person in enumerate(people):
            if sum(visibility(person)) >= MIN_VISIBLE:
                frames.append(order[key])
                true.append(person)
                found.append(finder.get(n))
    joints = [pair[1].joints if pair else {} for pair in found]
    return Matches(
        np.array(frames, int),
        tuple(true),
        tuple(found),
        stack_joints(joints),
        stack_joints([person.joints for person in true]),
        np.array([visibility(person) for person in true], bool).reshape(-1, len(COCO_17)),
        invented,
        len(compared),
    )


def score_matches(matches: Matches) -> dict[str, Any]:
    """The figures of `compare_tracks` from the pairs of `match_tracks`."""
    xyz, truth, visible = matches.xyz, matches.truth, matches.visible
    detected = np.array([pair is not None for pair in matches.found], bool)
    error = metrics.joint_error(xyz, truth)
    seen = np.where(visible, error, np.nan)
    known = ~np.isnan(truth).any(-1)
    angles = _angles(matches)
    names = sorted({name for name, _, _ in angles})
    return {
        "n_frames": matches.n_frames,
        "n_people": len(detected),
        "detected": int(detected.sum()),
        "invented": matches.invented,
        "coverage": float(np.mean(~np.isnan(error[known]))) if known.any() else np.nan,
        "mpjpe_mm": 1e3 * metrics.mean_known(error),
        "mpjpe_visible_mm": 1e3 * metrics.mean_known(seen),
        "pa_mpjpe_mm": 1e3 * metrics.pa_mpjpe(xyz, truth),
        "pck_50mm": metrics.pck(xyz, truth, 0.05),
        "far_off": float(np.mean((seen[detected] > FAR_OFF).any(-1))) if detected.any() else np.nan,
        "orientation_deg": _mean(observable for _, _, observable in angles),
        "orientation_full_deg": _mean(full for _, full, _ in angles),
        "id_switches": _id_switches(matches),
        "lr_flips": int(np.sum(is_flipped(xyz, truth))),
        "jitter_mm": 1e3 * metrics.jitter(_error_tracks(matches)),
        "joint_mm": {
            joint: {
                "all": 1e3 * metrics.mean_known(error[:, k]),
                "visible": 1e3 * metrics.mean_known(seen[:, k]),
            }
            for k, joint in enumerate(COCO_17.joints)
        },
        "frame_deg": {name: _mean(seen for of, _, seen in angles if of == name) for name in names},
    }


def stack_joints(people: list[Mapping[str, np.ndarray]]) -> np.ndarray:
    """{name: (3,)} of each of N people as (N,17,3) in the order of COCO_17, NaN where absent."""
    unknown = np.full(3, np.nan)
    rows = [[joints.get(name, unknown) for name in COCO_17.joints] for joints in people]
    return np.array(rows, float).reshape(-1, len(COCO_17), 3)


def visibility(person: PersonTruth) -> list[bool]:
    """For each of COCO's joints: does the truth know it and call it visible?"""
    return [bool(name in person.joints and person.visible.get(name, True)) for name in COCO_17.joints]


def is_flipped(xyz: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Does an arm or a leg of these people (N,17,3) fit the truth clearly better mirrored? (N,)"""
    flipped = np.zeros(len(xyz), bool)
    for limb in LIMBS:
        left, right = (COCO_17.indices(*(f"{side}_{part}" for part in limb)) for side in ("left", "right"))
        sides = left + right
        straight = metrics.joint_error(xyz[:, sides], truth[:, sides])
        swapped = metrics.joint_error(xyz[:, right + left], truth[:, sides])
        both = ~np.isnan(straight + swapped)
        count = np.maximum(both.sum(-1), 1)
        straight = np.where(both, straight, 0).sum(-1) / count
        swapped = np.where(both, swapped, 0).sum(-1) / count
        flipped |= (swapped < straight / 2) & (straight - swapped > FLIP_MARGIN)
    return flipped


def _pair(poses: list[TrackedPose], people: tuple[PersonTruth, ...]) -> list[tuple[int, int]]:
    """(estimate, person) positions of those that belong together."""
    estimates = stack_joints([pose.joints for pose in poses])
    error = metrics.joint_error(estimates[:, None], stack_joints([p.joints for p in people])[None])
    none = np.isnan(error).all(-1)
    distance = np.full(none.shape, np.inf)
    distance[~none] = np.nanmedian(error[~none], axis=-1)
    cost = np.minimum(distance, GATE)
    return [(i, j) for i, j in zip(*linear_sum_assignment(cost), strict=True) if cost[i, j] < GATE]


def _angles(matches: Matches) -> list[tuple[str, float, float]]:
    """(frame name, error in degrees of the whole rotation, of its part declared observable)."""
    angles = []
    for person, found in zip(matches.true, matches.found, strict=True):
        pose = found[1] if found else TrackedPose({})
        for name, xyzw in person.rotations.items():
            frame = FRAME_OF.get(name, name)
            if frame not in pose.rotations:
                continue
            true, mine = matrix_from_quaternion(xyzw), pose.rotations[frame]
            full = float(metrics.rotation_angle(mine, true))
            # A limb's bone runs along its frame's z axis.
            bone = float(metrics.direction_angle(mine[:, 2], true[:, 2]))
            angles.append((frame, full, bone if frame in pose.twist_unobservable else full))
    return angles


def _id_switches(matches: Matches) -> int:
    last: dict[Any, str] = {}
    switches = 0
    for n in np.argsort(matches.frame, kind="stable"):
        if matches.found[n]:
            person, id = matches.true[n].id, matches.found[n][0]
            switches += last.get(person, id) != id
            last[person] = id
    return switches


def _mean(values: Iterable[float]) -> float:
    return metrics.mean_known(np.array(list(values), float))


def _error_tracks(matches: Matches) -> np.ndarray:
    """Estimate minus truth (T,P,17,3) frame by frame, NaN where there is none."""
    ids = sorted({person.id for person in matches.true})
    tracks = np.full((matches.frame.max(initial=-1) + 1, len(ids), len(COCO_17), 3), np.nan)
    tracks[matches.frame, [ids.index(person.id) for person in matches.true]] = matches.xyz - matches.truth
    return tracks
