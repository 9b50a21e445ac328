"""`pose_ros eval objects` with plain parameters: run, print the tables, write JSON and BOP's CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pose_ros.errors import ConfigError
from pose_ros.eval import report
from pose_ros.eval.object_peers import PEERS, PeerDetector
from pose_ros.eval.object_tracks import TrackReport, eval_object_tracks
from pose_ros.eval.objects import ObjectReport, eval_objects
from pose_ros.sources.bop_models import BOPModel, load_bop_models
from pose_ros.sources.bop_results import write_results


def run_eval_objects(
    path: Path,
    models: Path,
    pipeline: Any,
    masks: str = "own",
    json_path: Path | None = None,
    csv_path: Path | None = None,
    track: bool = False,
    peer_python: Path | None = None,
) -> ObjectReport | TrackReport:
    """Print how well a pipeline (objects.pipeline.ObjectPipeline) does on a data set in BOP's layout.

    peer_python: interpreter of the peers' environment; then they register the same given masks, too.
    """
    if peer_python is not None and (masks != "given" or track):
        raise ConfigError("peers can only be told what to register: --masks given, without --track")
    known = load_bop_models(models)
    print(f"{len(known)} models on {pipeline.device_note}")
    result = (
        eval_object_tracks(path, pipeline, known) if track else eval_objects(path, pipeline, known, masks)
    )
    print(result)
    if peer_python is not None:
        result.figures["peers"] = _peers(path, known, result, peer_python)
    if csv_path is not None and isinstance(result, ObjectReport):
        write_results(csv_path, result.estimates)
    if json_path is not None:
        report.write_json(json_path, result.figures | {"device": pipeline.device_note})
    return result


def _peers(path: Path, models: Mapping[str, BOPModel], ours: ObjectReport, python: Path) -> dict[str, Any]:
    """Figures of each peer, after a table of them beside ours."""
    found = {}
    for kind, what in PEERS.items():
        with PeerDetector(python, kind, models) as peer:
            print(f"{what} ({peer.device_note})")
            found[kind] = eval_objects(path, peer, models, "given").figures
    columns = ("recall", "add_recall_10", "adds_mm", "ar_vsd", "ar_mssd", "ar_mspd", "s_per_object")
    rows = [
        [name, *(f"{of[key]:.3f}" for key in columns)] for name, of in {"ours": ours.figures, **found}.items()
    ]
    print(report.table(["same masks", *columns], rows))
    return found
