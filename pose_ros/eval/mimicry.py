"""How closely a robot does what a person did: the person's true joints against commands and the robot's own.

What the robot ought to do follows from the truth by the same mapping as in the node (`human_arm`,
`arm_target`: the robot's own lengths along the person's directions). Times are s of one clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pose_ros.apps.mimicry.arm_shape import ArmShape, wrist_of
from pose_ros.apps.mimicry.config import MimicryConfig
from pose_ros.apps.mimicry.human_arm import SIDES, human_arm
from pose_ros.apps.mimicry.mimic import Mimicry
from pose_ros.apps.mimicry.robot import Robot, RobotArm
from pose_ros.apps.mimicry.target import WRIST_FROM_TOOL, arm_target
from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.sources.truth import PersonTruth
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, TrackState

DELAYS = np.arange(0.0, 0.6, 0.01)  # s, among which the best constant one is looked for
ROUNDING = 1e-6  # part of a limit


@dataclass(frozen=True)
class Path:
    """Where an arm was asked to be, or was. t (T,) s; wrist (T,3) m, hand (T,3,3): in the robot's base."""

    t: np.ndarray
    wrist: np.ndarray
    hand: np.ndarray


@dataclass(frozen=True)
class Joints:
    """Joint values over time. t (T,) s, q (T,n) rad."""

    t: np.ndarray
    q: np.ndarray

    def at(self, t: np.ndarray) -> np.ndarray:
        """(k,n) in between; NaN before the first and after the last."""
        if not len(self.t):
            return np.full((len(t), *np.shape(self.q)[1:]), np.nan)
        return np.stack([np.interp(t, self.t, q, np.nan, np.nan) for q in self.q.T], axis=-1)


@dataclass(frozen=True)
class Heard:
    """One run. images (I,): stamps of all images played. latency (P,): from an image's stamp to its command,
    of those answered. preview: joints at the answered images' stamps. target: what was asked of the wrist
    for each. commands: all samples in order, by arrival. arm: the robot's own joints. modes: (since, mode).
    """

    images: np.ndarray
    latency: np.ndarray
    preview: Joints
    target: Path
    commands: Joints
    arm: Joints
    modes: Sequence[tuple[float, str]]

    def mode(self, t: np.ndarray) -> np.ndarray:
        """(k,) names of the modes at t."""
        since = [start for start, _ in self.modes]
        names = np.array(["disengaged", *(name for _, name in self.modes)])
        return names[np.searchsorted(since, t, side="right")]


def true_person(truth: PersonTruth) -> Person:
    """A person as human_pose would give it, were it always right. The hand turns with the forearm."""
    rotations = {**truth.rotations, "body": truth.rotations["pelvis"]}
    places = {**truth.joints, "body": truth.joints["pelvis"]}
    for side in SIDES:
        rotations[f"{side}_wrist"] = rotations[f"{side}_elbow"]
    names = ("body", "neck", "head", *(f"{s}_{j}" for s in SIDES for j in ("shoulder", "elbow", "wrist")))
    frames = {name: RigidTransform.from_quaternion(rotations[name], places[name]) for name in names}
    xyz = np.full((1, len(BLAZEPOSE_33), 3), np.nan)
    for row, name in enumerate(BLAZEPOSE_33.joints):
        if name in truth.joints:
            xyz[0, row] = truth.joints[name]
    known = np.isfinite(xyz).all(-1)
    covariance = np.broadcast_to(np.eye(3) * 1e-6, (*known.shape, 3, 3)).copy()
    origin = np.where(known, Origin.MEASURED, Origin.UNKNOWN)
    cloud = Keypoints3D(xyz, known * 1.0, covariance, origin, BLAZEPOSE_33)
    flat = Keypoints2D(np.zeros((*known.shape, 2)), known * 1.0, np.zeros((1, 4)), BLAZEPOSE_33)
    return Person(f"p{truth.id + 1}", TrackState.TRACKED, 100, flat, cloud, frames)


def true_path(arm: RobotArm, people: Sequence[PersonTruth], t: np.ndarray) -> Path:
    """What the arm ought to do at the times t (T,) of these T true poses."""
    shape, wrist, hand = ArmShape.of(arm.chain), [], []
    for truth in people:
        human = human_arm(true_person(truth), arm.side)
        if isinstance(human, str):
            wrist.append(np.full(3, np.nan))
            hand.append(np.full((3, 3), np.nan))
            continue
        target = arm_target(human, shape, arm.base_from_chest, arm.tip_from_tool)
        wrist.append(target.wrist)
        hand.append(target.hand)
    return Path(t, np.array(wrist), np.array(hand))


def turned_hands(arm: RobotArm, path: Path, elbow_from_hand: np.ndarray) -> np.ndarray:
    """(T,3,3): `path.hand` with the true hand (T,3,3, in the forearm's frame) in the forearm's place."""
    tool = WRIST_FROM_TOOL @ arm.tip_from_tool.T
    return path.hand @ tool.T @ elbow_from_hand @ tool


def path_of(arm: RobotArm, joints: Joints, t: np.ndarray) -> Path:
    """Where the arm's wrist and tip were at t (T,); NaN where that is not known."""
    q = joints.at(t)
    wrist = np.full((len(t), 3), np.nan)
    hand = np.full((len(t), 3, 3), np.nan)
    known = np.isfinite(q).all(-1)
    if known.any():
        wrist[known] = wrist_of(arm.chain, ArmShape.of(arm.chain), q[known])
        hand[known] = arm.chain.frames(q[known]).rotation[:, -1]
    return Path(t, wrist, hand)


def errors(wanted: Path, path: Path, which: np.ndarray) -> tuple[float, float]:
    """RMS of the wrist in mm and of the hand in degrees over the instants (T,) bool; NaN of none."""
    which = which & np.isfinite(wanted.wrist).all(-1) & np.isfinite(path.wrist).all(-1)
    if not which.any():
        return np.nan, np.nan
    off = np.linalg.norm(path.wrist - wanted.wrist, axis=-1)[which]
    return 1e3 * _rms(off), np.degrees(_rms(_angle(path.hand[which], wanted.hand[which])))


def followed(arm: RobotArm, wanted: Path, joints: Joints, which: np.ndarray) -> dict[str, float]:
    """Errors at the images' own instants, and with the constant delay that makes the wrist's least."""
    wrist, hand = errors(wanted, path_of(arm, joints, wanted.t), which)
    tried = [errors(wanted, path_of(arm, joints, wanted.t + delay), which) for delay in DELAYS]
    wrists = np.array([error for error, _ in tried])
    if np.isnan(wrists).all():
        return {"wrist_mm": np.nan, "hand_deg": np.nan}
    best = int(np.nanargmin(wrists))
    return {
        "wrist_mm": wrist, "hand_deg": hand, "delay_ms": 1e3 * float(DELAYS[best]),
        "wrist_mm_delayed": tried[best][0], "hand_deg_delayed": tried[best][1],
    }  # fmt: skip


def violations(robot: Robot, q: np.ndarray, dt: float) -> dict[str, int]:
    """Samples × joints of the commands q (C,n), a period dt apart, that are beyond a limit."""
    v = np.diff(q, axis=0) / dt
    a = np.diff(v, axis=0) / dt
    return {
        "position": int(np.sum((q < robot.lower - ROUNDING) | (q > robot.upper + ROUNDING))),
        "velocity": int(np.sum(np.abs(v) > robot.velocity * (1 + ROUNDING))),
        "acceleration": int(np.sum(np.abs(a) > robot.acceleration * (1 + ROUNDING))),
    }


def led_by_truth(
    robot: Robot, people: Sequence[PersonTruth], t: np.ndarray, latency: float, config: MimicryConfig
) -> tuple[Joints, Joints]:
    """(commands, answers of the inverse kinematics) if each true pose came `latency` s after its instant t.

    What is left of the error then is the robot's own: its limits and its way of keeping them.
    """
    mimicry = Mimicry(robot, replace(config, min_face=0.0))  # truth is of joints, not of faces
    mimicry.engage(need_present=False)
    commands, answers, n = [], [], 0
    times = np.arange(t[0], t[-1] + 0.5, mimicry.dt)
    for now in times:
        while n < len(t) and t[n] + latency <= now:
            stamp = round(t[n] * 1e9)
            mimicry.see(People((true_person(people[n]),), stamp, "camera"), now)
            goal = [part.target for part in mimicry.parts.values()]
            answers.append(np.concatenate(goal))
            n += 1
        commands.append(mimicry.step(now).q)
    return Joints(times, np.array(commands)), Joints(t[:n], np.array(answers))


def judge(
    robot: Robot, heard: Heard, people: Sequence[PersonTruth], config: MimicryConfig,
    elbow_from_hand: np.ndarray | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All figures of a run; people: the truth of each image. Soft starts are left out, holds are not.

    elbow_from_hand (I,3,3): how the true hands were turned against the forearm, where it is known.
    """
    arm, t = robot.arms[0], heard.images
    wanted = true_path(arm, people, t)
    mode = heard.mode(t)
    started = np.cumsum(mode == "following") > 0
    which = started & ((mode == "following") | (mode == "holding"))
    answered = np.isin(np.round(t, 6), np.round(heard.preview.t, 6))
    limits = violations(robot, heard.commands.q, 1 / config.rate)
    result: dict[str, Any] = {
        "images": len(t), "answered": int(answered.sum()), "counted": int(which.sum()),
        "aligning": int((mode == "aligning").sum()), "held": int((which & (mode == "holding")).sum()),
        "commands": len(heard.commands.t), "violations": sum(limits.values()), "violated": limits,
        "latency_ms_p50": _percentile(heard.latency, 50), "latency_ms_p95": _percentile(heard.latency, 95),
    }  # fmt: skip
    result["target"] = _of_targets(wanted, heard.target, which)
    result["preview"] = followed(arm, wanted, heard.preview, which)
    result["command"] = followed(arm, wanted, heard.commands, which)
    result["arm"] = followed(arm, wanted, heard.arm, which)
    if elbow_from_hand is not None:
        true_hand = Path(t, wanted.wrist, turned_hands(arm, wanted, elbow_from_hand))
        at = path_of(arm, heard.arm, t + result["arm"].get("delay_ms", 0.0) / 1e3)
        result["arm"]["true_hand_deg_delayed"] = errors(true_hand, at, which)[1]
    late = float(np.median(heard.latency)) if len(heard.latency) else 0.0
    commands, answers = led_by_truth(robot, people, t, late, config)
    result["led_by_truth"] = followed(arm, wanted, commands, which)
    result["solved_of_truth"] = dict(
        zip(("wrist_mm", "hand_deg"), errors(wanted, path_of(arm, answers, t), which), strict=True)
    )
    return result


def _of_targets(wanted: Path, target: Path, which: np.ndarray) -> dict[str, float]:
    """The error of what is asked of the robot, each image by its own truth: human_pose's share."""
    row = {round(stamp, 6): k for k, stamp in enumerate(target.t)}
    rows = [(k, row[key]) for k, stamp in enumerate(wanted.t) if (key := round(stamp, 6)) in row and which[k]]
    if not rows:
        return {"wrist_mm": np.nan, "hand_deg": np.nan}
    ours, theirs = np.array(rows).T
    path = Path(wanted.t[ours], target.wrist[theirs], target.hand[theirs])
    true = Path(wanted.t[ours], wanted.wrist[ours], wanted.hand[ours])
    wrist, hand = errors(true, path, np.ones(len(rows), bool))
    offset = 1e3 * np.nanmean(path.wrist - true.wrist, axis=0)
    return {"wrist_mm": wrist, "hand_deg": hand, "wrist_mean_mm": float(np.linalg.norm(offset))}


def row_of(name: str, result: Mapping[str, Any]) -> list[Any]:
    """Of the table with HEADERS."""
    r = result
    target, arm, ideal = r["target"], r["arm"], r["led_by_truth"]
    return [
        name, f"{r['answered'] / max(r['images'], 1):.0%}", r["held"],
        r["latency_ms_p50"], r["latency_ms_p95"],
        target["wrist_mm"], target["hand_deg"], arm["wrist_mm"], arm["hand_deg"], arm.get("delay_ms"),
        arm.get("wrist_mm_delayed"), arm.get("hand_deg_delayed"), arm.get("true_hand_deg_delayed"),
        ideal["wrist_mm"], ideal.get("wrist_mm_delayed"), r["violations"],
    ]  # fmt: skip


HEADERS = ("run", "answered", "held", "ms p50", "p95", "asked mm", "deg", "arm mm", "deg", "delay ms",
           "delayed mm", "deg", "true hand deg", "truth-led mm", "delayed mm", "violations")  # fmt: skip


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rotation_log(np.swapaxes(a, -1, -2) @ b), axis=-1)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _percentile(seconds: np.ndarray, q: float) -> float:
    return 1e3 * float(np.percentile(seconds, q)) if len(seconds) else np.nan
