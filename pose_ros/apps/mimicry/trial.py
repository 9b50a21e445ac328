"""A robot is led by rehearsed operators in simulated time, and everything it promises is checked."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.apps.mimicry.arm_shape import wrist_of
from pose_ros.apps.mimicry.config import MimicryConfig
from pose_ros.apps.mimicry.mimic import Mimicry, Mode
from pose_ros.apps.mimicry.rehearsal import crossing_people
from pose_ros.apps.mimicry.robot import Robot

ROUNDING = 1e-9  # part of a limit


@dataclass
class Trial:
    """What came of it. position, velocity, acceleration: samples × joints beyond their limits. worst: the
    greatest part of the limit of each that was used. stops: s from a loss (the first frame without a good
    sight; of silence: the last with one) until all stand. jumps: frames in which somebody else was followed.
    wrist: m, of the commands from their targets while following; modes: samples of each."""

    seconds: float = 0.0
    samples: int = 0
    position: int = 0
    velocity: int = 0
    acceleration: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    stops: list[float] = field(default_factory=list)
    stops_of_silence: list[float] = field(default_factory=list)
    jumps: int = 0
    swaps: int = 0
    nearest: float = np.inf
    wrist: list[float] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def rehearse(
    robot: Robot, seed: int, seconds: float, config: MimicryConfig | None = None, speed: float = 3.0
) -> Trial:
    """`seconds` of crossing_people with arms of up to `speed` rad/s, commands at the config's rate."""
    mimicry, trial = Mimicry(robot, config), Trial(seconds=seconds)
    dt, arm = mimicry.dt, robot.arms[0]
    q, now, k = [mimicry.limiter.q], 0.0, 0
    modes: list[Mode] = []
    lost: tuple[float, list[float]] | None = None  # since when, and where to note the stop
    sight = -np.inf
    for t, people, who, good in crossing_people(seed, seconds, speed=speed):
        while now < t:
            now, k = k * dt, k + 1
            command = mimicry.step(now)
            mimicry.tell_present(dict(zip(robot.names, command.q, strict=True)))
            q.append(command.q)
            modes.append(command.mode)
            trial.nearest = min(trial.nearest, command.distance)
            if lost is None and now - sight > 0.06 and command.mode is not Mode.DISENGAGED:
                lost = sight, trial.stops_of_silence
            if lost and not command.v.any():
                if np.isfinite(lost[0]):
                    lost[1].append(now - lost[0])
                lost = (np.nan, [])  # noted
            if command.mode is Mode.FOLLOWING and arm.side in mimicry.targets:
                wrist = wrist_of(arm.chain, mimicry.solver.shapes[arm.side], command.q[robot.parts[arm.side]])
                trial.wrist.append(float(np.linalg.norm(wrist - mimicry.targets[arm.side].wrist)))
        if good and not mimicry.engaged:
            mimicry.engage(need_present=False)
        operator = mimicry.see(people, t)
        trial.swaps += who != "p1's body"
        trial.jumps += operator is not None and who != "p1's body"
        if good and operator is not None:
            lost, sight = None, t
        elif lost is None and mimicry.engaged:
            lost = t, trial.stops
    _check(robot, np.array(q), dt, trial)
    trial.modes = {mode.value: modes.count(mode) for mode in Mode}
    trial.counts = dict(mimicry.counts) | {"not believed": mimicry.lock.rejected}
    return trial


def _check(robot: Robot, q: np.ndarray, dt: float, trial: Trial) -> None:
    """Count what left its limits, from the positions alone."""
    v = np.diff(q, axis=0) / dt
    a = np.diff(v, axis=0) / dt
    trial.samples = len(q)
    trial.position = int(np.sum((q < robot.lower - 1e-9) | (q > robot.upper + 1e-9)))
    trial.velocity = int(np.sum(np.abs(v) > robot.velocity * (1 + ROUNDING)))
    trial.acceleration = int(np.sum(np.abs(a) > robot.acceleration * (1 + ROUNDING)))
    middle, half = (robot.lower + robot.upper) / 2, (robot.upper - robot.lower) / 2
    trial.worst = {
        "position": float(np.max(np.abs(q - middle) / half)),
        "velocity": float(np.max(np.abs(v) / robot.velocity)),
        "acceleration": float(np.max(np.abs(a) / robot.acceleration)),
    }
