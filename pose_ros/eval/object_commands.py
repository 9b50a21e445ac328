"""`pose_ros eval objects` with plain parameters: run, print the tables, write JSON and BOP's CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pose_ros.eval import report
from pose_ros.eval.object_tracks import TrackReport, eval_object_tracks
from pose_ros.eval.objects import ObjectReport, eval_objects
from pose_ros.sources.bop_models import load_bop_models
from pose_ros.sources.bop_results import write_results


def run_eval_objects(
    path: Path,
    models: Path,
    pipeline: Any,
    masks: str = "own",
    json_path: Path | None = None,
    csv_path: Path | None = None,
    track: bool = False,
) -> ObjectReport | TrackReport:
    """Print how well a pipeline (objects.pipeline.ObjectPipeline) does on a data set or scene in BOP's
    layout.
    """
    known = load_bop_models(models)
    print(f"{len(known)} models on {pipeline.device_note}")
    result = (
        eval_object_tracks(path, pipeline, known) if track else eval_objects(path, pipeline, known, masks)
    )
    print(result)
    if csv_path is not None and isinstance(result, ObjectReport):
        write_results(csv_path, result.estimates)
    if json_path is not None:
        report.write_json(json_path, result.figures | {"device": pipeline.device_note})
    return result
