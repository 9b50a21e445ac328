"""The table says what it is, on disk and off, and refuses what it cannot be."""

import json

import pytest
from takes import TABLE

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.feature import POSES, Feature, Table
from pose_ros.errors import ShapeError


def test_a_table_comes_back_from_json():
    assert Table.of_json(json.loads(json.dumps(TABLE.as_json()))) == TABLE


def test_differences_are_named():
    assert TABLE.differences(TABLE) == ""
    other = Table(
        (Feature.vector("observation.state", ("a", "b"), "rad", "joint_states"), *TABLE.features[1:4])
    )
    text = TABLE.differences(other)
    assert "action is missing" in text
    assert "names of observation.state was ('a', 'b', 'c'), is ('a', 'b')" in text
    assert "action is new" in other.differences(TABLE)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Feature.vector("a/b", ("x",), "m", "t"), RecordError, "no '/'"),
        (lambda: Feature.vector("a", (), "m", "t"), ShapeError, "0 names"),
        (lambda: Feature.vector("a", ("x",), "m", "t", "guess"), RecordError, "linear, poses"),
        (lambda: Feature.vector("a", ("x",), "m", "t", dtype="float64"), RecordError, "float32, int64"),
        (lambda: Feature.vector("a", ("x", "y"), "m", "t", POSES), ShapeError, "poses come in 7"),
        (lambda: Feature("v", "video", (4, 4, 1), ("h", "w", "c"), "", "t", "video"), ShapeError, "height"),
        (lambda: Table(()), RecordError, "at least one"),
        (lambda: Table((TABLE.features[0],) * 2), RecordError, "declared twice"),
        (lambda: TABLE["nose"], RecordError, "observation.state, observation.solo"),
    ],
)
def test_what_cannot_be_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
