"""The jitter-against-lag curve of pose_ros/human/smooth.py: settings -> jitter at rest, lag, error.

A joint at rest, a wrist that swings at up to 1 m/s, and one that reaches 0.4 m (minimum jerk, 1 m/s) and
stops; each with white noise of --noise mm (RMS in 3D) at --rate Hz. With --rgbd, also on folders with truth:
key points and lift as the pipeline makes them, errors against the truth.

    python bench/smoothing.py [--noise 8] [--rate 30] [--rgbd DIR ...] [--png curve.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

from pose_ros.eval.metrics import jitter, joint_error
from pose_ros.eval.tracks import stack_joints
from pose_ros.human.smooth import SmoothConfig, Smoother, SmoothState
from pose_ros.skeleton import COCO_17, Skeleton
from pose_ros.types import Keypoints3D, Origin

Filter = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (T,K,3) m, (T,) s -> (T,K,3) m
SECONDS, JOINTS, SETTLE = 20.0, len(COCO_17), 1.0
SHIFTS, FAR = np.arange(-0.04, 0.2, 0.001), 0.2  # s, tried for the lag; m, what is farther off is no lag
CUTOFFS, BETAS = (0.25, 0.5, 1.0, 2.0), (2.5, 5.0, 10.0)
WRISTS = COCO_17.indices("left_wrist", "right_wrist")


def smooth_filter(**settings: float) -> Filter:
    def run(points: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        smoother, state = Smoother(SmoothConfig(**settings)), SmoothState()
        return np.array(
            [smoother([state], known(x), round(t * 1e9)).xyz[0] for x, t in zip(points, stamps, strict=True)]
        )

    return run


def known(xyz: np.ndarray, sigma: float = 0.02, skeleton: Skeleton = COCO_17) -> Keypoints3D:
    seen = ~np.isnan(xyz).any(-1)[None]
    origin = np.where(seen, Origin.MEASURED, Origin.UNKNOWN)
    covariance = np.where(seen[..., None, None], np.eye(3) * sigma**2, np.nan)
    return Keypoints3D(xyz[None], seen * 1.0, covariance, origin, skeleton)


def swing(stamps: np.ndarray) -> np.ndarray:
    """(T,3) m: 0.8 Hz, 1 m/s at most."""
    return np.outer(np.sin(2 * np.pi * 0.8 * stamps) / (2 * np.pi * 0.8), [1.0, 0, 0])


def reach(stamps: np.ndarray) -> np.ndarray:
    """(T,3) m: every 3 s out by 0.4 m in 0.75 s, rest, and back. Source: Flash & Hogan 1985, minimum jerk."""
    phase = stamps % 3.0
    out, back = (np.clip((phase - start) / 0.75, 0, 1) for start in (0.0, 1.5))
    return np.outer(
        sum(sign * s**3 * (10 - 15 * s + 6 * s**2) for sign, s in ((1, out), (-1, back))), [0.4, 0, 0]
    )


def lag_of(smoothed: np.ndarray, stamps: np.ndarray, truth_at: Callable[[np.ndarray], np.ndarray]) -> float:
    """Shift in s of the truth (T,...,3) that comes closest to `smoothed` (T,...,3), NaN = not compared."""
    misses = [np.linalg.norm(smoothed - truth_at(stamps - shift), axis=-1) for shift in SHIFTS]
    return float(SHIFTS[np.argmin([np.nanmean(np.minimum(miss, FAR)) for miss in misses])])


def synthetic(filtered: Filter, noise: float, rate: float) -> dict[str, float]:
    """Jitter at rest (mm), lag (ms) and RMS error (mm) of a swing, overshoot (mm) and error of a reach."""
    stamps = 10 + np.arange(0, SECONDS, 1 / rate)
    rng = np.random.default_rng(0)
    tremble = rng.normal(scale=noise / np.sqrt(3), size=(len(stamps), JOINTS, 3))
    late = stamps > stamps[0] + SETTLE
    result = {"jitter_mm": 1e3 * jitter(filtered(tremble, stamps)[late])}
    for name, motion in (("swing", swing), ("reach", reach)):
        truth = motion(stamps)[:, None]
        smoothed = filtered(truth + tremble, stamps)
        lag = lag_of(smoothed[late], stamps[late], lambda t, motion=motion: motion(t)[:, None])
        result[f"{name}_lag_ms"] = 1e3 * lag
        result[f"{name}_error_mm"] = 1e3 * float(np.sqrt(((smoothed - truth)[late] ** 2).sum(-1).mean()))
    clean = filtered(np.repeat(reach(stamps)[:, None], JOINTS, axis=1), stamps)
    result["overshoot_mm"] = 1e3 * max(float(clean[late, 0, 0].max()) - 0.4, 0.0)
    return result


def recorded(folder: Path) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(stamps (T,), lifted (T,17,3), truth (T,17,3)) of each person of a folder; NaN = not seen."""
    from pose_ros.human.pipeline import HumanConfig, HumanPipeline
    from pose_ros.sources.source import open_source

    pipeline = HumanPipeline(HumanConfig(joints="kinematic", faces=False))
    joints = pipeline.estimator.skeleton.indices(*COCO_17.joints)
    people: dict[int, list] = {}
    with open_source(str(folder)) as source:
        for key, frame in zip(source.keys(), source, strict=False):
            lifted = pipeline.lift(frame, pipeline.estimator.estimate(frame.rgb, frame.stamp_ns)).xyz[
                :, joints
            ]
            for person in source.truth[key]:
                truth = stack_joints([person.joints])[0]
                miss = np.median(np.nan_to_num(joint_error(lifted, truth[None]), nan=9.0), axis=1)
                best = (
                    lifted[miss.argmin()] if len(miss) and miss.min() < 0.3 else np.full_like(truth, np.nan)
                )
                people.setdefault(person.id, []).append((frame.stamp_ns * 1e-9, best, truth))
    return [tuple(np.array(column) for column in zip(*rows, strict=True)) for rows in people.values()]


def on_records(
    filtered: Filter, records: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> dict[str, float]:
    """Jitter (mm), mean error (mm) of all joints, lag (ms) of the wrists while they move."""
    errors, trembling, lags = [], [], []
    for stamps, lifted, truth in records:
        smoothed = filtered(lifted, stamps)
        errors.append(joint_error(smoothed, truth).ravel())
        trembling.append(jitter(smoothed - truth))
        speed = np.linalg.norm(np.gradient(truth[:, WRISTS], stamps, axis=0), axis=-1)
        moving = np.where((speed > 0.4)[..., None], smoothed[:, WRISTS], np.nan)
        if np.isfinite(moving).any(-1).sum() > 20:
            lags.append(lag_of(moving, stamps, lambda t, s=stamps, x=truth[:, WRISTS]: resampled(x, s, t)))
    return {
        "real_jitter_mm": 1e3 * float(np.sqrt(np.nanmean(np.square(trembling)))),
        "real_error_mm": 1e3 * float(np.nanmean(np.concatenate(errors))),
        "real_lag_ms": 1e3 * float(np.mean(lags)) if lags else np.nan,
    }


def resampled(values: np.ndarray, stamps: np.ndarray, at: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    return np.stack([np.interp(at, stamps, column) for column in flat.T], -1).reshape(values.shape)


def draw(rows: list[dict], path: Path) -> None:
    """The curve as a picture, where matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print(f"{path} is not drawn: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for row in rows:
        color = "tab:blue" if row["lag made up"] == "1" else "tab:orange"
        axes.plot(
            row["swing_lag_ms"], row["jitter_mm"], "o", color="k" if row["name"] == "default" else color
        )
        axes.annotate(row["name"], (row["swing_lag_ms"], row["jitter_mm"]), fontsize=6, xytext=(3, 3),
                      textcoords="offset points")  # fmt: skip
    axes.set(xlabel="lag of a wrist that swings at 1 m/s (ms)", ylabel="jitter at rest (mm RMS)")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noise", type=float, default=8.0, help="mm RMS in 3D")
    parser.add_argument("--rate", type=float, default=30.0, help="Hz")
    parser.add_argument("--rgbd", type=Path, nargs="*", default=[], help="RGB-D folders with truth.json")
    parser.add_argument("--png", type=Path, help="draw the curve here")
    arguments = parser.parse_args()
    records = [record for folder in arguments.rgbd for record in recorded(folder)]
    settings: list[tuple[str, str, Filter]] = [
        ("unfiltered", "-", lambda points, stamps: points),
    ]
    default = SmoothConfig()
    for made_up, cutoff, beta in [*product((1.0,), CUTOFFS, BETAS), *product((0.0,), CUTOFFS, (5.0,))]:
        run = smooth_filter(min_cutoff=cutoff, beta=beta, make_up_lag=made_up)
        usual = (cutoff, beta, made_up) == (default.min_cutoff, default.beta, default.make_up_lag)
        settings.append((f"{cutoff:g} Hz, {beta:g} Hz/(m/s)" + " *" * usual, f"{made_up:g}", run))
    rows = []
    for name, made_up, run in settings:
        row = synthetic(run, 1e-3 * arguments.noise, arguments.rate) | (
            on_records(run, records) if records else {}
        )
        if not rows:
            print("| settings (min_cutoff, beta) | lag made up | " + " | ".join(row) + " |")
            print("|---" * (len(row) + 2) + "|")
        print(
            f"| {name} | {made_up} | " + " | ".join(f"{value:.1f}" for value in row.values()) + " |",
            flush=True,
        )
        rows.append(row | {"name": name, "lag made up": made_up})
    print("* the default")
    if arguments.png:
        draw([row for row in rows if row["name"] != "unfiltered"], arguments.png)


if __name__ == "__main__":
    main()
