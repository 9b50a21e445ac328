"""All of a robot's joints from what its arms and head are to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pose_ros.apps.mimicry.arm_shape import ArmShape
from pose_ros.apps.mimicry.closed_form import ClosedForm
from pose_ros.apps.mimicry.errors import SolverError
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.apps.mimicry.target import ArmTarget
from pose_ros.errors import unknown

SOLVERS = ("auto", "closed_form", "qp")


@dataclass(frozen=True)
class Answer:
    """q (n,) within limits. reached: side -> whether wrist and hand are where they were asked to be."""

    q: np.ndarray
    reached: dict[str, bool]


class Solver(Protocol):
    name: str
    shapes: dict[str, ArmShape]  # side -> shape of the arm

    def __call__(self, arms: Mapping[str, ArmTarget], head: np.ndarray | None, q: np.ndarray) -> Answer:
        """Joints near q (n,) for the arms that have a target and the head's yaw, pitch, roll (3,); the others
        stay."""
        ...


class ClosedFormSolver:
    """Each arm in closed form, the head joint by joint."""

    name = "closed_form"

    def __init__(self, robot: Robot) -> None:
        self._robot = robot
        self._arms = {arm.side: ClosedForm(arm.chain) for arm in robot.arms}
        self.shapes = {side: arm.shape for side, arm in self._arms.items()}

    def __call__(self, arms: Mapping[str, ArmTarget], head: np.ndarray | None, q: np.ndarray) -> Answer:
        q, reached = np.array(q, dtype=float), {}
        for side, target in arms.items():
            part = self._robot.parts[side]
            solution = self._arms[side](target, q[part])
            q[part], reached[side] = solution.q, solution.reached
        return Answer(turn_head(self._robot, head, q), reached)


def turn_head(robot: Robot, head: np.ndarray | None, q: np.ndarray) -> np.ndarray:
    """q (n,) with the head's joints at the angles (3,) yaw, pitch, roll, as far as their limits allow."""
    if robot.head is None or head is None:
        return q
    part = robot.parts["head"]
    q = np.array(q)
    q[part] = np.clip(robot.head.sign * head[robot.head.angle], robot.lower[part], robot.upper[part])
    return q


def make_solver(kind: str, robot: Robot) -> Solver:
    """`closed_form`, `qp`, or `auto`: the former where it fits all arms, else the latter."""
    if kind not in SOLVERS:
        raise SolverError(unknown("solver", kind, SOLVERS))
    if kind != "qp":
        try:
            return ClosedFormSolver(robot)
        except SolverError as error:
            if kind == "closed_form":
                raise
            reason = str(error)
    from pose_ros.apps.mimicry.qp import QpSolver

    try:
        return QpSolver(robot)
    except SolverError as error:
        raise error if kind == "qp" else SolverError(f"{reason}; {error}") from error
