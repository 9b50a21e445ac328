"""Named skeletons. Joints are always found by name, never by an index copied by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pose_ros.errors import ConfigError, unknown


@dataclass(frozen=True)
class Skeleton:
    """`joints` by name, `bones` as name pairs; mirror pairs follow from left_/right_."""

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        for joint in (joint for bone in self.bones for joint in bone):
            if joint not in self.joints:
                raise ConfigError(unknown(f"joint in a bone of {self.name}", joint, self.joints))

    def __len__(self) -> int:
        return len(self.joints)

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {joint: k for k, joint in enumerate(self.joints)}

    def index(self, joint: str) -> int:
        """Position of a joint; ConfigError lists the valid names."""
        if joint not in self._indices:
            raise ConfigError(unknown(f"joint of {self.name}", joint, self.joints))
        return self._indices[joint]

    def indices(self, *joints: str) -> list[int]:
        return [self.index(joint) for joint in joints]

    @cached_property
    def bone_indices(self) -> list[tuple[int, int]]:
        return [(self.index(a), self.index(b)) for a, b in self.bones]

    @cached_property
    def mirror_pairs(self) -> tuple[tuple[str, str], ...]:
        """(left, right) names of every joint that has a twin on the other side."""
        lefts = [joint for joint in self.joints if "left" in joint]
        return tuple(
            (j, j.replace("left", "right")) for j in lefts if j.replace("left", "right") in self.joints
        )


_LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
)
_TRUNK = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
)

COCO_17 = Skeleton(
    "coco_17",
    (
        "nose", "left_eye", "right_eye", "left_ear", "right_ear",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    (
        ("nose", "left_eye"), ("nose", "right_eye"),
        ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        *_TRUNK, *_LIMBS,
    ),
)  # fmt: skip

BLAZEPOSE_33 = Skeleton(
    "blazepose_33",
    (
        "nose",
        "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "mouth_left", "mouth_right",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
    (
        ("nose", "left_eye"), ("nose", "right_eye"),
        ("left_eye", "left_ear"), ("right_eye", "right_ear"), ("mouth_left", "mouth_right"),
        *_TRUNK, *_LIMBS,
        *(
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (
                ("wrist", "pinky"), ("wrist", "index"), ("wrist", "thumb"), ("pinky", "index"),
                ("ankle", "heel"), ("heel", "foot_index"), ("ankle", "foot_index"),
            )
        ),
    ),
)  # fmt: skip

_FINGERS = {
    "thumb": ("cmc", "mcp", "ip", "tip"),
    **{finger: ("mcp", "pip", "dip", "tip") for finger in ("index", "middle", "ring", "pinky")},
}
# One hand: joints as anatomy names them, in MediaPipe's order.
HAND_21 = Skeleton(
    "hand_21",
    ("wrist", *(f"{finger}_{joint}" for finger, joints in _FINGERS.items() for joint in joints)),
    (
        *((f"{finger}_{a}", f"{finger}_{b}") for finger, joints in _FINGERS.items()
          for a, b in pairwise(joints)),
        ("wrist", "thumb_cmc"), ("wrist", "index_mcp"), ("wrist", "pinky_mcp"),
        ("index_mcp", "middle_mcp"), ("middle_mcp", "ring_mcp"), ("ring_mcp", "pinky_mcp"),
    ),
)  # fmt: skip

# The oriented frames a Person may have: REP-155's body, and joints.
PERSON_FRAMES = (
    "body", "neck", "head",
    *(f"{side}_{part}" for side in ("left", "right")
      for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
)  # fmt: skip
