"""A grasp carried out in physics: go there, close, lift, hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.sim.arm import Arm
from pose_ros.sim.engine import RATE
from pose_ros.sim.reach import Way
from pose_ros.sim.table import Table

SPEED = 0.4  # of the joints' greatest speed
CLOSING = 0.8  # s for the fingers to close
HELD = 1.0  # s that an object must be held
HIGH = 0.10  # m above the table, of its lowest point
PUSHED = 0.01  # m by which something else was moved: that was a collision


@dataclass(frozen=True)
class Outcome:
    """held: the object's lowest point was HIGH above the table for HELD seconds. gripped: it was between the
    fingers once they had closed. pushed: m by which the object itself had moved when they began to close.
    disturbed: m by which any other object was moved. height: m of the lowest point at the end."""

    held: bool
    gripped: bool
    pushed: float
    disturbed: float
    height: float
    opening: float


def pick(table: Table, number: int, way: Way, opening: float) -> Outcome:
    """Let the table's arm go the way and lift object `number`; time passes in its world."""
    arm = table.arm
    before = {key: table.pose(key).translation for key in table.bodies}
    arm.grip(opening)
    follow(table, way.free)
    follow(table, way.approach, SPEED / 2)
    table.step(0.15)
    pushed = float(np.linalg.norm(table.pose(number).translation - before[number]))
    arm.grip(0.0)
    table.step(CLOSING)
    gripped = _between(arm, table, number)
    follow(table, way.lift, SPEED / 2)
    table.step(0.3)
    lowest = np.inf
    for _ in range(round(HELD * 10)):
        table.step(0.1)
        lowest = min(lowest, table.lowest(number))
    moved = [
        float(np.linalg.norm(table.pose(key).translation - place))
        for key, place in before.items()
        if key != number
    ]
    return Outcome(lowest >= HIGH, gripped, pushed, max(moved, default=0.0), lowest, arm.opening)


def follow(table: Table, way: np.ndarray, speed: float = SPEED) -> None:
    """Move through joint values (N,n), smoothly from rest to rest, no joint faster than its share."""
    arm = table.arm
    steps = np.abs(np.diff(way, axis=0)) / (arm.velocity * speed)
    times = np.concatenate([[0.0], np.cumsum(steps.max(1))])
    if times[-1] < 1e-6:
        return
    # A quintic's greatest speed is 15/8 of its mean.
    duration = 1.875 * times[-1]
    for n in range(1, int(np.ceil(duration * RATE)) + 1):
        x = min(n / (duration * RATE), 1.0)
        at = times[-1] * x**3 * (10 - 15 * x + 6 * x**2)
        arm.command([np.interp(at, times, column) for column in way.T])
        table.step(1 / RATE)
    table.step(0.1)


def _between(arm: Arm, table: Table, number: int) -> bool:
    """Both fingers touch it."""
    body = table.bodies[number].number
    return all(arm.client.getContactPoints(arm.body, body, linkIndexA=finger) for finger in arm.fingers)
