"""A training that can be stopped at any moment and goes on as if it never had been.

Everything random in a step follows from the seed and the step's number, so that network, optimiser and number
are all a checkpoint needs: on one machine a resumed run ends with the same weights to the last bit (a budget
in steps; one in minutes depends on how fast the machine is).
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from pose_ros.config import option
from pose_ros.device import choose_device
from pose_ros.errors import ConfigError
from pose_ros.human.training.card import write_card
from pose_ros.human.training.checkpoint import Progress, export, load_checkpoint, save_checkpoint
from pose_ros.human.training.curves import write_curves
from pose_ros.human.training.pictures import TrainingPicture

CHECKPOINT = "checkpoint.pt"


class Objective(Protocol):
    """What is trained, and by what losses.

    settings: plain values an estimator needs to build the network again. about: what the network is and what
    it started from, for the card. One whose parts learn at rates of their own has, too,
    `parameter_groups(rate)`: the groups as torch's optimisers take them.
    """

    name: str
    network: nn.Module
    settings: Mapping[str, Any]
    about: str

    def batch(self, pictures: Sequence[TrainingPicture], rng: np.random.Generator) -> Any:
        """Pictures, augmented by nothing but `rng`, as tensors on the CPU; called in other threads."""

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Scalars that are added up; the network's device is asked of its parameters."""

    def validate(self, pictures: Sequence[TrainingPicture]) -> dict[str, float]:
        """Figures on pictures that nothing is learnt from."""


@dataclass(frozen=True)
class TrainConfig:
    steps: int = option(0, "budget in steps; 0: `minutes` counts", range=(0, 10**8))
    minutes: float = option(30.0, "budget in minutes", unit="min", range=(0.01, 10**5))
    batch: int = option(16, "pictures a step", range=(1, 4096))
    rate: float = option(1e-3, "highest learning rate of AdamW", range=(1e-7, 1.0))
    decay: float = option(1e-2, "weight decay", range=(0, 1))
    warmup: float = option(0.03, "share of the budget in which the rate rises", range=(0, 0.5))
    clip: float = option(5.0, "longest gradient", range=(1e-3, 1e6))
    validation: int = option(200, "pictures at the set's end that are not learnt from", range=(1, 10**6))
    reports: int = option(20, "validations and checkpoints in the budget", range=(1, 10_000))
    loaders: int = option(1, "threads that prepare batches; 0: none but the main one", range=(0, 64))
    threads: int = option(0, "CPU threads of torch; 0: as many as it likes", range=(0, 256))
    seed: int = option(1, "of order and augmentation", range=(0, 2**31))
    device: str = option("auto", "where to train", choices=("auto", "cpu", "cuda"))


@dataclass(frozen=True)
class Outcome:
    """weights: the exported file. is_finished: False where it was stopped; the same call goes on."""

    weights: Path
    steps: int
    is_finished: bool
    figures: dict[str, float]


def train(
    objective: Objective,
    pictures: Sequence[TrainingPicture],
    out: Path | str,
    config: TrainConfig = TrainConfig(),
    data: str = "",
    progress: bool = True,
) -> Outcome:
    """Trains until the budget is spent, or SIGTERM or SIGINT comes; goes on where `out` holds a checkpoint.

    Writes to `out`: checkpoint.pt, curves.csv, curves.png, NAME.pt (fp16) and NAME.md, its card, in which
    `data` says what the pictures are. After SIGTERM the step in progress is finished and kept.
    """
    out, network = Path(out), objective.network
    out.mkdir(parents=True, exist_ok=True)
    held = min(config.validation, len(pictures) // 5)
    learnt = len(pictures) - held
    if not held:
        raise ConfigError(f"{len(pictures)} pictures are too few to train on: 5 at least")
    device, where = choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    network.to(device)
    optimiser = torch.optim.AdamW(_groups(objective, config), lr=config.rate)
    state = load_checkpoint(out / CHECKPOINT, objective.name, network, optimiser, device) or Progress()
    unseen = [pictures[n] for n in range(learnt, len(pictures))]
    bar = tqdm(
        total=1.0, initial=round(_spent(config, state), 4), disable=not progress,
        desc=f"{objective.name} on {where}", bar_format="{desc}: {percentage:.1f}%|{bar}| {elapsed}{postfix}",
    )  # fmt: skip

    def keep(finished: bool, validate: bool = True) -> None:
        if validate:
            network.eval()
            with torch.no_grad():
                figures = objective.validate(unseen)
            network.train()
            state.report({name: float(value) for name, value in figures.items()})
            write_curves(out, state.history)
        save_checkpoint(out / CHECKPOINT, objective.name, network, optimiser, state)
        export(out / f"{objective.name}.pt", network, objective.settings)
        write_card(out / f"{objective.name}.md", objective, config, state, data, learnt, held, finished)

    next_report = _spent(config, state) + 1 / config.reports
    batches = _batches(objective, pictures, learnt, config, state.step)
    with bar, _stopping() as stop:
        network.train()
        while (spent := _spent(config, state)) < 1 and not stop:
            began = time.monotonic()
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * _schedule(spent, config.warmup)
            torch.manual_seed(config.seed * 1_000_003 + state.step)
            losses = objective.losses(next(batches))
            loss = sum(losses.values())
            if not torch.isfinite(loss):
                raise ConfigError(f"the loss is {loss.item()} at step {state.step}: lower the rate")
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimiser.step()
            state.add({name: value.item() for name, value in losses.items()})
            state.step += 1
            state.seconds += time.monotonic() - began
            now = _spent(config, state)
            bar.set_postfix_str(f"step {state.step} loss {loss.item():.4f}", refresh=False)
            bar.update(max(min(now, 1.0) - bar.n, 0))
            if now >= next_report and now < 1 and not stop:
                began = time.monotonic()
                keep(finished=False)
                state.seconds += time.monotonic() - began
                next_report = max(next_report + 1 / config.reports, now)
        batches.close()
        finished = _spent(config, state) >= 1
        keep(finished, validate=finished)  # whoever asks to stop will not wait for long
    return Outcome(out / f"{objective.name}.pt", state.step, finished, state.figures)


def _spent(config: TrainConfig, state: Progress) -> float:
    """Share of the budget."""
    return state.step / config.steps if config.steps else state.seconds / (60 * config.minutes)


def _schedule(spent: float, warmup: float) -> float:
    """Share of the highest rate: up in a line, down a cosine."""
    if spent < warmup:
        return max(spent / warmup, 0.01)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min((spent - warmup) / (1 - warmup), 1.0))) / 2


def _groups(objective: Objective, config: TrainConfig) -> list[dict[str, Any]]:
    """Weights decay; biases and scales, which are vectors, do not."""
    groups = [{"params": list(objective.network.parameters())}]
    if hasattr(objective, "parameter_groups"):
        groups = objective.parameter_groups(config.rate)
    split = []
    for group in groups:
        rate = group.get("lr", config.rate)
        for is_vector, decay in ((False, config.decay), (True, 0.0)):
            chosen = [p for p in group["params"] if p.requires_grad and (p.ndim <= 1) == is_vector]
            if chosen:
                split.append({"params": chosen, "initial_lr": rate, "weight_decay": decay})
    return split


def _chosen(seed: int, step: int, batch: int, count: int) -> list[int]:
    """Which pictures a step learns from: every epoch is another permutation of all `count`."""
    places = range(step * batch, (step + 1) * batch)
    orders = {e: np.random.default_rng([seed, 1, e]).permutation(count) for e in {p // count for p in places}}
    return [int(orders[place // count][place % count]) for place in places]


def _batches(
    objective: Objective, pictures: Sequence[TrainingPicture], count: int, config: TrainConfig, step: int
) -> Iterator[Any]:
    """Batches of this step and all that follow; threads are two batches a thread ahead."""

    def make(step: int) -> Any:
        chosen = [pictures[n] for n in _chosen(config.seed, step, config.batch, count)]
        return objective.batch(chosen, np.random.default_rng([config.seed, 2, step]))

    if not config.loaders:
        while True:
            yield make(step)
            step += 1
    pool = ThreadPoolExecutor(config.loaders)
    waiting: list[Future] = []
    try:
        while True:
            while len(waiting) < 2 * config.loaders:
                waiting.append(pool.submit(make, step))
                step += 1
            yield waiting.pop(0).result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """A list that holds the first SIGTERM or SIGINT; a second one ends the process as usual.

    Only a main thread may listen to signals: elsewhere the list stays empty.
    """
    stop: list[int] = []
    previous = {}

    def hear(number: int, frame: object) -> None:
        stop.append(number)
        for each, handler in previous.items():
            signal.signal(each, handler)

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, hear)
    except ValueError:
        previous.clear()
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
