"""The pipeline over a whole source, without ROS: annotated pictures, poses as JSON and as BOP's CSV."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from tqdm import tqdm

from pose_ros.sources.bop_models import number_of
from pose_ros.sources.bop_results import Estimate, write_results
from pose_ros.sources.source import Source
from pose_ros.types import Objects, TrackedObject, TrackState
from pose_ros.viz_objects import draw_objects

if TYPE_CHECKING:
    from pose_ros.objects.pipeline import ObjectPipeline


def export_objects(
    source: Source, pipeline: ObjectPipeline, out: Path, frames: int | None = None, track: bool = True
) -> None:
    """Write `out`/NNNNN.jpg, `out`/objects.json and `out`/poses.csv.

    track: follow the objects from frame to frame; without it each frame is searched anew. In the CSV a label
    without a number is that of its place among the models, from 1 on.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        total = min(len(source), frames or len(source))
        keys = source.keys()
    except TypeError:
        total, keys = frames, None
    numbers = {label: number_of(label) or n for n, label in enumerate(pipeline.models, 1)}
    written: dict[str, Any] = {}
    estimates: list[Estimate] = []
    for index, frame in enumerate(tqdm(itertools.islice(source, frames), total=total, unit="frame")):
        start = time.perf_counter()
        if not track:
            pipeline.reset()
        objects = pipeline(frame) if track else pipeline.detect(frame)
        seconds = time.perf_counter() - start
        key = keys[index] if keys else f"{index:05d}"
        picture = draw_objects(frame.rgb, objects, pipeline.models, frame.camera)
        cv2.imwrite(str(out / f"{key}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        written[key] = describe(objects)
        estimates += [
            Estimate(0, int(key) if key.isdecimal() else index, numbers[one.label], one.score,
                     one.camera_from_object, seconds)
            for one in objects if one.state is not TrackState.LOST
        ]  # fmt: skip
    (out / "objects.json").write_text(json.dumps({"frame_id": source.frame_id, "frames": written}, indent=1))
    write_results(out / "poses.csv", estimates)
    print(
        f"{out}: {len(written)} pictures, objects.json and poses.csv, {len(estimates)} objects in all, "
        f"on {pipeline.device_note}"
    )


def describe(objects: Objects) -> dict[str, Any]:
    """One frame as it stands in objects.json."""
    return {
        "seconds": objects.stamp_ns * 1e-9,
        "objects": [_describe(one) for one in objects],
        "reasons": objects.reasons,
    }


def _describe(one: TrackedObject) -> dict[str, Any]:
    pose = one.camera_from_object
    return {
        "id": one.id,
        "label": one.label,
        "state": one.state.name.lower(),
        "score": round(one.score, 4),
        "visible": round(one.visible, 3),
        "distance": round(one.distance, 4),
        "is_textured": one.is_textured,
        "translation": pose.translation.round(5).tolist(),
        "rotation": pose.quaternion.round(6).tolist(),
        "covariance": one.covariance.tolist(),
    }
