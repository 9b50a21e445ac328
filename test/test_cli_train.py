"""pose_ros train: from nothing to weights with a card, stopped and resumed."""

import argparse
import os

import numpy as np
import pytest

from pose_ros.cli_train import OBJECTIVES, add_train
from pose_ros.errors import ConfigError, SourceError

torch = pytest.importorskip("torch")


class Toy:
    """How bright pictures are, by one number."""

    name, settings, about = "toy", {}, "A toy."

    def __init__(self) -> None:
        self.network = torch.nn.Linear(1, 1)
        self.first = self.network.weight.item()
        Toy.made = self

    def batch(self, pictures, rng):
        return torch.tensor([[picture.rgb.mean() / 255] for picture in pictures], dtype=torch.float32)

    def losses(self, batch):
        return {"bright": ((self.network(batch) - batch) ** 2).mean()}

    def validate(self, pictures):
        return {"error": self.losses(self.batch(pictures, None))["bright"].item()}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    from pose_ros.human.training import loop
    from pose_ros.sources.synthetic.crowd import crowd

    monkeypatch.setattr(crowd, "PICTURES", 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(loop, "Toy", Toy, raising=False)
    monkeypatch.setitem(OBJECTIVES, "toy", ("loop", "Toy", {"batch": 2}))


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_train(parser.add_subparsers())
    parsed = parser.parse_args(["train", *arguments])
    return parsed.run(parsed)


def test_pictures_are_made_once_and_learnt_from(tmp_path, capsys):
    arguments = ("toy", "--out", str(tmp_path), "--pictures", "6", "--device", "cpu", "--seed", "2")
    assert run(*arguments, "--steps", "4") == 0
    assert "error:" in capsys.readouterr().out
    shards = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").glob("*.npz")}
    assert sorted(path.stem for path in shards) == ["00200000", "00200001"]
    card = (tmp_path / "toy.md").read_text()
    assert "seeds from 200,000 on" in card
    assert "4 steps of 2 pictures" in card
    first = Toy.made.first
    assert run(*arguments, "--steps", "6") == 0
    assert Toy.made.first == first  # the network's own start follows from the seed, too
    assert {path: path.stat().st_mtime_ns for path in shards} == shards
    assert "6 steps of 2 pictures" in (tmp_path / "toy.md").read_text()
    # The same pictures from their folder, with another option.
    again = ("toy", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "again"))
    assert run(*again, "--steps", "3", "--device", "cpu", "--set", "rate=0.01") == 0
    assert "rate 0.01" in (tmp_path / "again/toy.md").read_text()


def test_wrong_options_are_said_aloud(tmp_path):
    out = ("--out", str(tmp_path))
    with pytest.raises(SystemExit):
        run("openpose", *out)
    with pytest.raises(SystemExit):
        run("toy", *out, "--steps", "3", "--minutes", "1")
    with pytest.raises(ConfigError, match="too few"):
        run("toy", *out, "--pictures", "4")
    with pytest.raises(ConfigError, match="batch"):
        run("toy", *out, "--set", "bach=3")
    with pytest.raises(ConfigError, match="device"):
        run("toy", *out, "--device", "tpu")
    with pytest.raises(ConfigError, match="goes with"):
        run("toy", *out, "--data", str(tmp_path), "--backgrounds", str(tmp_path))
    with pytest.raises(SourceError, match="no training pictures"):
        run("toy", *out, "--data", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["deeppose", "keypoint_rcnn"])
def test_what_can_be_trained_exists(name):
    module, kind, defaults = OBJECTIVES[name]
    from importlib import import_module

    from pose_ros.config import update
    from pose_ros.human.training.loop import TrainConfig

    objective = getattr(import_module(f"pose_ros.human.training.{module}"), kind)
    assert objective.name == name
    assert np.isfinite(update(TrainConfig(), defaults).rate)
