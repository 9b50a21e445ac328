"""`pose_ros eval …` with plain parameters: run, print the tables, write the JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pose_ros.eval import report
from pose_ros.eval.coco import KeypointReport, eval_keypoints
from pose_ros.eval.people import PeopleReport, eval_people
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.sources.source import open_source


def run_eval_keypoints(
    coco_json: Path, image_dir: Path, config: HumanConfig | None = None, json_path: Path | None = None
) -> KeypointReport:
    """Print how well `config.estimator` finds the people annotated in images; JSON where a path is given."""
    pipeline = HumanPipeline(config)
    print(f"{type(pipeline.estimator).__name__} on {pipeline.device_note}")
    result = eval_keypoints(coco_json, image_dir, pipeline.estimator)
    print(result)
    if json_path is not None:
        report.write_json(json_path, dataclasses.asdict(result) | {"device": pipeline.device_note})
    return result


def run_eval_people(
    source: str, config: HumanConfig | None = None, json_path: Path | None = None
) -> PeopleReport:
    """Print how well the pipeline does on a source with truth; JSON where a path is given."""
    pipeline = HumanPipeline(config)
    print(f"{type(pipeline.estimator).__name__} on {pipeline.device_note}")
    result = eval_people(open_source(source), pipeline)
    print(result)
    if json_path is not None:
        report.write_json(json_path, result.figures | {"device": pipeline.device_note})
    return result
