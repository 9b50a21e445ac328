"""Grasps lifted in physics: tables drawn by seed, seen by a simulated camera, picked by a simulated arm.

Each table is picked from twice, from the same start: with the poses the pipeline finds and with true ones.
What is grasped is drawn by lot among the known objects there, before anything is seen.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.eval import report
from pose_ros.eval.grasp_tries import (
    FAILURES,
    Known,
    Try,
    by_lot,
    look,
    relabelled,
    seen_of,
    truth_of,
    try_one,
)
from pose_ros.objects.pipeline import ObjectConfig, ObjectPipeline
from pose_ros.sim.table import Table, TableConfig, make_shelf

TABLES_A_SHELF = 10  # tables that share a set of models


def run_tables(
    folder: Path,
    seed: int,
    count: int,
    configs: Sequence[TableConfig] = (TableConfig(),),
    progress: bool = True,
) -> list[Try]:
    """Try one object of each of `count` tables with estimated poses and, from the same start, true ones.

    configs: taken in turn, one a set of models.
    """
    tries: list[Try] = []
    for n in range(count):
        group = n // TABLES_A_SHELF
        config = configs[group % len(configs)]
        if n % TABLES_A_SHELF == 0:
            known = Known.of(make_shelf(seed + group, folder / f"shelf_{group:03d}", config))
            pipeline = ObjectPipeline(ObjectConfig(), known.models)
        for one in _both(known, pipeline, (seed, n), config):
            tries.append(one)
            if progress:
                print(
                    f"{n:4d} {one.poses:9} {one.name:24} {one.failure or 'lifted':10} {one.error_mm:6.1f} mm "
                    f"{one.seconds:5.1f} s  {one.why}", flush=True,
                )  # fmt: skip
    return tries


def _both(
    known: Known, pipeline: ObjectPipeline, seed: tuple[int, ...], config: TableConfig
) -> Iterator[Try]:
    """A table tried with estimated poses, then again with true ones; nothing where nothing can be held."""
    table = Table(known.shelf, seed, config)
    number = by_lot(known, table)
    if number is not None:
        picture = table.picture()
        frame, objects = look(table, picture, pipeline)
        seen, labels = seen_of(objects, table.camera.world_from_camera), relabelled(objects)
        true, true_labels = truth_of(table, picture)
        yield try_one(known, table, number, frame, seen, labels, "estimated")
        table.close()
        table = Table(known.shelf, seed, config)
        yield try_one(known, table, number, frame, true, true_labels, "true")
    table.close()


def wilson(good: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson, "Probable inference", JASA 1927)."""
    if not of:
        return 0.0, 1.0
    share = good / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * np.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return float(middle - half), float(middle + half)


def figures(tries: list[Try]) -> dict[str, Any]:
    """For estimated and true poses: lifted, tried, share, its interval, what the failures were."""
    out: dict[str, Any] = {}
    for poses in dict.fromkeys(one.poses for one in tries):
        mine = [one for one in tries if one.poses == poses]
        lifted = sum(one.lifted for one in mine)
        failures = collections.Counter(one.failure for one in mine if one.failure)
        errors = [one.error_mm for one in mine if np.isfinite(one.error_mm)]
        out[poses] = {
            "lifted": lifted, "tried": len(mine), "share": lifted / len(mine),
            "interval_95": wilson(lifted, len(mine)), "failures": dict(failures.most_common()),
            "median_error_mm": float(np.median(errors)) if errors else float("nan"),
        }  # fmt: skip
    return out


def table_of(values: Mapping[str, Any]) -> str:
    """The figures as text."""
    rows = []
    for poses, of in values.items():
        low, high = of["interval_95"]
        rows.append(
            [poses, of["lifted"], of["tried"], f"{of['share']:.0%} ({low:.0%} to {high:.0%})",
             *(of["failures"].get(kind, 0) for kind in FAILURES)]
        )  # fmt: skip
    return report.table(["poses", "lifted", "tried", "share (95 %)", *FAILURES], rows)
