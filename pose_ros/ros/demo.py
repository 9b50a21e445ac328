"""A source and the nodes as processes over real DDS, watched from here: `pose_ros demo`, `make demo`."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor

from pose_ros.errors import ConfigError, PoseError
from pose_ros.eval.tracks import compare_tracks
from pose_ros.ros.compose import prepare_dds
from pose_ros.ros.demo_objects import is_bop, scene_of, summarize_objects
from pose_ros.ros.recorder import Recorder
from pose_ros.sources.bop import models_folder
from pose_ros.sources.source import Source, open_source, parse_options, split_spec
from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, write_objects
from pose_ros.sources.synthetic.scene import SyntheticConfig, write_people
from pose_ros.sources.truth import PeopleTruth

LONGEST = 30.0  # seconds that are played at most
# Seconds; a shorter recording is played again, unless it has truth: people jump where it starts. On two cores
# the first search for objects takes up to ten of them.
SHORTEST = 15.0
START_TIMEOUT = 120.0  # seconds from the start of the processes to the first frame
QUIET = 1.5  # seconds without an answer after which the node has answered everything
CONTACT_SHEET = (3, 3)  # rows, columns
VIDEO_RATE = 30.0  # Hz
HEADING = "   s  images  node         answered    Hz  latency ms p50 / p95  dropped  found"
REMAPPED = {"object_pose": "image_annotated:=objects/image_annotated"}
ALBUMS = {"people": "pictures", "objects": "object_pictures"}  # video -> folder of its pictures
MADE_HERE = ("bag", "source", "summary.json", "people.mp4", "contact_sheet.png", "pictures",
             "objects.mp4", "objects_sheet.png", "object_pictures")  # fmt: skip


def demo(source: str, out: Path, models: str | None = None, people: bool = True) -> int:
    """Play `source` through the nodes and leave pictures, video, bag and figures in `out`.

    models: CAD files for object_pose; a scene in BOP's layout has its own, and nobody in it.
    """
    _clear(out)
    played = _drawn(source, out)
    if models is None and is_bop(played):
        models, people = str(models_folder(scene_of(played))), False
    nodes = (["human_pose"] if people else []) + ([] if models is None else ["object_pose"])
    if not nodes:
        raise ConfigError("there is nothing to run: without people, --objects MODELS is needed")
    with open_source(played) as opened:
        score = Score.of(source, opened)
    prepare_dds()
    rclpy.init()
    recorder = Recorder(out, people, models is not None)
    try:
        again = score.truth is None and score.keys is not None
        _watch(played, out, recorder, again, nodes, models)
    finally:
        recorder.close()
        rclpy.try_shutdown()
    summary = {"source": source, "images": len(recorder.images)}
    if people:
        summary |= summarize(recorder, score)
        summary["pictures"] = len(list((out / ALBUMS["people"]).glob("*.jpg")))
    if models is not None:
        summary["objects"] = summarize_objects(recorder, played)
    (out / "summary.json").write_text(json.dumps(summary, indent=1))
    made = []
    for video, folder in ALBUMS.items():
        sheet = "contact_sheet.png" if video == "people" else f"{video}_sheet.png"
        made += write_album(sorted((out / folder).glob("*.jpg")), out, f"{video}.mp4", sheet)
    print("\n" + "\n".join(f"{key:24} {_text(value)}" for key, value in summary.items()))
    made += ["a picture of every frame", "bag (MCAP: RViz, Foxglove)", "summary.json"]
    print(f"\n{out}: {', '.join(made)}")
    return 0


def _clear(out: Path) -> None:
    """Take away what an earlier demo has left, and nothing else."""
    out.mkdir(parents=True, exist_ok=True)
    for name in MADE_HERE:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _drawn(source: str, out: Path) -> str:
    """A synthetic scene is drawn beforehand: to draw it while it is played would slow the node down."""
    target, options = split_spec(source)
    if target == "synthetic":
        print("drawing the synthetic scene", flush=True)
        write_people(out / "source", parse_options(SyntheticConfig(), options))
        return str(out / "source")
    if target == "objects":
        return str(write_objects(out / "source", parse_options(ObjectSceneConfig(), options)))
    return source


def _watch(
    source: str, out: Path, recorder: Recorder, again: bool, names: list[str], models: str | None
) -> None:
    """Run source and nodes until everything is played and answered, a line a second."""
    executor = SingleThreadedExecutor()
    executor.add_node(recorder)
    # Who asks for pictures beside the nodes is this process.
    play = f"source:={json.dumps(source)}", f"loop:={json.dumps(again)}", f"wait_for:={len(names) + 1}"
    with contextlib.ExitStack() as stack:
        nodes = {}
        for name in names:
            given = (f"models:={json.dumps(models)}",) if name == "object_pose" else ()
            module, log = f"pose_ros.ros.{name}_node", out / f"{name}.log"
            nodes[name] = stack.enter_context(_process(module, log, *given, remap=REMAPPED.get(name)))
        player = stack.enter_context(_process("pose_ros.ros.source_node", None, *play))
        started = time.monotonic()
        first = None  # when the first image came
        while True:
            end = time.monotonic() + 1.0
            while (left := end - time.monotonic()) > 0:
                executor.spin_once(timeout_sec=left)
            _check(nodes, player, out, recorder, started if first is None else None)
            if not recorder.images:
                continue
            if first is None:
                first = time.monotonic()
                print(HEADING)
            for name in names:
                print(_row(recorder, name, time.monotonic() - first), flush=True)
            if time.monotonic() - first > (SHORTEST if again else LONGEST):
                player.terminate()
            if player.poll() is not None and time.monotonic() - recorder.last_heard > QUIET:
                return


def _check(
    nodes: dict[str, subprocess.Popen],
    player: subprocess.Popen,
    out: Path,
    recorder: Recorder,
    since: float | None,
) -> None:
    """PoseError if one of the processes cannot go on, or no image has come since long ago."""
    failure = next((text for text in recorder.diagnosis.values() if "cannot be configured" in text), None)
    ended = next((name for name, node in nodes.items() if node.poll() is not None), None)
    if failure or ended:
        raise PoseError(failure or f"{ended} has ended:\n{_tail(out / f'{ended}.log')}")
    if player.poll() and not recorder.images:
        raise PoseError("the source cannot be played (see above)")
    if since is not None and time.monotonic() - since > START_TIMEOUT:
        said = "; ".join(recorder.diagnosis.values()) or "the nodes are not heard at all"
        raise PoseError(f"no image after {START_TIMEOUT:.0f} s: {said}")


@contextlib.contextmanager
def _process(
    module: str, log: Path | None, *parameters: str, remap: str | None = None
) -> Iterator[subprocess.Popen]:
    """A node as a process of its own; without a log it speaks here."""
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    arguments += ["-r", remap] if remap else []
    command = [sys.executable, "-m", module, "--ros-args", *arguments]
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("w")) if log else None
        process = subprocess.Popen(command, stdout=output, stderr=output and subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-10:])


def _row(recorder: Recorder, name: str, seconds: float) -> str:
    people = name == "human_pose"
    answers: dict[int, dict] = recorder.poses if people else recorder.objects
    latency = (recorder.latency_ms if people else recorder.object_latency_ms) or [np.nan]
    answered = sorted(answers)
    span = (answered[-1] - answered[0]) / 1e9 if len(answered) > 1 else 0
    rate = (len(answered) - 1) / span if span else 0.0
    found = ",".join(sorted(answers[answered[-1]])) if answered else ""
    return (
        f"{seconds:4.0f} {len(recorder.images):7d}  {name:11} {len(answered):9d} {rate:5.1f} "
        f"{np.percentile(latency, 50):15.0f} / {np.percentile(latency, 95):3.0f} "
        f"{recorder.dropped.get(name, '?'):>8}  {found or '-'}"
    )


@dataclass(frozen=True)
class Score:
    """What a source tells of itself: its frames by name, and the people in them; None where unknown."""

    name: str
    keys: list[str] | None
    truth: PeopleTruth | None

    @classmethod
    def of(cls, name: str, source: Source) -> Score:
        truth = source.truth if isinstance(source.truth, PeopleTruth) else None
        try:
            return cls(name, source.keys(), truth)
        except TypeError:  # no end
            return cls(name, None, None)


def summarize(recorder: Recorder, score: Score) -> dict[str, Any]:
    """The figures of the run; accuracy of the TF that was heard where the source has truth."""
    answered = sorted(set(recorder.poses) & set(recorder.images))
    latency = recorder.latency_ms or [np.nan]
    summary: dict[str, Any] = {
        "source": score.name,
        "images": len(recorder.images),
        "answered": len(answered),
        "dropped_share": 1 - len(answered) / max(len(recorder.images), 1),
        "people_per_frame": float(np.mean([len(recorder.poses[s]) for s in answered])) if answered else 0.0,
        "ids": sorted({person for stamp in answered for person in recorder.poses[stamp]}),
        "latency_ms_p50": float(np.percentile(latency, 50)),
        "latency_ms_p95": float(np.percentile(latency, 95)),
    }
    if score.truth is not None:
        key_of = dict(zip(recorder.images, score.keys, strict=False))
        tracks = {key_of[stamp]: recorder.poses[stamp] for stamp in answered if stamp in key_of}
        figures = compare_tracks(tracks, score.truth)
        chosen = ("n_people", "detected", "invented", "mpjpe_mm", "mpjpe_visible_mm", "orientation_deg",
                  "id_switches", "lr_flips")  # fmt: skip
        summary["accuracy"] = {name: figures[name] for name in chosen}
    return summary


def write_album(
    pictures: list[Path], out: Path, video_name: str = "people.mp4", sheet_name: str = "contact_sheet.png"
) -> list[str]:
    """A video and a contact sheet of the pictures; the names of what could be written."""
    images = [cv2.imread(str(picture)) for picture in pictures]
    if not images:
        return []
    height, width = images[0].shape[:2]
    video = cv2.VideoWriter(
        str(out / video_name), cv2.VideoWriter_fourcc(*"mp4v"), VIDEO_RATE, (width, height)
    )
    made = [video_name] if video.isOpened() else []
    for image in images:
        video.write(image)
    video.release()
    rows, columns = CONTACT_SHEET
    chosen = np.linspace(0, len(images) - 1, rows * columns).round().astype(int)
    small = [cv2.resize(images[n], (width // 2, height // 2), interpolation=cv2.INTER_AREA) for n in chosen]
    sheet = np.vstack([np.hstack(small[row * columns : (row + 1) * columns]) for row in range(rows)])
    cv2.imwrite(str(out / sheet_name), sheet)
    return [*made, sheet_name]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
