"""The speed table: what a frame costs, beside what it costs a peer on the same frames in alternation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pose_ros.config import update
from pose_ros.eval import report
from pose_ros.eval.peer import Peer
from pose_ros.eval.timing import Cost, alternate, circumstances, machine_slug, measure, summary
from pose_ros.human.estimators import HumanEstimator
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.nets.tflite import load_tflite
from pose_ros.sources.source import open_source
from pose_ros.types import RGBDFrame
from pose_ros.weights import path_of

ONE_PERSON = "synthetic:seed=1,frames=60,people=1"
FOUR_PEOPLE = "synthetic:seed=1,frames=60,people=4"
PERIOD_NS = 33_333_333
# Networks beside LiteRT: the outputs we use, and the input's sides where the file leaves them free.
NETWORKS: dict[str, tuple[tuple[int, ...] | None, tuple[int, int]]] = {
    "blazepose_lite": ((0, 1, 4), (256, 256)),
    "blazepose_full": ((0, 1, 4), (256, 256)),
    "blazepose_heavy": ((0, 1, 4), (256, 256)),
    "movenet_multipose": (None, (288, 384)),
}

Row = dict[str, Any]  # name, ours and peer: timing.summary, ratio_wall, ratio_cpu, anything else
ON_A_ROBOT = replace(HumanConfig(), joints="kinematic")  # as the node has it


def run_bench(
    json_path: Path | None = None,
    peer_python: Path | None = None,
    rounds: int = 150,
    one_person: str = ONE_PERSON,
    four_people: str = FOUR_PEOPLE,
    more_rows: Sequence[Callable[[int], list[Row]]] = (),
) -> dict[str, Any]:
    """Measure, print the table, and write it with machine, versions, commit and date.

    json_path: a file, or a folder (no suffix): then <folder>/<machine>/<date>-<commit>.json.
    peer_python: interpreter of the peers' environment (bench/requirements-peer.txt); without it ours
    are measured alone. rounds: calls each figure is the median of. more_rows: measurements of
    others, called with `rounds` (ROS's share: this package does not import it).
    """
    result = circumstances() | {"threads": torch.get_num_threads(), "sources": [one_person, four_people]}
    one, four = _frames(one_person), _frames(four_people)
    rows = [
        *_single_person(one, peer_python, rounds),
        *_pipeline("one person", one, rounds),
        *_pipeline("four people", four, rounds),
        *_networks(peer_python, rounds),
        *itertools.chain.from_iterable(measure_more(rounds) for measure_more in more_rows),
    ]
    cost = {line["name"]: line["ours"] for line in rows}
    for kind in ("wall", "cpu"):
        four_people, one_person = (
            cost[f"pipeline, {n}"][f"{kind}_ms"] for n in ("four people", "one person")
        )
        result[f"four_people_over_one_{kind}"] = four_people / one_person
    result["rows"] = rows
    print(table(result))
    if json_path is not None:
        report.write_json(_file_of(json_path, result), result)
    return result


def table(result: dict[str, Any]) -> str:
    """The rows as text, with the machine they were measured on."""
    headers = ["ms", "ours p50", "p95", "cpu", "peer p50", "p95", "cpu", "ratio wall", "ratio cpu"]
    rows = []
    for line in result["rows"]:
        ours, peer = line["ours"], line["peer"] or {}
        rows.append(
            [
                line["name"],
                *(ours.get(key) for key in ("wall_ms", "wall_ms_p95", "cpu_ms")),
                *(peer.get(key) for key in ("wall_ms", "wall_ms_p95", "cpu_ms")),
                *(f"{line[key]:.2f}" if key in line else "" for key in ("ratio_wall", "ratio_cpu")),
            ]
        )
    here = result["machine"]
    return (
        f"{report.table(headers, rows)}\n\nfour people over one: "
        f"wall {result['four_people_over_one_wall']:.2f}, cpu {result['four_people_over_one_cpu']:.2f}\n"
        f"{here['cpu']}, {here['cores']} cores, commit {result['commit']}, {result['date']}"
    )


def _single_person(frames: list[RGBDFrame], peer_python: Path | None, rounds: int) -> list[Row]:
    """Following one person in 2D: our estimator told to look for one, and as it comes; MediaPipe's graph."""
    as_it_comes = HumanPipeline(ON_A_ROBOT).estimator
    threads = torch.get_num_threads()
    alone = HumanPipeline(update(ON_A_ROBOT, {"blazepose.max_people": 1})).estimator
    found: dict[str, list[bool]] = {}

    def ours(name: str, estimator: HumanEstimator, threads: int) -> Callable[[RGBDFrame], Cost]:
        def call(frame: RGBDFrame) -> Cost:
            torch.set_num_threads(threads)
            keypoints, cost = measure(estimator.estimate, frame.rgb, frame.stamp_ns)
            found.setdefault(name, []).append(len(keypoints) > 0)
            return cost

        return call

    one_thread = "2D, one person, 1 thread"
    looking = f"2D, looking for more, {_threads(threads)}"
    contestants = {one_thread: ours(one_thread, alone, 1), looking: ours(looking, as_it_comes, threads)}
    peer_is = None
    with ExitStack() as stack:
        if peer_python is not None:
            mediapipe = stack.enter_context(Peer(peer_python, "mediapipe", 1))
            peer_is = f"MediaPipe {mediapipe.versions['mediapipe']} solutions.pose, complexity 1, tracking"

            def peer(frame: RGBDFrame) -> Cost:
                landmarks, cost = mediapipe(frame.rgb)
                found.setdefault("peer", []).append(landmarks is not None)
                return cost

            contestants["peer"] = peer
        costs = alternate(contestants, _progress(_video(frames, rounds), "one person", rounds))
    torch.set_num_threads(threads)
    peer_costs = costs.pop("peer", None)
    share = {name: float(np.mean(hits)) for name, hits in found.items()}
    return [
        row(name, of, peer_costs, peer_is=peer_is, found=share[name], peer_found=share.get("peer"))
        for name, of in costs.items()
    ]


def _pipeline(people: str, frames: list[RGBDFrame], rounds: int) -> list[Row]:
    """The whole pipeline as it comes, and each of its stages."""
    pipeline = HumanPipeline(ON_A_ROBOT)
    stages: dict[str, list[Cost]] = {}
    found = []

    def call(frame: RGBDFrame) -> Cost:
        people, cost = measure(pipeline, frame)
        found.append(len(people))
        for stage, milliseconds in pipeline.stage_ms.items():
            stages.setdefault(stage, []).append(Cost(milliseconds, np.nan))
        return cost

    costs = alternate({"ours": call}, _progress(_video(frames, rounds), people, rounds))
    return [
        row(f"pipeline, {people}", costs["ours"], None, people_found=float(np.mean(found))),
        *(row(f"  {stage}, {people}", of, None) for stage, of in stages.items()),
    ]


def _networks(peer_python: Path | None, rounds: int) -> list[Row]:
    """Each network on one image, one thread and all, beside LiteRT."""
    rows = []
    all_threads = torch.get_num_threads()
    for name, (outputs, sides) in NETWORKS.items():
        module = load_tflite(path_of(name), outputs)
        image = np.random.default_rng(0).random((1, *sides, 3), dtype=np.float32)
        tensor = torch.from_numpy(image).permute(0, 3, 1, 2)
        for threads in sorted({1, all_threads}):

            def ours(_: Any, module=module, tensor=tensor, threads=threads) -> Cost:
                torch.set_num_threads(threads)
                with torch.inference_mode():
                    return measure(module, tensor)[1]

            contestants: dict[str, Callable[[Any], Cost]] = {"ours": ours}
            with ExitStack() as stack:
                if peer_python is not None:
                    litert = stack.enter_context(Peer(peer_python, "litert", path_of(name), threads))
                    contestants["peer"] = lambda image, litert=litert: litert(image)[1]
                label = f"{name}, {_threads(threads)}"
                costs = alternate(contestants, _progress(itertools.repeat(image, rounds), label, rounds))
            rows.append(row(label, costs["ours"], costs.get("peer"), peer_is="LiteRT, all outputs"))
    torch.set_num_threads(all_threads)
    return rows


def row(name: str, ours: list[Cost], peer: list[Cost] | None, **more: Any) -> Row:
    """One line of the table: what ours cost, what the peer did, and ours over the peer's."""
    line: Row = {"name": name, "ours": summary(ours), "peer": summary(peer) if peer else None, **more}
    if peer:
        for kind in ("wall", "cpu"):
            line[f"ratio_{kind}"] = line["ours"][f"{kind}_ms"] / line["peer"][f"{kind}_ms"]
            line[f"ratio_{kind}_mean"] = line["ours"][f"{kind}_ms_mean"] / line["peer"][f"{kind}_ms_mean"]
    return line


def _frames(spec: str) -> list[RGBDFrame]:
    with open_source(spec) as source:
        return list(tqdm(source, total=len(source), desc=spec, unit="frame", leave=False))


def _video(frames: list[RGBDFrame], count: int) -> Iterator[RGBDFrame]:
    """`count` frames forwards and backwards without a cut, with stamps that go on at 30 Hz."""
    there_and_back = itertools.cycle([*frames, *frames[-2:0:-1]])
    for n, frame in enumerate(itertools.islice(there_and_back, count)):
        yield RGBDFrame(frame.rgb, frame.depth, frame.camera, (n + 1) * PERIOD_NS, frame.frame_id)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _progress(items: Iterator[Any], what: str, count: int) -> Iterator[Any]:
    return tqdm(items, total=count, desc=what, unit="round", leave=False)


def _file_of(path: Path, result: dict[str, Any]) -> Path:
    if path.suffix:
        return path
    return path / machine_slug() / f"{result['date'][:10]}-{result['commit']}.json"
