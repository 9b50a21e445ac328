"""Inverse kinematics of any robot as a quadratic programme: Pink on Pinocchio, both optional.

Each arm has a task for the wrist's point, one for the tip's rotation and a light one for the elbow's point;
the head's joints and a posture near the present one come along. Limits of position and velocity are
constraints.

Source: Caron et al., Pink (github.com/stephane-caron/pink); Carpentier et al., "The Pinocchio C++ library",
SII 2019.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pose_ros.apps.mimicry.arm_shape import ArmShape
from pose_ros.apps.mimicry.errors import SolverError
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.apps.mimicry.solver import Answer, turn_head
from pose_ros.apps.mimicry.target import ArmTarget

PACKAGES = "pip install pin pin-pink daqp"
STEPS, DT = 20, 0.2  # steps of one answer; a step goes at most velocity times dt: the limiter makes it slow
WRIST, HAND, ELBOW, POSTURE, HEAD = 10.0, 3.0, 0.5, 1e-2, 3.0  # costs a m or rad
NEAR_WRIST, NEAR_HAND = 5e-3, np.radians(2)


class QpSolver:
    """Solves all arms and the head at once; SolverError where a package is missing."""

    name = "qp"

    def __init__(self, robot: Robot) -> None:
        try:
            import daqp  # noqa: F401  the solver Pink asks for by name
            import pink
            import pinocchio
        except ImportError as error:
            raise SolverError(f"solver qp needs {error.name}: {PACKAGES}") from error
        self._pin, self._pink, self._robot = pinocchio, pink, robot
        self.shapes = {arm.side: ArmShape.roughly(arm.chain) for arm in robot.arms}
        whole = pinocchio.buildModelFromXML(robot.urdf.text)
        locked = [whole.getJointId(name) for name in whole.names[1:] if name not in robot.names]
        self._model = pinocchio.buildReducedModel(whole, locked, pinocchio.neutral(whole))
        if any(self._model.joints[self._model.getJointId(name)].nq != 1 for name in robot.names):
            raise SolverError("solver qp takes joints of one number each: give continuous joints limits")
        self._index = [self._model.joints[self._model.getJointId(name)].idx_q for name in robot.names]
        self._model.lowerPositionLimit[self._index] = robot.lower
        self._model.upperPositionLimit[self._index] = robot.upper
        self._model.velocityLimit[self._index] = robot.velocity
        for arm in robot.arms:
            self._mark(arm.side)
        self._data = self._model.createData()

    def _mark(self, side: str) -> None:
        """Frames at an arm's elbow, wrist and tip, on the links that carry them."""
        arm = next(arm for arm in self._robot.arms if arm.side == side)
        shape, zero = self.shapes[side], arm.chain.frames(np.zeros(len(arm.chain)))
        wrist = len(arm.chain) - 3
        for name, k, point, turned in (
            ("elbow", shape.elbow_joint, shape.elbow, None),
            ("wrist", wrist, shape.wrist, None),
            ("tip", len(arm.chain) - 1, zero.translation[-1], zero.rotation[-1]),
        ):
            joint = self._model.getJointId(arm.chain.names[k])
            own = zero.rotation[k]
            local = self._pin.SE3(
                np.eye(3) if turned is None else own.T @ turned, own.T @ (point - zero.translation[k])
            )
            # Pinocchio's frame of a joint is the URDF's, as is the chain's.
            frame = self._pin.Frame(f"{side}/{name}", joint, 0, local, self._pin.FrameType.OP_FRAME)
            self._model.addFrame(frame, False)

    def __call__(self, arms: Mapping[str, ArmTarget], head: np.ndarray | None, q: np.ndarray) -> Answer:
        pink, pin = self._pink, self._pin
        start = np.clip(turn_head(self._robot, head, q), self._robot.lower, self._robot.upper)
        start_pin = np.zeros(self._model.nq)
        start_pin[self._index] = start
        configuration = pink.Configuration(self._model, self._data, start_pin)
        tasks, goals = [], {}
        for side, target in arms.items():
            root = next(arm.root_from_base for arm in self._robot.arms if arm.side == side)
            upper = self.shapes[side].shoulder + self.shapes[side].upper * target.upper
            wrist = root.apply(target.wrist)
            for name, point, costs in (("wrist", wrist, WRIST), ("elbow", root.apply(upper), ELBOW)):
                task = pink.FrameTask(f"{side}/{name}", position_cost=costs, orientation_cost=0.0)
                task.set_target(pin.SE3(np.eye(3), point))
                tasks.append(task)
            hand = pink.FrameTask(f"{side}/tip", position_cost=0.0, orientation_cost=HAND)
            hand.set_target(pin.SE3(root.rotation @ target.hand, np.zeros(3)))
            tasks.append(hand)
            goals[side] = (wrist, root.rotation @ target.hand)
        posture = pink.PostureTask(cost=POSTURE)
        posture.set_target(start_pin)
        tasks.append(posture)
        for _ in range(STEPS):
            try:
                velocity = pink.solve_ik(configuration, tasks, DT, solver="daqp", damping=1e-6)
            except pink.exceptions.PinkError as error:
                raise SolverError(f"the quadratic programme has no answer: {error}") from error
            configuration.integrate_inplace(velocity, DT)
            if np.abs(velocity).max() < 1e-3:
                break
        answer = np.clip(configuration.q[self._index], self._robot.lower, self._robot.upper)
        kept = [part for side, part in self._robot.parts.items() if side not in arms]
        for part in kept:
            answer[part] = start[part]
        return Answer(answer, {side: self._near(configuration, side, *goals[side]) for side in arms})

    def _near(self, configuration: object, side: str, wrist: np.ndarray, hand: np.ndarray) -> bool:
        off = configuration.get_transform_frame_to_world(f"{side}/wrist").translation - wrist
        turned = configuration.get_transform_frame_to_world(f"{side}/tip").rotation.T @ hand
        angle = np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))
        return bool(np.linalg.norm(off) < NEAR_WRIST and angle < NEAR_HAND)
