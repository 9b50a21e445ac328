"""All estimators at once: `pose_ros compare`, `pose_ros eval estimators`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pose_ros.human.pipeline import HumanConfig


def add_compare(commands: argparse._SubParsersAction, add_config: Callable, config_of: Callable) -> None:
    compare = commands.add_parser("compare", help="estimators side by side on the same pictures")
    compare.add_argument(
        "pictures", nargs="+", type=Path, metavar="IMAGE", help="pictures, or folders of them"
    )
    compare.add_argument("--out", type=Path, default=Path("compared"), help="folder to write")
    _add_estimators(compare)
    add_config(compare)
    compare.set_defaults(run=lambda parsed: _compare(parsed, config_of(parsed)))


def add_eval_estimators(
    evaluate: argparse._SubParsersAction, add_config: Callable, config_of: Callable
) -> None:
    table = evaluate.add_parser("estimators", help="all estimators in one table: COCO and synthetic people")
    table.add_argument("coco_json", type=Path)
    table.add_argument("image_dir", type=Path)
    table.add_argument(
        "--frames", type=int, default=15, help="of each synthetic scene (default: %(default)s)"
    )
    table.add_argument("--json", type=Path, help="file the figures are written to")
    _add_estimators(table)
    add_config(table)
    table.set_defaults(run=lambda parsed: _eval_estimators(parsed, config_of(parsed)))


def _add_estimators(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--estimators", default="", help="names, with commas between (default: all)")


def _names(parsed: argparse.Namespace) -> list[str]:
    return [name.strip() for name in parsed.estimators.split(",") if name.strip()]


def _compare(parsed: argparse.Namespace, config: HumanConfig) -> None:
    from pose_ros.eval.compare import compare

    print(compare(parsed.pictures, _names(parsed), config, parsed.out))
    print(f"\n{parsed.out}: a sheet for each picture")


def _eval_estimators(parsed: argparse.Namespace, config: HumanConfig) -> None:
    from pose_ros.eval import report
    from pose_ros.eval.families import eval_estimators
    from pose_ros.eval.timing import circumstances

    result = eval_estimators(parsed.coco_json, parsed.image_dir, _names(parsed), config, parsed.frames)
    print(result)
    if parsed.json is not None:
        report.write_json(parsed.json, circumstances() | result.figures())
