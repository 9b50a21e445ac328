"""Estimators side by side on the same pictures: `pose_ros compare`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from pose_ros import viz
from pose_ros.device import choose_device, use_threads
from pose_ros.errors import ConfigError, PoseError, SourceError, unknown
from pose_ros.eval import report
from pose_ros.human.estimators import ESTIMATORS, HumanEstimator, create_estimator
from pose_ros.human.pipeline import HumanConfig
from pose_ros.types import Keypoints2D

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
TILE_WIDTH, TITLE_HEIGHT = 480, 26  # px
INK, PAPER = (235, 235, 235), (40, 40, 40)


@dataclass(frozen=True)
class Answer:
    """What one estimator made of one picture."""

    keypoints: Keypoints2D
    milliseconds: float


@dataclass(frozen=True)
class Comparison:
    """answers: estimator -> one a picture. parameters: estimator -> millions. unable: estimator -> reason."""

    pictures: tuple[Path, ...]
    answers: dict[str, list[Answer]]
    parameters: dict[str, float]
    unable: dict[str, str]

    def __str__(self) -> str:
        headers = ["estimator", *(picture.name for picture in self.pictures), "ms", "million", "method"]
        rows = [
            [
                name,
                *(len(answer.keypoints) for answer in answers),
                float(np.median([answer.milliseconds for answer in answers])),
                self.parameters[name],
                ESTIMATORS[name].about.method,
            ]
            for name, answers in self.answers.items()
        ]
        parts = ["people found in each picture, median time of a picture, parameters:"]
        parts += [report.table(headers, rows)] if rows else ["no estimator could run"]
        parts += [f"{name}: could not run: {reason}" for name, reason in self.unable.items()]
        return "\n".join(parts)


def compare(pictures: Sequence[Path], names: Sequence[str], config: HumanConfig, out: Path) -> Comparison:
    """Run estimators (none named: all) over pictures, or folders of them; a sheet of each is drawn in `out`.

    Raises SourceError where a picture cannot be read, ConfigError for an unknown estimator. One that cannot
    run on this machine is reported with the reason.
    """
    for name in names:
        if name not in ESTIMATORS:
            raise ConfigError(unknown("estimator", name, ESTIMATORS))
    pictures = _files(pictures)
    images = [_read(picture) for picture in pictures]
    answers, parameters, unable = {}, {}, {}
    for name in tqdm(names or tuple(ESTIMATORS), desc="estimators", unit="estimator"):
        try:
            estimator = prepare(name, config)
        except PoseError as error:
            unable[name] = str(error)
            continue
        answers[name] = list(_answers(estimator, images))
        parameters[name] = estimator.parameter_count() / 1e6
    comparison = Comparison(tuple(pictures), answers, parameters, unable)
    out.mkdir(parents=True, exist_ok=True)
    for n, (picture, rgb) in enumerate(zip(pictures, images, strict=True)):
        tiles = [_tile(rgb, name, given[n]) for name, given in answers.items()]
        if tiles:
            cv2.imwrite(str(out / f"{picture.stem}.png"), _sheet(tiles)[..., ::-1])
    return comparison


def prepare(name: str, config: HumanConfig) -> HumanEstimator:
    """The estimator on the configured device, warmed up."""
    use_threads(config.threads)
    device, _ = choose_device(config.device)
    estimator = create_estimator(name, getattr(config, name), device)
    estimator.warm_up()
    return estimator


def _answers(estimator: HumanEstimator, images: Sequence[np.ndarray]) -> Iterator[Answer]:
    sizes = set()
    for n, rgb in enumerate(images):
        if rgb.shape not in sizes:
            estimator.estimate(rgb, n)  # networks get ready for a new size
            sizes.add(rgb.shape)
        estimator.reset()  # the pictures are not a video
        started = time.perf_counter()
        keypoints = estimator.estimate(rgb, n)
        yield Answer(keypoints, 1e3 * (time.perf_counter() - started))


def _files(given: Sequence[Path]) -> list[Path]:
    files = []
    for path in map(Path, given):
        inside = (
            sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES) if path.is_dir() else [path]
        )
        if not inside:
            raise SourceError(f"there is no picture in {path}: {', '.join(PICTURES)} are read")
        files += inside
    return files


def _read(path: Path) -> np.ndarray:
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise SourceError(f"cannot read the picture {path}")
    return np.ascontiguousarray(bgr[..., ::-1])


def _tile(rgb: np.ndarray, name: str, answer: Answer) -> np.ndarray:
    drawn = viz.draw_keypoints(rgb, answer.keypoints)
    height = round(TILE_WIDTH * rgb.shape[0] / rgb.shape[1])
    tile = np.full((TITLE_HEIGHT + height, TILE_WIDTH, 3), PAPER, np.uint8)
    tile[TITLE_HEIGHT:] = cv2.resize(drawn, (TILE_WIDTH, height), interpolation=cv2.INTER_AREA)
    count = len(answer.keypoints)
    people = f"{count} {'person' if count == 1 else 'people'}"
    title = f"{name}   {people}   {answer.milliseconds:.0f} ms"
    cv2.putText(tile, title, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return tile


def _sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Tiles of one size in a grid that is about as wide as it is high."""
    height, width = tiles[0].shape[:2]
    columns = min(len(tiles), int(np.ceil(np.sqrt(len(tiles) * height / width))))
    rows = -(-len(tiles) // columns)
    empty = np.full_like(tiles[0], PAPER)
    filled = tiles + [empty] * (rows * columns - len(tiles))
    return np.vstack([np.hstack(filled[row * columns : (row + 1) * columns]) for row in range(rows)])
