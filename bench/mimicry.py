"""How well and how fast robots take on a human arm's pose, and whether their limits hold: a table and JSON.

python bench/mimicry.py --json mimicry.json              # a quick look: 20 s of rehearsal, 200 poses
python bench/mimicry.py --seconds 600 --seeds 3 --poses 2000
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose_ros.apps.mimicry.arm_shape import ArmShape, elbow_of, wrist_of
from pose_ros.apps.mimicry.config import MimicryConfig, SafetyConfig
from pose_ros.apps.mimicry.errors import RobotError, SolverError
from pose_ros.apps.mimicry.human_arm import human_arm
from pose_ros.apps.mimicry.rehearsal import Arm, make_person, random_arm
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.apps.mimicry.solver import make_solver
from pose_ros.apps.mimicry.target import ArmTarget, arm_target
from pose_ros.apps.mimicry.trial import rehearse
from pose_ros.geometry.rigid import RigidTransform

CONFIG = Path(__file__).parents[1] / "config" / "mimicry"
PLACE = RigidTransform(np.eye(3), np.array([2.0, 0, 1.4]))


def target_of(robot: Robot, shape: ArmShape, angles: np.ndarray) -> ArmTarget:
    """What the first arm is asked by an arm of these angles (4,)."""
    arm = robot.arms[0]
    human = human_arm(make_person("p1", PLACE, angles, angles), arm.side)
    return arm_target(human, shape, arm.base_from_chest, arm.tip_from_tool)


def solve(robot: Robot, kind: str, poses: int, seed: int) -> dict:
    """Random arms, each from home: errors against the scaled human arm; time of an answer in motion."""
    rng, arm = np.random.default_rng(seed), robot.arms[0]
    solver = make_solver(kind, robot)
    shape = solver.shapes[arm.side]
    wrist, hand, elbow, reached, times = [], [], [], [], []
    motion, q = Arm(rng, 1.5), robot.home
    for k in range(100):
        angles = motion(k / 30)
        target = target_of(robot, shape, angles)
        started = time.perf_counter()
        q = solver({arm.side: target}, None, q).q
        times.append(time.perf_counter() - started)
    for _ in range(poses):
        target = target_of(robot, shape, random_arm(rng))
        answer = solver({arm.side: target}, None, robot.home)
        q = answer.q[robot.parts[arm.side]]
        wrist.append(np.linalg.norm(wrist_of(arm.chain, shape, q) - target.wrist))
        turned = arm.chain.tip_pose(q).rotation.T @ target.hand
        hand.append(np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))))
        upper = elbow_of(arm.chain, shape, q) - shape.shoulder
        cosine = upper @ target.upper / np.linalg.norm(upper)
        elbow.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        reached.append(answer.reached[arm.side])
    rms = lambda values: float(np.sqrt(np.mean(np.square(values))))  # noqa: E731
    return {
        "poses": poses, "reached": float(np.mean(reached)), "wrist_rms_mm": 1e3 * rms(wrist),
        "wrist_p95_mm": 1e3 * float(np.percentile(wrist, 95)), "hand_rms_deg": rms(hand),
        "hand_p95_deg": float(np.percentile(hand, 95)), "upper_arm_p50_deg": float(np.median(elbow)),
        "us": 1e6 * float(np.median(times)),
    }  # fmt: skip


def moved(robot: Robot, seeds: int, seconds: float, speed: float, stop: float) -> dict:
    config = replace(MimicryConfig(), safety=replace(SafetyConfig(), stop=stop))
    trials = [rehearse(robot, seed, seconds, config, speed) for seed in range(seeds)]
    stops = [stop for trial in trials for stop in trial.stops]
    silent = [stop for trial in trials for stop in trial.stops_of_silence]
    wrist = np.array([error for trial in trials for error in trial.wrist])
    return {
        "seeds": seeds, "seconds": seconds, "speed": speed, "stop": stop,
        "samples": sum(trial.samples for trial in trials),
        "violations": sum(t.position + t.velocity + t.acceleration for t in trials),
        "jumps": sum(trial.jumps for trial in trials), "swapped_frames": sum(trial.swaps for trial in trials),
        "losses": len(stops) + len(silent),
        "stop_ms_max": 1e3 * max(stops, default=float("nan")),
        "silent_ms_max": 1e3 * max(silent, default=float("nan")),
        "nearest_mm": 1e3 * min(trial.nearest for trial in trials),
        "wrist_rms_mm": 1e3 * float(np.sqrt(np.mean(wrist**2))),
        "wrist_p50_mm": 1e3 * float(np.median(wrist)),
        "worst": {key: max(trial.worst[key] for trial in trials) for key in trials[0].worst},
        "modes": {key: sum(trial.modes[key] for trial in trials) for key in trials[0].modes},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robots", nargs="+", default=["panda", "iiwa", "xarm6", "ur5e"])
    parser.add_argument("--poses", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.5, help="greatest speed of the arms' joints, rad/s")
    parser.add_argument("--stop", type=float, default=SafetyConfig().stop)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict = {"solve": {}, "move": {}}
    print(f"{'robot':8} {'mount':9} {'solver':12} reached  wrist rms/p95 mm   hand rms/p95 deg   us")
    for name in options.robots:
        for mount in ("shoulder", "table"):
            try:
                robot = Robot.load(CONFIG / f"{name}.yaml", mount=mount)
            except RobotError as error:
                print(f"{name:8} {error}")
                break
            for kind in ("closed_form", "qp"):
                try:
                    count = options.poses if kind == "closed_form" else options.poses // 4
                    r = solve(robot, kind, count, 0)
                except SolverError as error:
                    print(f"{name:8} {mount:9} {kind:12} {error}")
                    continue
                results["solve"][f"{name}/{mount}/{kind}"] = r
                print(
                    f"{name:8} {mount:9} {kind:12} {r['reached']:7.1%} {r['wrist_rms_mm']:9.2f} "
                    f"{r['wrist_p95_mm']:7.2f} {r['hand_rms_deg']:9.2f} "
                    f"{r['hand_p95_deg']:7.2f} {r['us']:9.0f}"
                )
    print(
        "\nrobot    samples violations jumps/swapped losses  stop ms  silent ms  nearest mm  wrist rms/p50 mm"
    )
    for name in options.robots:
        try:
            robot = Robot.load(CONFIG / f"{name}.yaml")
        except RobotError:
            continue
        r = moved(robot, options.seeds, options.seconds, options.speed, options.stop)
        results["move"][name] = r
        print(
            f"{name:8} {r['samples']:7} {r['violations']:10} {r['jumps']:5}/{r['swapped_frames']:<7} "
            f"{r['losses']:6} {r['stop_ms_max']:8.0f} {r['silent_ms_max']:10.0f} {r['nearest_mm']:11.0f} "
            f"{r['wrist_rms_mm']:9.1f} {r['wrist_p50_mm']:6.1f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
