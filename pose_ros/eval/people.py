"""A pipeline against an RGB-D folder with truth: accuracy, identity, smoothness, time, and baselines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pose_ros.errors import SourceError
from pose_ros.eval import metrics, report
from pose_ros.eval.baselines import lift_one_pixel, lift_scaled_root
from pose_ros.eval.tracks import Matches, TrackedPose, match_tracks, score_matches, stack_joints
from pose_ros.sources.source import Source, open_source
from pose_ros.types import People, RGBDFrame, TrackState

BASELINES = {"one_pixel": lift_one_pixel, "scaled_root": lift_scaled_root}


@dataclass(frozen=True)
class PeopleReport:
    """`figures` as compare_tracks explains them, the baselines' beside them, and the time a frame takes.

    baseline_X_mpjpe_mm: over the joints the baseline has, of the people the pipeline found;
    baseline_X_coverage: share of those people's joints it has; mpjpe_where_X_mm: the pipeline's own
    error on just these joints. ms_per_frame, ms_per_frame_p95: wall time of the pipeline, the first
    frame (warm-up) left out.
    """

    figures: dict[str, Any]

    def __str__(self) -> str:
        joints = [[name, mm["all"], mm["visible"]] for name, mm in self.figures["joint_mm"].items()]
        frames = [[name, degrees] for name, degrees in self.figures["frame_deg"].items()]
        return "\n\n".join(
            [
                report.table(["joint", "mm", "mm visible"], joints),
                report.table(["frame", "deg"], frames),
                report.figures(self.figures),
            ]
        )


def eval_people(source: Source | Path | str, pipeline: Callable[[RGBDFrame], People]) -> PeopleReport:
    """Run a pipeline over a source and compare with its truth.

    Raises SourceError where the source has no truth.
    """
    source = source if isinstance(source, Source) else open_source(str(source))
    if source.truth is None:
        raise SourceError(f"{source.name} has no truth to compare with (truth.json)")
    tracks: dict[str, dict[str, TrackedPose]] = {}
    lifted: dict[str, dict[tuple[str, str], dict[str, np.ndarray]]] = {name: {} for name in BASELINES}
    milliseconds = []
    with source:
        keyed = zip(source.keys(), source, strict=True)
        for key, frame in tqdm(keyed, total=len(source), desc="frames", unit="frame"):
            start = time.perf_counter()
            people = pipeline(frame)
            milliseconds.append(1e3 * (time.perf_counter() - start))
            seen = [person for person in people if person.state is not TrackState.LOST]
            tracks[key] = {person.id: TrackedPose.of(person) for person in seen}
            for person in seen:
                for name, lift in BASELINES.items():
                    xyz = lift(frame, person.keypoints2d)[0]
                    lifted[name][key, person.id] = dict(
                        zip(person.keypoints2d.skeleton.joints, xyz, strict=True)
                    )
    matches = match_tracks(tracks, source.truth)
    figures = score_matches(matches)
    for name in BASELINES:
        figures |= _score_baseline(name, lifted[name], matches, list(source.truth.frames))
    steady = milliseconds[1:] or [np.nan]
    figures["ms_per_frame"] = float(np.median(steady))
    figures["ms_per_frame_p95"] = float(np.percentile(steady, 95))
    return PeopleReport(figures)


def _score_baseline(
    name: str, joints: dict[tuple[str, str], dict[str, np.ndarray]], matches: Matches, keys: list[str]
) -> dict[str, float]:
    """The baseline's errors on the pairs of the pipeline, so that both speak of the same people."""
    rows = [
        joints[keys[frame], found[0]] if found else {}
        for frame, found in zip(matches.frame, matches.found, strict=True)
    ]
    error = metrics.joint_error(stack_joints(rows), matches.truth)
    own = metrics.joint_error(matches.xyz, matches.truth)
    detected = np.array([found is not None for found in matches.found], bool)
    asked = ~np.isnan(matches.truth).any(-1) & detected[:, None]
    return {
        f"baseline_{name}_mpjpe_mm": 1e3 * metrics.mean_known(error),
        f"baseline_{name}_mpjpe_visible_mm": 1e3 * metrics.mean_known(error[matches.visible]),
        f"baseline_{name}_coverage": float(np.mean(~np.isnan(error[asked]))) if asked.any() else np.nan,
        f"mpjpe_where_{name}_mm": 1e3 * metrics.mean_known(own[~np.isnan(error)]),
    }
