"""pose_ros motion: its options, and what it writes, with a pipeline that knows whom it sees."""

import argparse

import numpy as np
import pytest

from pose_ros.cli_motion import add_motion, parse_up
from pose_ros.errors import ConfigError
from pose_ros.eval.acted import Errors, act
from pose_ros.types import People


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_motion(parser.add_subparsers())
    return parser.parse_args(["motion", *arguments])


def test_up():
    np.testing.assert_allclose(parse_up("0,-2,0"), [0, -1, 0])
    for wrong in ("up", "1,2", "0,0,0", "nan,0,1", "1,2,3,4"):
        with pytest.raises(ConfigError, match="three numbers"):
            parse_up(wrong)


class Seen:
    """A pipeline that sees the frames of one acted motion, whatever it is shown."""

    def __init__(self, motion: str) -> None:
        self.acted = act(motion, 61, 8.0, 10.0, Errors(0.005, 0.01))
        self.reset()

    def reset(self) -> None:
        self.next = 0

    def __call__(self, frame) -> People:
        n, self.next = self.next, self.next + 1
        return People((self.acted.persons[n],), self.acted.stamps_ns[n], "camera")


def test_tables_and_picture_are_written(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    from pose_ros.human import pipeline
    from pose_ros.sources import source

    seen = Seen("squat")

    class Empty:
        def __enter__(self):
            return [None] * len(seen.acted.persons)

        def __exit__(self, *_):
            return False

    monkeypatch.setattr(pipeline, "HumanPipeline", lambda config: seen)
    monkeypatch.setattr(source, "open_source", lambda name: Empty())
    up = ",".join(str(x) for x in seen.acted.up)
    given = parsed("any", "--out", str(tmp_path), f"--up={up}", "--reference", "other")
    given.run(given)
    told = capsys.readouterr().out
    assert "x squat" in told
    assert "100 of 100" in told
    assert {path.name for path in tmp_path.iterdir()} == {
        "angles_p1.csv", "range_of_motion.csv", "repetitions.csv", "postures.csv", "comparison.png",
        "comparison.json",
    }  # fmt: skip
