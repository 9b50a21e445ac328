"""The ready parameter files: one for each estimator, and nothing in them that the node would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pose_ros import config
from pose_ros.human.estimators import ESTIMATORS
from pose_ros.human.pipeline import HumanConfig

FILES = sorted((Path(__file__).parents[3] / "config" / "estimators").glob("*.yaml"))


def test_every_estimator_has_one():
    assert {path.stem for path in FILES} == set(ESTIMATORS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_options_are_taken(path):
    text = path.read_text()
    # What stands behind a sign is meant to be used, too.
    options = [
        line.replace("# ", "", 1) for line in text.splitlines() if line.startswith("    # ") and ": " in line
    ]
    for content in (
        text,
        "/**:\n  ros__parameters:\n" + "\n".join(o for o in options if "." in o.split(":")[0]),
    ):
        values = yaml.safe_load(content)["/**"]["ros__parameters"] or {}
        chosen = config.update(HumanConfig(), values)
        assert values.get("estimator", path.stem) == path.stem
        assert content != text or chosen.estimator == path.stem
