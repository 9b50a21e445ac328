import json

import numpy as np
import pytest

from pose_ros.errors import ShapeError, SourceError
from pose_ros.sources.truth import JOINTS, PeopleTruth, PersonTruth


def random_person(id: int, seed: int) -> PersonTruth:
    rng = np.random.default_rng(seed)
    quaternion = rng.normal(size=4)
    return PersonTruth(
        id,
        {name: rng.normal(size=3) for name in JOINTS},
        {name: bool(rng.random() > 0.5) for name in JOINTS},
        {"left_elbow": quaternion / np.linalg.norm(quaternion)},
    )


def test_round_trip(tmp_path):
    truth = PeopleTruth({"00000": (random_person(0, 1), random_person(3, 2)), "00007": ()})
    truth.save(tmp_path / "truth.json")
    again = PeopleTruth.load(tmp_path / "truth.json")
    assert list(again.frames) == list(truth.frames)
    for a, b in zip(truth["00000"], again["00000"], strict=True):
        assert (a.id, a.visible) == (b.id, b.visible)
        for name in JOINTS:
            np.testing.assert_allclose(b.joints[name], a.joints[name], atol=1e-5)
        np.testing.assert_allclose(b.rotations["left_elbow"], a.rotations["left_elbow"], atol=1e-6)
    assert again["00007"] == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"joints": {"leftWrist": [0, 0, 1]}}, "lower_snake_case"),
        ({"joints": {"nose": [0, 0]}}, "shape"),
        ({"joints": {"nose": [0, 0, np.nan]}}, "finite"),
        ({"visible": {"left_knee": True}}, "no position"),
        ({"rotations": {"head": [0, 0, 0, 2]}}, "unit"),
        ({"rotations": {"head": [0, 0, 1]}}, "shape"),
    ],
)
def test_wrong_values_are_refused(change, word):
    with pytest.raises(ShapeError, match=word):
        PersonTruth(**({"id": 0, "joints": {"nose": [0, 0, 1]}} | change))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"frames": {"0": {}}}', '{"frames": {"0": {"people": [{"joint": {}}]}}}']
)
def test_broken_file_is_refused(tmp_path, text):
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(SourceError, match=r"truth\.json"):
        PeopleTruth.load(tmp_path / "truth.json")


def test_format_is_the_documented_one(tmp_path):
    PeopleTruth({"00000": (PersonTruth(0, {"left_wrist": [1, 2, 3]}, {"left_wrist": True}),)}).save(
        tmp_path / "truth.json"
    )
    assert json.loads((tmp_path / "truth.json").read_text()) == {
        "frames": {
            "00000": {
                "people": [
                    {
                        "id": 0,
                        "joints": {"left_wrist": [1, 2, 3]},
                        "visible": {"left_wrist": True},
                        "rotations": {},
                    }
                ]
            }
        }
    }
