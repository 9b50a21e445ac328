"""A simulated robot arm under position control, within the force and speed its URDF allows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.errors import unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sim.engine import SimError, data_folder, parts_of, pose_of, quiet

STIFFNESS = 0.3  # of the position error that one step of the physics makes good, as far as limits allow
PAD_FRICTION = 1.0  # of rubber finger pads; the coefficient of a contact is the product of both bodies'


@dataclass(frozen=True)
class ArmKind:
    """urdf: below PyBullet's data. joints: those of the arm, base first. hand: the link of the hand's pose.

    home (n,) rad: a usual bent pose. look: folded back, out of a camera's sight. fingers: sliding joints,
    each half of the opening.
    """

    urdf: str
    joints: tuple[str, ...]
    hand: str
    home: tuple[float, ...]
    look: tuple[float, ...]
    fingers: tuple[str, ...] = ()


ARMS = {
    "panda": ArmKind(
        "franka_panda/panda.urdf", tuple(f"panda_joint{n}" for n in range(1, 8)), "panda_hand",
        (0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785), (0.0, -1.6, 0.0, -2.6, 0.0, 1.6, 0.785),
        ("panda_finger_joint1", "panda_finger_joint2"),
    ),
    "iiwa": ArmKind(
        "kuka_iiwa/model.urdf", tuple(f"lbr_iiwa_joint_{n}" for n in range(1, 8)), "lbr_iiwa_link_7",
        (0.0, 0.5, 0.0, -1.6, 0.0, 1.0, 0.0), (0.0, -0.6, 0.0, -1.9, 0.0, 1.2, 0.0),
    ),
    "xarm6": ArmKind(
        "xarm/xarm6_with_gripper.urdf", tuple(f"joint{n}" for n in range(1, 7)), "link6",
        (0.0, -0.3, -1.2, 0.0, 1.5, 0.0), (0.0, -1.0, -0.6, 0.0, 1.5, 0.0),
    ),
}  # fmt: skip


def arm_kind(name: str) -> ArmKind:
    if name not in ARMS:
        raise SimError(unknown("robot", name, ARMS))
    return ARMS[name]


def urdf_path(name: str) -> Path:
    """The URDF of a robot by name, with its meshes beside it."""
    return data_folder() / arm_kind(name).urdf


class Arm:
    """One robot in a world. Joint values (n,) are those of the kind's `joints`, in that order."""

    def __init__(self, client: Any, name: str = "panda", base: RigidTransform | None = None) -> None:
        self.client, self.kind, self.name = client, arm_kind(name), name
        self.base = base or RigidTransform.identity()
        with quiet():
            self.body = client.loadURDF(
                str(urdf_path(name)), *parts_of(self.base), useFixedBase=True,
                flags=client.URDF_MAINTAIN_LINK_ORDER,
            )  # fmt: skip
        infos = [client.getJointInfo(self.body, n) for n in range(client.getNumJoints(self.body))]
        self._joint_at = {info[1].decode(): n for n, info in enumerate(infos)}
        self._link_at = {info[12].decode(): n for n, info in enumerate(infos)}
        self._link_at[client.getBodyInfo(self.body)[0].decode()] = -1
        self.joints = [self._joint_at[joint] for joint in self.kind.joints]
        self.fingers = [self._joint_at[joint] for joint in self.kind.fingers]
        chosen = np.array([infos[n][8:12] for n in self.joints])
        self.lower, self.upper, self.force, self.velocity = chosen.T
        self.finger_opening = 2 * infos[self.fingers[0]][9] if self.fingers else 0.0
        self._finger_force = [infos[n][10] for n in self.fingers]
        self._finger_velocity = [infos[n][11] for n in self.fingers]
        self._couple_fingers()
        for n in set(range(len(infos))) - set(self.joints) - set(self.fingers):
            if infos[n][2] != client.JOINT_FIXED:  # knuckles of grippers that are not driven here: held
                client.setJointMotorControl2(self.body, n, client.POSITION_CONTROL, 0.0, force=infos[n][10])
        self.reset(self.kind.home)

    def _couple_fingers(self) -> None:
        """Both fingers of a parallel gripper are moved by one motor."""
        if len(self.fingers) != 2:
            return
        c, (a, b) = self.client, self.fingers
        gear = c.createConstraint(self.body, a, self.body, b, c.JOINT_GEAR, [1, 0, 0], [0, 0, 0], [0, 0, 0])
        c.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=50)
        for finger in self.fingers:
            c.changeDynamics(
                self.body,
                finger,
                lateralFriction=PAD_FRICTION,
                spinningFriction=0.005,
                rollingFriction=0.0005,
            )

    def link(self, name: str) -> int:
        """Number of a link; -1 is the base."""
        if name not in self._link_at:
            raise SimError(unknown("link", name, self._link_at))
        return self._link_at[name]

    def reset(self, q: Any, opening: float | None = None) -> None:
        """Be there at once, at rest, and hold it. opening: m between the fingers, None = all the way."""
        for joint, value in zip(self.joints, q, strict=True):
            self.client.resetJointState(self.body, joint, float(value))
        opening = self.finger_opening if opening is None else opening
        for finger in self.fingers:
            self.client.resetJointState(self.body, finger, opening / 2)
        self.command(q)
        self.grip(opening)

    def command(self, q: Any) -> None:
        """Move towards q (n,) from now on; what lies beyond a joint's limits is not gone to."""
        q = np.clip(np.asarray(q, float), self.lower, self.upper)
        c = self.client
        for k, joint in enumerate(self.joints):
            c.setJointMotorControl2(
                self.body, joint, c.POSITION_CONTROL, q[k], positionGain=STIFFNESS, velocityGain=1.0,
                force=self.force[k], maxVelocity=self.velocity[k],
            )  # fmt: skip

    def grip(self, opening: float) -> None:
        """Move the fingers towards an opening (m) from now on, as hard and fast as they can."""
        c = self.client
        for k, finger in enumerate(self.fingers):
            c.setJointMotorControl2(
                self.body, finger, c.POSITION_CONTROL, opening / 2,
                force=self._finger_force[k], maxVelocity=self._finger_velocity[k],
            )  # fmt: skip

    @property
    def q(self) -> np.ndarray:
        return np.array([state[0] for state in self.client.getJointStates(self.body, self.joints)])

    @property
    def qd(self) -> np.ndarray:
        return np.array([state[1] for state in self.client.getJointStates(self.body, self.joints)])

    @property
    def opening(self) -> float:
        """m between the fingers; 0 where there are none."""
        if not self.fingers:
            return 0.0
        return float(sum(state[0] for state in self.client.getJointStates(self.body, self.fingers)))

    def pose(self, link: str | None = None) -> RigidTransform:
        """world_from_link of the link's URDF frame; of the hand if none is named."""
        number = self.link(link or self.kind.hand)
        if number < 0:
            return self.base
        state = self.client.getLinkState(self.body, number, computeForwardKinematics=True)
        return pose_of(state[4], state[5])
