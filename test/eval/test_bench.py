"""Alternation, peers and the table; never how fast anything is."""

import json
import math
import sys

import numpy as np
import pytest

from pose_ros.errors import PoseError
from pose_ros.eval import bench, peer, timing
from pose_ros.eval.timing import Cost
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.types import RGBDFrame

STAND_IN = """
import json, sys
import numpy as np
print(json.dumps({"stand-in": sys.argv[1]}), flush=True)
while header := sys.stdin.buffer.readline():
    what = json.loads(header)
    size = int(np.prod(what["shape"])) * np.dtype(what["dtype"]).itemsize
    array = np.frombuffer(sys.stdin.buffer.read(size), what["dtype"]).reshape(what["shape"])
    if array.max() == 13:
        raise ValueError("thirteen")
    print(json.dumps({"wall_ms": 2, "cpu_ms": 3, "result": array.sum(axis=0).tolist()}), flush=True)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    script = tmp_path / "child.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(peer, "CHILD", script)


def test_contestants_take_turns_and_the_warm_up_does_not_count():
    turns = []

    def contestant(name):
        def call(item):
            turns.append((name, item))
            return Cost(item, 10 * item)

        return call

    costs = timing.alternate({"a": contestant("a"), "b": contestant("b")}, range(5), warm_up=2)
    assert turns == [(name, n) for n in range(5) for name in "ab"]
    assert costs == {"a": [Cost(n, 10 * n) for n in (2, 3, 4)], "b": [Cost(n, 10 * n) for n in (2, 3, 4)]}


def test_cpu_time_counts_work_and_not_waiting():
    result, idle = timing.measure(lambda seconds: timing.time.sleep(seconds) or "slept", 0.05)
    assert result == "slept"
    assert idle.cpu_ms < idle.wall_ms


def test_summary_holds_median_tail_and_mean():
    figures = timing.summary([Cost(1, 2), Cost(2, 4), Cost(9, 18)])
    assert (figures["calls"], figures["wall_ms"], figures["wall_ms_mean"], figures["cpu_ms"]) == (3, 2, 4, 4)
    assert figures["wall_ms_p95"] == pytest.approx(np.percentile([1, 2, 9], 95))
    assert math.isnan(timing.summary([])["wall_ms"])


def test_circumstances_say_where_when_and_what():
    here = timing.circumstances()
    assert here["machine"]["cores"] >= 1
    assert {"torch", "numpy", "python"} <= set(here["versions"])
    assert here["commit"]
    assert here["date"].startswith("20")
    assert set(timing.machine_slug()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_a_peer_gets_every_frame_whole_and_tells_its_own_time(stand_in):
    with peer.Peer(sys.executable, "first") as other:
        assert other.versions == {"stand-in": "first"}
        for array in (np.arange(6, dtype=np.uint8).reshape(2, 3), np.full((4, 2), 0.25, np.float32)):
            assert other(array) == (array.sum(axis=0).tolist(), Cost(2, 3))


def test_a_peer_that_dies_says_of_what(stand_in):
    with (
        peer.Peer(sys.executable, "first") as other,
        pytest.raises(peer.PeerError, match="ValueError: thirteen"),
    ):
        other(np.full((2, 2), 13, np.uint8))


def test_a_peer_that_does_not_start_names_its_environment(tmp_path):
    with pytest.raises(PoseError, match="make bench"):
        peer.Peer(tmp_path / "no/python", "mediapipe", 1)
    with pytest.raises(PoseError, match="KeyError: 'nonsense'"):
        peer.Peer(sys.executable, "nonsense")


def test_the_video_has_no_cut_and_its_time_never_stands_still():
    camera = PinholeCamera(10, 10, 1.5, 1.5, 4, 4)
    frames = [
        RGBDFrame(np.full((4, 4, 3), n, np.uint8), np.ones((4, 4), np.float32), camera, 0, "camera")
        for n in range(4)
    ]
    video = list(bench._video(frames, 14))
    shown = [int(frame.rgb[0, 0, 0]) for frame in video]
    assert shown == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert np.ptp(np.diff([frame.stamp_ns for frame in video])) == 0
    assert [int(frame.rgb[0, 0, 0]) for frame in bench._video(frames[:1], 3)] == [0, 0, 0]


def test_ratios_are_ours_over_the_peers():
    line = bench.row("x", [Cost(1, 4), Cost(3, 8)], [Cost(4, 4), Cost(4, 4)])
    assert (line["ratio_wall"], line["ratio_cpu"]) == (0.5, 1.5)
    assert "ratio_wall" not in bench.row("x", [Cost(1, 4)], None)


def test_a_folder_gets_a_file_named_by_machine_date_and_commit(tmp_path):
    result = {"date": "2030-01-02T03:04:05+00:00", "commit": "abc"}
    assert bench._file_of(tmp_path / "x.json", result) == tmp_path / "x.json"
    expected = tmp_path / timing.machine_slug() / "2030-01-02-abc.json"
    assert bench._file_of(tmp_path, result) == expected


def test_the_bench_writes_what_it_prints(tmp_path, monkeypatch, capsys):
    camera = PinholeCamera(10, 10, 1.5, 1.5, 4, 4)
    frame = RGBDFrame(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.float32), camera, 0, "camera")
    one = bench.row("pipeline, one person", [Cost(2, 2)], [Cost(4, 1)])
    four = bench.row("pipeline, four people", [Cost(3, 4)], None)
    monkeypatch.setattr(bench, "_frames", lambda spec: [frame])
    monkeypatch.setattr(bench, "_single_person", lambda *_: [])
    monkeypatch.setattr(bench, "_pipeline", lambda people, *_: [one if people == "one person" else four])
    monkeypatch.setattr(bench, "NETWORKS", {})
    extra = bench.row("publish", [Cost(1, 1)], None)
    bench.run_bench(tmp_path / "b.json", rounds=12, more_rows=[lambda rounds: [extra | {"rounds": rounds}]])
    written = json.loads((tmp_path / "b.json").read_text())
    assert (written["four_people_over_one_wall"], written["four_people_over_one_cpu"]) == (1.5, 2)
    assert [line["name"] for line in written["rows"]] == [
        "pipeline, one person",
        "pipeline, four people",
        "publish",
    ]
    assert written["rows"][-1]["rounds"] == 12
    assert {"machine", "versions", "commit", "date", "threads", "sources"} <= set(written)
    printed = capsys.readouterr().out
    assert "publish" in printed
    assert "four people over one: wall 1.50, cpu 2.00" in printed
