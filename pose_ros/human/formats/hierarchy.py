"""The hierarchy of joints that motions are written in: names as animation software knows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.human.formats.chain import Chain
from pose_ros.human.formats.smpl import LEFT, UP


@dataclass(frozen=True)
class Joint:
    """A joint of the hierarchy, which rests in a T with y up, z forward and x to the left.

    point: where it is, a joint of the estimator's or a mean of some. turns_as: SMPL's joint that turns
    with it. aims_at: the joint its bone ends at, and `rest` (3,) that bone's direction at rest; "" where
    its children are fixed to it.
    """

    parent: str
    point: str
    turns_as: str
    aims_at: str = ""
    rest: tuple[float, ...] = (0.0, 0.0, 0.0)


def _side(side: str, out: np.ndarray) -> dict[str, Joint]:
    name, along, down = side.title(), tuple(out), tuple(-UP)
    return {
        f"{name}Shoulder": Joint("Chest", "shoulders", f"{side}_collar", f"{name}Arm", along),
        f"{name}Arm": Joint(
            f"{name}Shoulder", f"{side}_shoulder", f"{side}_shoulder", f"{name}ForeArm", along
        ),
        f"{name}ForeArm": Joint(f"{name}Arm", f"{side}_elbow", f"{side}_elbow", f"{name}Hand", along),
        f"{name}Hand": Joint(f"{name}ForeArm", f"{side}_wrist", f"{side}_wrist"),
        f"{name}UpLeg": Joint("Hips", f"{side}_hip", f"{side}_hip", f"{name}Leg", down),
        f"{name}Leg": Joint(f"{name}UpLeg", f"{side}_knee", f"{side}_knee", f"{name}Foot", down),
        f"{name}Foot": Joint(f"{name}Leg", f"{side}_ankle", f"{side}_ankle"),
        f"{name}ToeBase": Joint(f"{name}Foot", f"{side}toes", f"{side}_foot"),
    }


# Spine, Neck and the Shoulders have no offset: they let the chest be not straight above the pelvis, the head
# not straight above the chest, and the shoulders shrug.
HIERARCHY: dict[str, Joint] = {
    "Hips": Joint("", "hips", "pelvis"),
    "Spine": Joint("Hips", "hips", "pelvis", "Chest", tuple(UP)),
    "Chest": Joint("Spine", "shoulders", "spine3"),
    "Neck": Joint("Chest", "shoulders", "neck", "Head", tuple(UP)),
    "Head": Joint("Neck", "ears", "head"),
    **_side("left", LEFT),
    **_side("right", -LEFT),
}
CHAIN = Chain(tuple(HIERARCHY), tuple(joint.parent for joint in HIERARCHY.values()))
MIDDLE_OF = {
    "hips": ("left_hip", "right_hip"),
    "shoulders": ("left_shoulder", "right_shoulder"),
    "ears": ("left_ear", "right_ear"),
    # The ball of the foot, where toes bend: two thirds of the way from heel to toe.
    "lefttoes": ("left_heel", "left_foot_index", "left_foot_index"),
    "righttoes": ("right_heel", "right_foot_index", "right_foot_index"),
    "left_hand": ("left_index", "left_pinky"),
    "right_hand": ("right_index", "right_pinky"),
}
# Where the bones of the last joints end.
ENDS = {
    "Head": "nose",
    "LeftHand": "left_hand",
    "RightHand": "right_hand",
    "LeftToeBase": "left_foot_index",
    "RightToeBase": "right_foot_index",
}
