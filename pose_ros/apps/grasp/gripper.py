"""A parallel gripper as a few boxes, and where its link is: the default is the Panda's hand.

The *grasp frame* (TCP) has its origin in the middle between the pads, z along the approach, towards the
object, and y along the closing, as panda_hand has it; x completes them. Half a turn about z changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_ros.config import load, option
from pose_ros.errors import ConfigError
from pose_ros.geometry.rigid import RigidTransform, rotation_exp


@dataclass(frozen=True)
class Gripper:
    """Sizes in m. The defaults are those of franka_description's collision shapes."""

    name: str = option("panda_hand", "name of the gripper")
    link: str = option("panda_hand", "link whose pose the arm is commanded to")
    max_width: float = option(0.08, "greatest opening between the pads", unit="m", range=(0.005, 0.5))
    min_width: float = option(0.0, "smallest opening between the pads", unit="m", range=(0.0, 0.4))
    pad_width: float = option(
        0.0175, "of the pads, across closing and approach", unit="m", range=(0.002, 0.2)
    )
    pad_length: float = option(0.0185, "of the pads, along the approach", unit="m", range=(0.002, 0.2))
    tip: float = option(0.0095, "how far the fingertips reach beyond the TCP", unit="m", range=(0.0, 0.1))
    finger_thickness: float = option(0.0152, "of a fingertip, along closing", unit="m", range=(0.001, 0.1))
    root_width: float = option(0.022, "of fingers above the tips, as pad_width", unit="m", range=(0.002, 0.2))
    root_thickness: float = option(0.0265, "of the fingers above the tip", unit="m", range=(0.001, 0.1))
    palm: float = option(0.0374, "from the palm's face to the TCP", unit="m", range=(0.01, 0.4))
    palm_width: float = option(0.064, "of the palm, as pad_width", unit="m", range=(0.01, 0.5))
    palm_span: float = option(0.206, "of the palm along closing", unit="m", range=(0.01, 0.6))
    palm_depth: float = option(0.12, "of palm and wrist, away from the object", unit="m", range=(0.01, 0.5))
    tcp: float = option(0.1034, "from the link's origin to the TCP, along z", unit="m", range=(-0.5, 0.5))
    turn: float = option(0.0, "of the grasp frame in the link, about z", unit="deg", range=(-180.0, 180.0))
    joints: str = option("panda_finger_joint1", "joints that open it, comma-separated")
    joint_per_width: float = option(0.5, "joint's motion for each unit of opening", range=(-100.0, 100.0))
    joint_when_closed: float = option(0.0, "joint's position with the pads together", range=(-10.0, 10.0))

    def __post_init__(self) -> None:
        if self.min_width >= self.max_width:
            raise ConfigError(f"{self.name}: min_width must be below max_width, {self.max_width} m")
        if self.joint_per_width == 0:
            raise ConfigError(f"{self.name}: joint_per_width is 0: no joint would move")

    @property
    def joint_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.joints.split(",") if name.strip())

    @property
    def link_from_tcp(self) -> RigidTransform:
        return RigidTransform(
            rotation_exp(np.array([0, 0, np.deg2rad(self.turn)])), np.array([0, 0, self.tcp])
        )

    def joint_of(self, width: np.ndarray | float) -> np.ndarray | float:
        """Position of its joints (each the same) at an opening in m."""
        return self.joint_when_closed + self.joint_per_width * width

    def width_of(self, joint: np.ndarray | float) -> np.ndarray | float:
        """Opening in m at a position of its joints."""
        return (joint - self.joint_when_closed) / self.joint_per_width

    def boxes(self, opening: np.ndarray | float, standoff: float = 0.0, clearance: float = 0.0) -> np.ndarray:
        """(…,5,2,3) m: least and greatest corners, in the grasp frame: two tips, two finger roots, the palm.

        opening: (…) m between the pads. standoff: how far the boxes are stretched backwards: the room swept
        on a straight approach. clearance: m by which they grow; half of it at the pads, where contact is
        wanted.
        """
        half = np.asarray(opening, float) / 2
        back = -(self.palm + self.palm_depth + standoff)
        low, high = self.tip - self.pad_length, self.tip
        boxes = np.empty((*half.shape, 5, 2, 3))
        for k, (width, thick, top) in enumerate(
            ((self.pad_width, self.finger_thickness, high), (self.root_width, self.root_thickness, low))
        ):
            for side in (0, 1):
                box = boxes[..., 2 * k + side, :, :]
                box[..., 0, 0], box[..., 1, 0] = -width / 2 - clearance, width / 2 + clearance
                inner, outer = half - clearance / 2, half + thick + clearance
                box[..., 0, 1], box[..., 1, 1] = (inner, outer) if side else (-outer, -inner)
                box[..., 0, 2], box[..., 1, 2] = -self.palm - standoff, top + clearance
        palm = boxes[..., 4, :, :]
        palm[..., 0, :] = (-self.palm_width / 2 - clearance, -self.palm_span / 2 - clearance, back)
        palm[..., 1, :] = (
            self.palm_width / 2 + clearance,
            self.palm_span / 2 + clearance,
            clearance - self.palm,
        )
        return boxes

    def solids(self, opening: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """(middle, size) (3,) m of its boxes in the grasp frame, as a picture shows them."""
        boxes = self.boxes(opening)
        boxes[4, 0, 2] = -self.palm - 0.03  # the wrist is left out
        boxes[:2, 0, 2] = self.tip - self.pad_length
        return [(box.mean(0), box[1] - box[0]) for box in boxes]


def load_gripper(path: Path | str = "") -> Gripper:
    """A gripper from a YAML file of its options; the default one without a file."""
    return load(Gripper(), Path(path).expanduser()) if path else Gripper()


def inside_any(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(…,N) bool: which points (…,N,3) lie inside any of the boxes (…,B,2,3)."""
    found = np.zeros(points.shape[:-1], bool)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    for b in range(boxes.shape[-3]):
        low, high = boxes[..., b, 0, :, None], boxes[..., b, 1, :, None]
        hit = (x > low[..., 0, :]) & (x < high[..., 0, :])
        hit &= (y > low[..., 1, :]) & (y < high[..., 1, :])
        hit &= (z > low[..., 2, :]) & (z < high[..., 2, :])
        found |= hit
    return found
