"""The skeletons consumers know, and how each of their joints comes from the joints an estimator sees.

Joints bear the names of `pose_ros.skeleton` wherever they mean the same point; the order is the
publisher's. A joint without a rule is the joint of that name itself. What no rule gives (the small toe,
the tip of the thumb) is not among what estimators see, and stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from pose_ros.errors import ConfigError, unknown
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17, Skeleton

Rule = Mapping[str, float]  # weights by joint, their sum is 1
SIDES = ("left", "right")


@dataclass(frozen=True)
class PointFormat:
    """A skeleton, and the weighted means that stand for those of its joints that nobody sees directly."""

    skeleton: Skeleton
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for joint in self.rules:
            if joint not in self.skeleton.joints:
                raise ConfigError(unknown(f"joint with a rule in {self.skeleton.name}", joint, self.joints))

    @property
    def joints(self) -> tuple[str, ...]:
        return self.skeleton.joints

    def sources(self, joint: str) -> Rule:
        return self.rules.get(joint, {joint: 1.0})


def _mean(*joints: str) -> Rule:
    return {joint: 1 / len(joints) for joint in joints}


def _between(start: Rule, end: Rule, part: float) -> Rule:
    """So far on the way from start to end; beyond the end where `part` is over 1."""
    joints = {**start, **end}
    return {joint: (1 - part) * start.get(joint, 0.0) + part * end.get(joint, 0.0) for joint in joints}


def _both(rule: Rule, side: str) -> Rule:
    """A rule written for the left, for this side."""
    return {
        joint.replace("left", side) if "left" in joint else joint.replace("right", _other(side)): weight
        for joint, weight in rule.items()
    }


def _other(side: str) -> str:
    return SIDES[1 - SIDES.index(side)]


def _sided(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules for the left joints, and the same for the right ones."""
    return {name.replace("left", side): _both(rule, side) for name, rule in rules.items() for side in SIDES}


def _limb(side: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts)


def _pairs(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in SIDES)


def _chain(*joints: str) -> tuple[tuple[str, str], ...]:
    return tuple(pairwise(joints))


ARM, LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
HIPS, SHOULDERS, EARS = (_mean(*_pairs(part)) for part in ("hip", "shoulder", "ear"))

# OpenPose, "COCO" output: doc/02_output.md of the project; COCO's joints with a neck (Cao et al. 2019).
OPENPOSE_18 = PointFormat(
    Skeleton(
        "openpose_18",
        (
            "nose", "neck", *_limb("right", *ARM), *_limb("left", *ARM), *_limb("right", *LEG),
            *_limb("left", *LEG), "right_eye", "left_eye", "right_ear", "left_ear",
        ),
        tuple(
            bone
            for side in SIDES
            for chain in (("neck", *_limb(side, *ARM)), ("neck", *_limb(side, *LEG)),
                          ("nose", *_limb(side, "eye", "ear")))
            for bone in _chain(*chain)
        ) + (("neck", "nose"),),
    ),
    {"neck": SHOULDERS},
)  # fmt: skip

# OpenPose, BODY_25: as above with the middle of the hips and feet. BlazePose's foot index is its big toe.
FOOT = ("big_toe", "small_toe", "heel")
OPENPOSE_25 = PointFormat(
    Skeleton(
        "openpose_25",
        (
            "nose", "neck", *_limb("right", *ARM), *_limb("left", *ARM), "mid_hip",
            *_limb("right", *LEG), *_limb("left", *LEG), "right_eye", "left_eye", "right_ear", "left_ear",
            *_limb("left", *FOOT), *_limb("right", *FOOT),
        ),
        tuple(
            bone
            for side in SIDES
            for chain in (("neck", *_limb(side, *ARM)), ("mid_hip", *_limb(side, *LEG)),
                          ("nose", *_limb(side, "eye", "ear")), _limb(side, "ankle", "big_toe", "small_toe"),
                          _limb(side, "ankle", "heel"))
            for bone in _chain(*chain)
        ) + _chain("nose", "neck", "mid_hip"),
    ),
    {"neck": SHOULDERS, "mid_hip": HIPS, **_sided({"left_big_toe": _mean("left_foot_index")})},
)  # fmt: skip

# Human3.6M (Ionescu et al. 2014), the 17 of its 32 joints that move, in the order of Martinez et al. 2017.
# Its head is the top of the head, which no estimator sees: here it is the middle of the ears, lower down.
H36M_17 = PointFormat(
    Skeleton(
        "h36m_17",
        (
            "pelvis", *_limb("right", *LEG), *_limb("left", *LEG), "spine", "thorax", "neck_nose", "head",
            *_limb("left", *ARM), *_limb("right", *ARM),
        ),
        tuple(
            bone
            for side in SIDES
            for chain in (("pelvis", *_limb(side, *LEG)), ("thorax", *_limb(side, *ARM)))
            for bone in _chain(*chain)
        ) + _chain("pelvis", "spine", "thorax", "neck_nose", "head"),
    ),
    {
        "pelvis": HIPS, "spine": _between(HIPS, SHOULDERS, 0.5), "thorax": SHOULDERS,
        "neck_nose": _mean("nose"), "head": EARS,
    },
)  # fmt: skip

# SMPL (Loper et al. 2015), kinematic tree and order of its joint regressor. Where its spine, neck and
# collars lie between hips and shoulders is measured on its mean shape, to a hundredth of the trunk.
SMPL_24 = PointFormat(
    Skeleton(
        "smpl_24",
        (
            "pelvis", *_pairs("hip"), "spine1", *_pairs("knee"), "spine2", *_pairs("ankle"), "spine3",
            *_pairs("foot"), "neck", *_pairs("collar"), "head", *_pairs(*ARM), *_pairs("hand"),
        ),
        _chain("pelvis", "spine1", "spine2", "spine3", "neck", "head") + tuple(
            bone
            for side in SIDES
            for chain in (("pelvis", *_limb(side, *LEG, "foot")),
                          ("spine3", *_limb(side, "collar", *ARM, "hand")))
            for bone in _chain(*chain)
        ),
    ),
    {
        "pelvis": _between(HIPS, SHOULDERS, 0.17), "spine1": _between(HIPS, SHOULDERS, 0.37),
        "spine2": _between(HIPS, SHOULDERS, 0.62), "spine3": _between(HIPS, SHOULDERS, 0.72),
        "neck": _between(HIPS, SHOULDERS, 1.11), "head": _between(SHOULDERS, EARS, 0.5),
        **_sided({
            "left_collar": _between(
                HIPS, _between(SHOULDERS, _mean("left_shoulder"), 0.46), 0.94),
            "left_foot": _between(_mean("left_heel"), _mean("left_foot_index"), 0.73),
            "left_hand": _mean("left_index", "left_pinky"),
        }),
    },
)  # fmt: skip

# ZED SDK 4 and 5, BODY_38_PARTS. Its thumb and middle finger are finger tips: BlazePose sees knuckles.
FINGERS = ("hand_thumb_4", "hand_index_1", "hand_middle_4", "hand_pinky_1")
BODY_38 = PointFormat(
    Skeleton(
        "body_38",
        (
            "pelvis", "spine_1", "spine_2", "spine_3", "neck", "nose", *_pairs("eye", "ear", "clavicle"),
            *_pairs(*ARM, *LEG, *FOOT, *FINGERS),
        ),
        _chain("pelvis", "spine_1", "spine_2", "spine_3", "neck", "nose") + tuple(
            bone
            for side in SIDES
            for chain in (
                ("pelvis", *_limb(side, *LEG)), ("spine_3", *_limb(side, "clavicle", *ARM)),
                ("nose", *_limb(side, "eye", "ear")), *(_limb(side, "ankle", end) for end in FOOT),
                *(_limb(side, "wrist", end) for end in FINGERS),
            )
            for bone in _chain(*chain)
        ),
    ),
    {
        "pelvis": HIPS, "neck": SHOULDERS,
        **{f"spine_{n}": _between(HIPS, SHOULDERS, n / 4) for n in (1, 2, 3)},
        **_sided({
            "left_clavicle": _between(SHOULDERS, _mean("left_shoulder"), 1 / 3),
            "left_big_toe": _mean("left_foot_index"),
            "left_hand_index_1": _mean("left_index"), "left_hand_pinky_1": _mean("left_pinky"),
        }),
    },
)  # fmt: skip

POINT_FORMATS: dict[str, PointFormat] = {
    format.skeleton.name: format
    for format in (
        PointFormat(COCO_17), PointFormat(BLAZEPOSE_33), OPENPOSE_18, OPENPOSE_25, H36M_17, SMPL_24, BODY_38,
    )
}  # fmt: skip
