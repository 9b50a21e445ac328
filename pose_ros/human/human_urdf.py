"""A URDF of one person, with their own lengths: links and joints are named and turn as in REP-155's
`human_description` (github.com/ros4hri/human_description), whose own lengths all follow from one height.

`joint_positions` drives it onto the person's joints. One thing is added where `spine` is asked for: that
package's trunk only bows (joint `waist`); people also bend to the side (`r_waist`) and twist (`y_waist`),
which puts their shoulders elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

import numpy as np

from pose_ros.types import Person

SIDES = {"left": ("l", 1.0), "right": ("r", -1.0)}
BONES = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}
# Of an adult of 1.7 m (Drillis & Contini 1966, as in Winter, "Biomechanics and Motor Control of Human
# Movement", table 4.1): where a joint was never seen.
ADULT = {
    "spine": 0.49, "shoulders": 0.35, "hips": 0.18,
    "shoulder": 0.316, "elbow": 0.248, "hip": 0.416, "knee": 0.418,
}  # fmt: skip
NECK = 0.08  # m, from mid-shoulder up to where the head nods
HEAD = (0.02, 0.0, 0.13)  # m, from there to between the ears
RADIUS = 0.03  # m, of what is drawn
FREE = "3.1416"  # rad; measured people do not stop at textbook limits


@dataclass(frozen=True)
class HumanSize:
    """Lengths of one person, m.

    spine: mid-hip to mid-shoulder. shoulders, hips: from left to right. bone: frame name -> from this joint
    to the next, e.g. ``left_elbow`` -> the forearm. head: (3,) from where the head nods to between the ears,
    in the head's own axes.
    """

    spine: float = ADULT["spine"]
    shoulders: float = ADULT["shoulders"]
    hips: float = ADULT["hips"]
    bone: Mapping[str, float] = field(default_factory=dict)
    head: tuple[float, float, float] = HEAD

    def __getitem__(self, name: str) -> float:
        """Length of the bone below this joint."""
        return self.bone.get(name, ADULT[name.partition("_")[2]])

    @classmethod
    def of(cls, person: Person) -> HumanSize:
        """As the person is in this frame; what is unknown is that of an adult."""
        frames = person.camera_from_joint
        at = {name: pose.translation for name, pose in frames.items()}

        def apart(a: str, b: str, default: float) -> float:
            return float(np.linalg.norm(at[a] - at[b])) if a in at and b in at else default

        bone = {}
        for side in SIDES:
            for a, b in BONES.items():
                bone[f"{side}_{a}"] = apart(f"{side}_{a}", f"{side}_{b}", ADULT[a])
        head = HEAD
        if "head" in frames and "neck" in frames:
            nods = frames["neck"].apply(np.array([0.0, 0, NECK]))
            head = tuple((frames["head"].rotation.T @ (at["head"] - nods)).tolist())
        return cls(
            apart("body", "neck", ADULT["spine"]),
            apart("left_shoulder", "right_shoulder", ADULT["shoulders"]),
            apart("left_hip", "right_hip", ADULT["hips"]),
            bone,
            head,
        )


def human_urdf(person: Person | HumanSize, id: str = "", spine: bool = True) -> str:
    """URDF of this person; names end in `_<id>` as REP-155 has it (a Person's own id if none is given).

    With `spine` the trunk has `r_waist` and `y_waist` too: drive it with joint_positions(..., spine=True).
    """
    if isinstance(person, Person):
        id = id or person.id
        person = HumanSize.of(person)
    urdf = _Urdf(f"_{id}" if id else "")
    urdf.link("body")
    urdf.joint("waist", "body", axis=(0, 1, 0))
    trunk = "waist"
    if spine:
        urdf.joint("r_waist", "waist", axis=(1, 0, 0))
        urdf.joint("y_waist", "r_waist", axis=(0, 0, 1))
        trunk = "y_waist"
    urdf.joint("torso", trunk, (0, 0, person.spine))
    urdf.bone("torso", (0, 0, -person.spine))
    urdf.joint("r_head", "torso", (0, 0, NECK), axis=(1, 0, 0))
    urdf.joint("y_head", "r_head", axis=(0, 0, 1))
    urdf.joint("p_head", "y_head", axis=(0, -1, 0))
    urdf.joint("head", "p_head", person.head)
    urdf.ball("head", 0.1)
    for side, (s, sign) in SIDES.items():
        shoulder = (0, sign * person.shoulders / 2, 0)
        urdf.joint(f"{s}_y_shoulder", "torso", shoulder, axis=(0, 0, -sign))
        urdf.joint(f"{s}_p_shoulder", f"{s}_y_shoulder", axis=(sign, 0, 0))
        urdf.joint(f"{s}_r_shoulder", f"{s}_p_shoulder", axis=(0, 0, sign), child=f"{s}_shoulder")
        hip = (0, sign * person.hips / 2, 0)
        urdf.joint(f"{s}_y_hip", "body", hip, axis=(0, 0, -1))
        urdf.joint(f"{s}_p_hip", f"{s}_y_hip", axis=(sign, 0, 0))
        urdf.joint(f"{s}_r_hip", f"{s}_p_hip", axis=(0, -1, 0), child=f"{s}_hip")
        for joint, child in BONES.items():
            along = (0, 0, -person[f"{side}_{joint}"])
            urdf.bone(f"{s}_{joint}", along)
            hinge = (0, -1, 0) if child in ("elbow", "knee") else None
            urdf.joint(f"{s}_{child}", f"{s}_{joint}", along, axis=hinge)
    return urdf.text()


class _Urdf:
    """Writes links and joints, one joint for every link but the first."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._robot = ElementTree.Element("robot", name=f"human{suffix}")
        self._links: dict[str, ElementTree.Element] = {}

    def link(self, name: str) -> None:
        self._links[name] = ElementTree.SubElement(self._robot, "link", name=name + self._suffix)

    def joint(self, name: str, parent: str, xyz=(0, 0, 0), axis=None, child: str = "") -> None:
        """A joint and its child link, of the same name if no other is given; fixed without an axis."""
        self.link(child or name)
        kind = "fixed" if axis is None else "revolute"
        joint = ElementTree.SubElement(self._robot, "joint", name=name + self._suffix, type=kind)
        ElementTree.SubElement(joint, "parent", link=parent + self._suffix)
        ElementTree.SubElement(joint, "child", link=(child or name) + self._suffix)
        ElementTree.SubElement(joint, "origin", xyz=_text(xyz), rpy="0 0 0")
        if axis is not None:
            ElementTree.SubElement(joint, "axis", xyz=_text(axis))
            ElementTree.SubElement(joint, "limit", lower=f"-{FREE}", upper=FREE, effort="1000", velocity="50")

    def bone(self, link: str, along: tuple[float, float, float]) -> None:
        """Draws a stick from the link's origin; sticks of people run along z."""
        middle = _text((0, 0, along[2] / 2))
        self._draw(link, middle, "cylinder", radius=str(RADIUS), length=f"{abs(along[2]):.6f}")

    def ball(self, link: str, radius: float) -> None:
        self._draw(link, "0 0 0", "sphere", radius=str(radius))

    def _draw(self, link: str, xyz: str, shape: str, **size: str) -> None:
        visual = ElementTree.SubElement(self._links[link], "visual")
        ElementTree.SubElement(visual, "origin", xyz=xyz, rpy="0 0 0")
        ElementTree.SubElement(ElementTree.SubElement(visual, "geometry"), shape, size)

    def text(self) -> str:
        ElementTree.indent(self._robot)
        return ElementTree.tostring(self._robot, encoding="unicode")


def _text(xyz) -> str:
    return " ".join(f"{value:.6f}" for value in xyz)
