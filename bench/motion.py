"""What `posture` tells of synthetic people nobody was fitted to: postures, repetitions, comparisons.

    python bench/motion.py                     # people of sticks and anny's bodies: true joints with errors
    python bench/motion.py --pipeline 40       # pictures of that many people a motion through human_pose

Seeds of the fit (bench/fit_posture.py) start at 10 000; these lie below.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from pose_ros.apps.posture.angles import joint_angles
from pose_ros.apps.posture.compare import compare
from pose_ros.apps.posture.movement import movement_of
from pose_ros.apps.posture.postures import POSTURES, UNKNOWN, PostureReader
from pose_ros.apps.posture.repetitions import EXERCISES, RepetitionCounter
from pose_ros.eval.acted import Acted, Errors, act, as_persons
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS, posture_of
from pose_ros.sources.synthetic.motion import Stage
from pose_ros.sources.synthetic.sticks import Sticks
from pose_ros.types import People, TrackState

NAMES = (*POSTURES, UNKNOWN)
COMPARED = ("squat", "lunge", "arm_raise", "wave", "bend", "push_up", "reach", "sit", "kneel")
Answer = tuple[str, str, float, float]  # true posture, told, its probability, how far into the true one


def told_of(acted: Acted) -> Iterator[Answer]:
    reader = PostureReader()
    for n, (person, stamp) in enumerate(zip(acted.persons, acted.stamps_ns, strict=True)):
        found = reader(People((person,), stamp, "camera"), acted.up)[person.id]
        yield acted.postures[n], found.name, found.probability, float(acted.into[n])


def confusion(title: str, answers: list[Answer]) -> None:
    table = np.zeros((len(POSTURES), len(NAMES)), int)
    for true, told, _, _ in answers:
        table[POSTURES.index(true), NAMES.index(told)] += 1
    right = np.array([true == told for true, told, _, _ in answers])
    sure = np.array([probability for _, _, probability, _ in answers])
    known = np.array([told != UNKNOWN for _, told, _, _ in answers])
    settled = np.array([abs(into - 0.5) > 0.35 or t in ("lying", "plank") for t, _, _, into in answers])
    bins = np.digitize(sure[known], [0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
    gap = sum(
        abs(sure[known][bins == b].mean() - right[known][bins == b].mean()) * np.mean(bins == b)
        for b in np.unique(bins)
    )
    print(
        f"\n{title}: {len(answers)} frames, {right.mean():.2%} right; of told ones {right[known].mean():.2%};"
    )
    print(f"away from the moment of change {right[settled].mean():.2%}; calibration error {gap:.3f}")
    print(f"{'true':>10} | " + " ".join(f"{name[:9]:>9}" for name in NAMES))
    for name, row in zip(POSTURES, table, strict=True):
        print(f"{name:>10} | " + " ".join(f"{count:>9}" for count in row))


def sticks_postures(first: int, people: int) -> list[Answer]:
    answers = []
    for motion in ALL_MOTIONS:
        for seed in range(first, first + people):
            rng = np.random.default_rng(seed)
            errors = Errors(0.01, rng.choice([0.015, 0.03, 0.04]))
            answers += told_of(act(motion, seed, 8.0, 15.0, errors, speed=rng.uniform(0.8, 1.3)))
    return answers


def anny_joints(motion: str, seed: int, times: np.ndarray) -> dict[str, np.ndarray]:
    """Joints of a rendered stranger's body, not rendered."""
    from pose_ros.sources.synthetic.cast import choose_cast

    (actor,) = choose_cast(np.random.default_rng(seed), 1, motion, times)
    body, _ = actor.act(times)
    return dict(body.joints), actor


def anny_postures(first: int, people: int) -> list[Answer]:
    from pose_ros.eval.acted import camera_at
    from pose_ros.skeleton import COCO_17

    answers, times = [], np.arange(0, 6, 1 / 12)
    for motion in ALL_MOTIONS:
        for seed in range(first, first + people):
            joints, actor = anny_joints(motion, seed, times)
            rng = np.random.default_rng(seed)
            camera = camera_at(rng.uniform(0.7, 1.8), rng.uniform(0, 0.35), rng.normal(0, 0.03))
            xyz = np.stack([camera.apply(joints[name]) for name in COCO_17.joints], axis=1)
            persons = as_persons(xyz, times, rng, Errors(0.01, 0.02), COCO_17)
            angles = dict(actor.pose(times).angles)
            names, into = posture_of(motion, angles)
            answers += told_of(Acted(persons, times, names, into, camera.rotation @ [0.0, 0, 1], angles))
    return answers


def pipeline_postures(first: int, people: int, joints: str, missed: list[int]) -> list[Answer]:
    from pose_ros.human.pipeline import HumanConfig, HumanPipeline
    from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource

    pipeline, answers = HumanPipeline(HumanConfig(joints=joints)), []
    for motion in ALL_MOTIONS:
        for seed in range(first, first + people):
            source = SyntheticSource(SyntheticConfig(seed=seed, frames=72, people=1, motion=motion))
            source.times = np.arange(len(source)) / 12  # six seconds
            up = source.renderer.view.world_from_camera.inverse().rotation @ [0.0, 0, 1]
            names, into = posture_of(motion, dict(source.actors[0].pose(source.times).angles))
            pipeline.reset()
            reader = PostureReader()
            for n, frame in enumerate(source):
                seen = pipeline(frame)
                (truth,) = source._truth[f"{n:05d}"]
                found = reader(seen, up)
                near = [
                    person for person in seen
                    if person.state is TrackState.TRACKED and "body" in person.camera_from_joint
                    and np.linalg.norm(person.camera_from_joint["body"].translation
                                       - truth.joints["pelvis"]) < 0.6
                ]  # fmt: skip
                if not near:
                    missed.append(n)
                    continue
                told = found[near[0].id]
                answers.append((names[n], told.name, told.probability, float(into[n])))
    return answers


def progress(exercise: str, angles: dict[str, np.ndarray]) -> np.ndarray:
    """(T,) of the motion that was played, 0 at rest, 1 at its deepest."""
    if exercise == "arm_raise":
        raised = [
            np.arccos(np.clip(np.cos(angles[f"{s}_shoulder_flex"]) * np.cos(angles[f"{s}_shoulder_abduct"]),
                              -1, 1))
            for s in ("left", "right")
        ]  # fmt: skip
        signal = np.max(raised, axis=0)
    elif exercise == "push_up":
        signal = angles["left_elbow"]
    else:
        signal = np.minimum(angles["left_knee"], angles["right_knee"])
    low = np.quantile(signal, 0.05)
    return (signal - low) / (signal.max() - low)


def true_count(done: np.ndarray) -> int:
    number, deep = 0, False
    for share in done:
        if share > 0.8:
            deep = True
        elif share < 0.15 and deep:
            number, deep = number + 1, False
    return number


def repetitions(first: int, people: int) -> None:
    """Takes of 20 s from rest to rest, a joint in fifty unknown in half of them."""
    for exercise in EXERCISES:
        exact = total = counted = others = 0
        for seed in range(first, first + people):
            rng = np.random.default_rng(seed)
            errors = Errors(0.012, rng.choice([0.015, 0.03]), rng.choice([0.0, 0.02]))
            acted = act(exercise, seed, 20.0, 15.0, errors, speed=rng.uniform(0.6, 1.5))
            done = progress(exercise, dict(acted.angles))
            rest = np.flatnonzero(done < 0.06)
            counter = RepetitionCounter()
            chosen = range(rest[0], rest[-1] + 1)
            for n in chosen:
                counter(acted.times[n], joint_angles(acted.persons[n], acted.up, spread=False).value)
            counter(acted.times[chosen[-1]] + 0.3, joint_angles(acted.persons[chosen[-1]], acted.up).value)
            true = true_count(done[rest[0] : rest[-1] + 1])
            exact += counter.counts[exercise] == true
            total, counted = total + true, counted + counter.counts[exercise]
            others += sum(counter.counts.values()) - counter.counts[exercise]
        print(
            f"{exercise:>10}: {exact} of {people} takes exact; {counted} counted of {total}; others {others}"
        )


def performance(motion: str, seed: int, body: int, speed: float = 1.0, seconds: float = 5.0):
    rng = np.random.default_rng([body, 5])
    times = np.arange(0, seconds / speed, 1 / 15)
    stage = Stage(rng.uniform(2, 4, 2), rng.uniform(-3, 3), (0.8, 1.0))
    joints = Sticks.drawn(rng).act(ALL_MOTIONS[motion](np.random.default_rng(seed), times * speed, stage))
    xyz = np.stack([joints[name] for name in BLAZEPOSE_33.joints], axis=1)
    persons = as_persons(xyz, times, rng, Errors(), BLAZEPOSE_33)
    take = [(round((1 + t) * 1e9), person) for t, person in zip(times, persons, strict=True)]
    return movement_of(take, np.array([0.0, 0, 1]))


def comparisons(first: int, pairs: int) -> None:
    rng = np.random.default_rng(first)
    kinds: dict[str, list[float]] = {"same": [], "same exercise": [], "other": []}
    for n in range(first, first + pairs):
        motion = COMPARED[n % len(COMPARED)]
        other = COMPARED[(n + int(rng.integers(1, len(COMPARED)))) % len(COMPARED)]
        reference = performance(motion, n, n + 1000)
        takes = {
            "same": performance(motion, n, n + 2000, rng.uniform(0.7, 1.4)),
            "same exercise": performance(motion, n + 500, n + 2000, seconds=8.0),
            "other": performance(other, n, n + 3000, seconds=8.0),
        }
        for kind, take in takes.items():
            kinds[kind].append(compare(reference, take).score)
    for kind, scores in kinds.items():
        spread = ", ".join(f"{value:.0f}" for value in np.quantile(scores, [0.05, 0.5, 0.95]))
        print(f"{kind:>14}: score {spread} (5, 50, 95 %), {np.mean(np.array(scores) > 50):.0%} above 50")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", type=int, metavar="N", help="N people a motion, rendered, through it")
    parser.add_argument("--joints", default="kinematic", help="of the pipeline: kinematic or body")
    parser.add_argument("--first", type=int, default=2000, help="first seed")
    parsed = parser.parse_args()
    if parsed.pipeline:
        missed: list[int] = []
        answers = pipeline_postures(parsed.first, parsed.pipeline, parsed.joints, missed)
        confusion(f"postures through the pipeline ({parsed.joints})", answers)
        print(f"{len(missed)} frames without the person")
        return
    confusion("postures, people of sticks", sticks_postures(parsed.first, 15))
    confusion("postures, anny's bodies", anny_postures(parsed.first, 4))
    print("\nrepetitions")
    repetitions(parsed.first, 50)
    print("\ncomparisons")
    comparisons(parsed.first, 90)


if __name__ == "__main__":
    main()
