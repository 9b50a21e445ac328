"""What the demo says of objects: how many answers, how fast, how right where the source has truth."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.eval.bop import corner_points, mssd
from pose_ros.ros.objects_input import ObjectSighting
from pose_ros.ros.recorder import Recorder
from pose_ros.sources.bop import BOPScene, ObjectTruth, find_scenes, models_folder
from pose_ros.sources.bop_models import BOPModel, load_bop_models
from pose_ros.sources.source import open_source

RIGHT = 0.1  # of the diameter: greatest distance of a point from where it is (MSSD)


def is_bop(source: str) -> bool:
    """The source is a scene in BOP's layout, or a folder that holds one."""
    path = Path(source).expanduser()
    return path.is_dir() and bool(find_scenes(path))


def scene_of(source: str) -> Path:
    return find_scenes(Path(source).expanduser())[0]


def summarize_objects(recorder: Recorder, source: str) -> dict[str, Any]:
    """Figures of what was heard; `accuracy` where the source is a scene in BOP's layout with truth."""
    answered = sorted(set(recorder.objects) & set(recorder.images))
    latency = recorder.object_latency_ms or [np.nan]
    found = [recorder.objects[stamp] for stamp in answered]
    figures: dict[str, Any] = {
        "answered": len(answered),
        "dropped_share": 1 - len(answered) / max(len(recorder.images), 1),
        "per_frame": float(np.mean([len(objects) for objects in found])) if found else 0.0,
        "ids": sorted({id for objects in found for id in objects}),
        "latency_ms_p50": float(np.percentile(latency, 50)),
        "latency_ms_p95": float(np.percentile(latency, 95)),
    }
    if not is_bop(source):
        return figures
    with open_source(source) as scene:
        if isinstance(scene, BOPScene) and scene.has_truth:
            key_of = {zlib.crc32(frame.rgb): key for key, frame in zip(scene.keys(), scene, strict=True)}
            keys = {stamp: key_of.get(recorder.fingerprints[stamp]) for stamp in answered}
            pairs = [(recorder.objects[s], scene.truth(key)) for s, key in keys.items() if key]
            models = load_bop_models(models_folder(scene_of(source)))
            known = {label: model for label, model in models.items() if label in recorder.labels}
            figures["accuracy"] = accuracy(pairs, known)
    return figures


def accuracy(
    frames: list[tuple[dict[str, ObjectSighting], tuple[ObjectTruth, ...]]], models: dict[str, BOPModel]
) -> dict[str, Any]:
    """Over all frames: objects there are (of models there are), found right, and told of wrongly."""
    points = {label: corner_points(model.mesh) for label, model in models.items()}
    there = right = wrong = 0
    errors = []
    for seen, truths in frames:
        left = [truth for truth in truths if truth.label in models]
        there += len(left)
        for one in sorted(seen.values(), key=lambda one: -one.score):
            model, pose = models.get(one.label), one.root_from_object
            distances = [
                (mssd(pose, truth.camera_from_object, points[one.label], model.symmetries), n)
                for n, truth in enumerate(left)
                if truth.label == one.label
            ]
            error, n = min(distances, default=(np.inf, -1))
            if model is None or error >= RIGHT * model.diameter:
                wrong += 1
                continue
            left.pop(n)
            right += 1
            errors.append(error)
    mssd_mm = float(np.median(errors)) * 1e3 if errors else float("nan")
    return {"there": there, "found": right, "wrong": wrong, "mssd_mm_median": mssd_mm}
