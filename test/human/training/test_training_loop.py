"""The loop: stopped and resumed it is as if nothing had been; broken checkpoints are said aloud."""

import csv
import os
import signal
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pose_ros.errors import ConfigError, WeightsError
from pose_ros.human.training.loop import CHECKPOINT, TrainConfig, _chosen, _schedule, train
from pose_ros.human.training.pictures import TrainingPicture


class Brightness:
    """Tells how bright a picture is, from a thumbnail; its dropout needs random numbers in every step."""

    name, settings, about = "brightness", {"pixels": 16}, "A toy."

    def __init__(self, seed: int = 0, stop_at: int | None = None) -> None:
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
        self.stop_at, self.step, self.validated = stop_at, 0, 0

    def batch(self, pictures, rng):
        thumbs = np.stack([cv2.resize(p.rgb, (4, 4)).mean(-1).ravel() for p in pictures]) / 255
        thumbs = thumbs * rng.uniform(0.9, 1.1, (len(thumbs), 1))
        return torch.tensor(thumbs, dtype=torch.float32), torch.tensor(thumbs.mean(1), dtype=torch.float32)

    def losses(self, batch):
        self.step += 1
        if self.step == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        x, y = batch
        return {"bright": ((self.network(x)[:, 0] - y) ** 2).mean()}

    def validate(self, pictures):
        self.validated += len(pictures)
        assert not self.network.training
        return {"error": float(self.losses(self.batch(pictures, np.random.default_rng(0)))["bright"] ** 0.5)}


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(5)
    none = np.zeros((0, 17))
    return [
        TrainingPicture.of(
            np.full((8, 8, 3), rng.integers(256), np.uint8), np.zeros((0, 17, 2)), none > 0,
            np.zeros((8, 8), np.uint8),
        )
        for _ in range(40)
    ]  # fmt: skip


CONFIG = TrainConfig(steps=60, batch=8, rate=0.02, validation=8, reports=4, device="cpu")


def run(objective, pictures, out, config=CONFIG):
    return train(objective, pictures, out, config, data="Grey squares.", progress=False)


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_it_learns_and_leaves_everything_behind(pictures, tmp_path):
    objective = Brightness()
    done = run(objective, pictures, tmp_path)
    assert done.is_finished
    assert done.steps == 60
    assert done.figures["error"] < 0.15
    with open(tmp_path / "curves.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [15, 30, 45, 60]
    assert float(rows[-1]["loss_bright"]) < float(rows[0]["loss_bright"])
    assert cv2.imread(str(tmp_path / "curves.png")).shape[2] == 3
    saved = torch.load(done.weights, weights_only=True)
    assert saved["config"] == {"pixels": 16}
    for name, tensor in objective.network.state_dict().items():
        assert saved["state"][name].dtype == torch.float16
        torch.testing.assert_close(saved["state"][name].float(), tensor, atol=1e-3, rtol=1e-3)
    card = (tmp_path / "brightness.md").read_text()
    assert "Learnt from 32 pictures. Grey squares." in card
    assert "| error |" in card
    assert "60 steps" in card


@pytest.mark.parametrize("loaders", [0, 2])
def test_stopped_and_resumed_is_bitwise_the_same(pictures, tmp_path, loaders):
    config = replace(CONFIG, loaders=loaders)
    whole = Brightness()
    run(whole, pictures, tmp_path / "whole", config)
    stopped = Brightness(stop_at=23)
    first = run(stopped, pictures, tmp_path / "parts", config)
    assert not first.is_finished
    assert first.steps < 60
    assert not same(whole.network, stopped.network)
    assert "stopped before" in (tmp_path / "parts/brightness.md").read_text()
    resumed = Brightness(seed=99)  # what it starts from is the checkpoint
    second = run(resumed, pictures, tmp_path / "parts", config)
    assert second.is_finished
    assert second.steps == 60
    assert same(whole.network, resumed.network)


def test_parts_learn_at_rates_of_their_own(pictures, tmp_path):
    objective = Brightness(stop_at=30)
    first, last = objective.network[0], objective.network[3]
    before = [p.clone() for p in objective.network.parameters()]
    objective.parameter_groups = lambda rate: [
        {"params": list(first.parameters()), "lr": 0.0},
        {"params": list(last.parameters()), "lr": rate},
    ]
    run(objective, pictures, tmp_path)
    objective.stop_at = None
    run(objective, pictures, tmp_path)  # also when resumed
    same_as_before = [torch.equal(a, b) for a, b in zip(before, objective.network.parameters(), strict=True)]
    assert same_as_before == [True, True, False, False]


def test_signals_are_given_back(pictures, tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(Brightness(stop_at=3), pictures, tmp_path)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_finished_training_only_reports_again(pictures, tmp_path):
    run(Brightness(), pictures, tmp_path)
    table = (tmp_path / "curves.csv").read_text()
    again = Brightness(seed=4)
    assert run(again, pictures, tmp_path).steps == 60
    assert again.validated == 8
    assert (tmp_path / "curves.csv").read_text() == table


def test_minutes_are_a_budget_too(pictures, tmp_path):
    done = run(Brightness(), pictures, tmp_path, replace(CONFIG, steps=0, minutes=0.01))
    assert done.is_finished
    assert done.steps > 5


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "foreign", "other network"])
def test_a_broken_checkpoint_is_said_aloud(pictures, tmp_path, harm):
    run(Brightness(stop_at=2), pictures, tmp_path)
    path, objective = tmp_path / CHECKPOINT, Brightness()
    whole = path.read_bytes()
    if harm == "foreign":
        objective.name = "darkness"
    elif harm == "other network":
        objective.network = nn.Linear(16, 1)
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"not a checkpoint"}[harm])
    with pytest.raises(WeightsError, match="to start anew"):
        run(objective, pictures, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_training(pictures, tmp_path):
    objective = Brightness()
    objective.losses = lambda batch: {"nothing": objective.network(batch[0]).sum() * torch.nan}
    with pytest.raises(ConfigError, match="lower the rate"):
        run(objective, pictures, tmp_path)


def test_too_few_pictures(pictures, tmp_path):
    with pytest.raises(ConfigError, match="too few"):
        run(Brightness(), pictures[:4], tmp_path)


def test_every_epoch_shows_every_picture_once():
    seen = [n for step in range(15) for n in _chosen(3, step, 8, 40)]
    for epoch in range(3):
        assert sorted(seen[40 * epoch : 40 * (epoch + 1)]) == list(range(40))
    assert seen[:40] != seen[40:80]
    assert _chosen(4, 0, 8, 40) != _chosen(3, 0, 8, 40)
    assert len(_chosen(1, 0, 100, 40)) == 100  # a batch of more than there are


def test_the_rate_rises_and_falls():
    rates = [_schedule(x, 0.1) for x in np.linspace(0, 1, 101)]
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(1)
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.01)
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()
