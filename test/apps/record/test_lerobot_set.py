"""The data set on disk: whole after every commit, gone on with later; LeRobot's own loader reads it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pq = pytest.importorskip("pyarrow.parquet")
from takes import CODEC_ERROR, FPS, TABLE, picture, stamp, values, write_take  # noqa: E402

from pose_ros.apps.record import files  # noqa: E402
from pose_ros.apps.record.dataset import LeRobotSet  # noqa: E402
from pose_ros.apps.record.errors import RecordError  # noqa: E402
from pose_ros.apps.record.feature import Table  # noqa: E402
from pose_ros.apps.record.resample import Row  # noqa: E402
from pose_ros.apps.record.take import Take, TakeHeader, TakeWriter  # noqa: E402
from pose_ros.apps.record.video import VideoConfig, read_video  # noqa: E402

EPISODES = ((40, "pick"), (25, "place"), (33, "pick"))
GAP = (7, "action")


def record(root, episodes=EPISODES, first=0):
    for episode, (rows, task) in enumerate(episodes, start=first):
        with LeRobotSet(root) as dataset:
            folder = dataset.take_folder(dataset.new_take_name())
            dataset.commit([write_take(folder, episode, rows, task, without=GAP)])


def column(root, name):
    table = [files.read_parquet(path) for path in sorted((root / "data").rglob("*.parquet"))]
    return np.concatenate([np.array(part[name].to_pylist()) for part in table])


def episodes(root):
    return files.read_parquet(root / files.EPISODES).to_pylist()


def truth(name, layout=EPISODES):
    """Of all rows, as they are to be in the files."""
    rows = []
    for episode, (count, _) in enumerate(layout):
        for n in range(count):
            value = values(episode, n)[name]
            rows.append(np.zeros_like(value) if (n, name) == GAP else value)
    return np.array(rows)


def check(root, layout=EPISODES):
    lengths = [rows for rows, _ in layout]
    ends = np.cumsum(lengths)
    info = json.loads((root / files.INFO).read_text())
    assert (info["total_episodes"], info["total_frames"]) == (len(layout), ends[-1])
    assert info["splits"] == {"train": f"0:{len(layout)}"}
    for name in ("observation.state", "action"):
        np.testing.assert_allclose(column(root, name), truth(name, layout), atol=1e-6)
    np.testing.assert_allclose(column(root, "observation.solo"), truth("observation.solo", layout)[:, 0])
    np.testing.assert_array_equal(column(root, "index"), np.arange(ends[-1]))
    frame = np.concatenate([np.arange(rows) for rows in lengths])
    np.testing.assert_array_equal(column(root, "frame_index"), frame)
    np.testing.assert_array_equal(column(root, "episode_index"), np.repeat(np.arange(len(layout)), lengths))
    np.testing.assert_allclose(column(root, "timestamp"), frame / FPS, atol=1e-6)
    np.testing.assert_array_equal(column(root, "stamp_ns"), [stamp(n) for n in frame])
    valid = column(root, "valid")
    np.testing.assert_array_equal(valid[:, TABLE.names.index("action")], frame != GAP[0])
    assert valid[:, :-1].all()
    meta = episodes(root)
    assert [row["length"] for row in meta] == lengths
    assert [row["dataset_to_index"] for row in meta] == ends.tolist()
    assert [row["tasks"] for row in meta] == [[task] for _, task in layout]
    for name, number in (
        ("observation.images.front", lambda e, n: n + e),
        ("observation.images.wrist", lambda e, n: 2 * n),
    ):
        for e, row in enumerate(meta):
            place = {key: row[f"videos/{name}/{key}"] for key in ("chunk_index", "file_index")}
            pictures = list(read_video(root / files.VIDEO.format(video_key=name, **place)))
            first = round(row[f"videos/{name}/from_timestamp"] * FPS)
            assert round(row[f"videos/{name}/to_timestamp"] * FPS) == first + row["length"]
            for n in range(row["length"]):
                assert np.abs(pictures[first + n].astype(int) - picture(number(e, n))).mean() < CODEC_ERROR


def test_episodes_lie_where_the_indices_say(tmp_path):
    record(tmp_path)
    check(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*.mp4")) == ["file-000.mp4"] * 2
    assert not list(tmp_path.rglob("*.part"))
    assert not list((tmp_path / ".takes").iterdir())


def test_many_at_once_are_the_same_as_one_by_one(tmp_path):
    record(tmp_path / "one")
    with LeRobotSet(tmp_path / "all") as dataset:
        folders = [dataset.take_folder(f"{n:06d}") for n in range(3)]
        dataset.commit([write_take(f, e, *EPISODES[e], without=GAP) for e, f in enumerate(folders)])
    for path in sorted(path for path in (tmp_path / "one").rglob("*") if path.suffix in (".parquet", ".mp4")):
        other = tmp_path / "all" / path.relative_to(tmp_path / "one")
        if path.suffix == ".parquet":
            assert files.read_parquet(path).equals(files.read_parquet(other))
        else:
            assert path.read_bytes() == other.read_bytes()


def test_large_files_are_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA_MB", 0.003)
    monkeypatch.setattr(files, "VIDEO_SECONDS", 70 / FPS)
    record(tmp_path)
    check(tmp_path)
    assert len(list((tmp_path / "data").rglob("*.parquet"))) == 3
    assert len(list((tmp_path / "videos").rglob("*.mp4"))) == 4


def test_statistics_are_of_the_known_rows(tmp_path):
    record(tmp_path)
    stats = json.loads((tmp_path / files.STATS).read_text())
    rows = np.concatenate(
        [[values(e, n)["action"] for n in range(k) if n != GAP[0]] for e, (k, _) in enumerate(EPISODES)]
    )
    np.testing.assert_allclose(stats["action"]["mean"], rows.mean(0), atol=1e-5)
    np.testing.assert_allclose(stats["action"]["std"], rows.std(0), atol=1e-5)
    assert stats["action"]["count"] == [len(rows)]
    assert np.shape(stats["observation.images.front"]["mean"]) == (3, 1, 1)
    assert 0.3 < stats["observation.images.front"]["mean"][0][0][0] < 0.8


def test_a_crash_between_the_files_leaves_the_set_of_before(tmp_path, monkeypatch):
    """Whatever is written before info.json does not count, and the take is committed the next time."""
    record(tmp_path, EPISODES[:2])
    write = files.write_json

    def die(path, content):
        if path.name == "info.json":
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch, LeRobotSet(tmp_path) as dataset:
        take = write_take(dataset.take_folder(dataset.new_take_name()), 2, *EPISODES[2], without=GAP)
        patch.setattr(files, "write_json", die)
        with pytest.raises(KeyboardInterrupt):
            dataset.commit([take])
    assert json.loads((tmp_path / files.INFO).read_text())["total_episodes"] == 2
    with LeRobotSet(tmp_path) as dataset:
        assert len(dataset) == 2
        assert dataset.recover() == 1
    check(tmp_path)


def test_a_crash_before_the_take_is_removed_makes_no_second_episode(tmp_path, monkeypatch):
    from pose_ros.apps.record import dataset as module

    record(tmp_path, EPISODES[:2])
    with monkeypatch.context() as patch, LeRobotSet(tmp_path) as dataset:
        take = write_take(dataset.take_folder(dataset.new_take_name()), 2, *EPISODES[2], without=GAP)
        patch.setattr(module.shutil, "rmtree", lambda *_, **__: None)
        dataset.commit([take])
    with LeRobotSet(tmp_path) as dataset:
        assert dataset.recover() == 0
    check(tmp_path)


KILLED = """
import os, signal, sys
sys.path[:0] = [sys.argv[2], sys.argv[3]]
from pathlib import Path
from takes import write_take
from pose_ros.apps.record.dataset import LeRobotSet
dataset = LeRobotSet(Path(sys.argv[1]))
write_take(dataset.take_folder(dataset.new_take_name()), 2, 61, "pick", close=False)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_all_but_the_last_moment(tmp_path):
    record(tmp_path, EPISODES[:2])
    here = Path(__file__).parent
    code = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(here), str(here.parents[2])])
    assert code.returncode == -signal.SIGKILL
    check(tmp_path, EPISODES[:2])  # as it lies there
    with LeRobotSet(tmp_path) as dataset:
        assert dataset.recover() == 1
        rows = dataset.episodes[-1]["length"]
    assert 61 - FPS / 2 < rows <= 61
    state = column(tmp_path, "observation.state")[65:]
    np.testing.assert_allclose(state, [values(2, n)["observation.state"] for n in range(rows)], atol=1e-6)


def test_rows_past_the_end_do_not_count(tmp_path):
    with LeRobotSet(tmp_path) as dataset:
        writer = TakeWriter(dataset.take_folder("000000"), TakeHeader(TABLE, FPS, "pick", "", VideoConfig()))
        for n in range(20):
            writer.add(Row(stamp(n), values(0, n)))
        writer.end(stamp(12))
        writer.close()
        dataset.commit([Take(writer.folder)])
    assert column(tmp_path, "observation.solo").tolist() == [n / 2 for n in range(13)]
    path = tmp_path / files.VIDEO.format(video_key="observation.images.front", chunk_index=0, file_index=0)
    assert len(list(read_video(path))) == 13


def test_an_empty_or_broken_take_is_told_of(tmp_path):
    said = []
    with LeRobotSet(tmp_path) as dataset:
        write_take(dataset.take_folder("000000"), 0, 0)
        broken = write_take(dataset.take_folder("000001"), 0, 9)
        (broken.folder / "take.json").write_text("{")
        write_take(dataset.take_folder("000002"), 0, 9)
        assert dataset.recover(said.append) == 1
        assert [path.name for path in dataset.left_over()] == ["000001"]
    assert "no whole row" in said[0]
    assert "no episode that can be read" in said[1]


def test_other_features_and_rates_are_refused(tmp_path):
    record(tmp_path, EPISODES[:1])
    with LeRobotSet(tmp_path) as dataset, pytest.raises(RecordError, match="action is missing"):
        dataset.commit([write_take(dataset.take_folder("x"), 0, 3, table=Table(TABLE.features[:4]))])
    check(tmp_path, EPISODES[:1])


def test_nobody_else_writes_it_meanwhile(tmp_path):
    with LeRobotSet(tmp_path), pytest.raises(RecordError, match="another process"):
        LeRobotSet(tmp_path)
    LeRobotSet(tmp_path).close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: (root / "notes.txt").write_text("x"), "no data set"),
        (lambda root: files.write_json(root / files.INFO, {"codebase_version": "v2.1"}), "something else"),
        (lambda root: (root / "meta").mkdir() or (root / files.INFO).write_text("{"), "cannot be read"),
    ],
)
def test_what_is_no_set_is_left_alone(tmp_path, prepare, message):
    prepare(tmp_path)
    with pytest.raises(RecordError, match=message):
        LeRobotSet(tmp_path)


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(RecordError, match="/proc/nowhere"):
        LeRobotSet(Path("/proc/nowhere"))


@pytest.mark.skipif(
    "POSE_ROS_LEROBOT_PYTHON" not in os.environ,
    reason="POSE_ROS_LEROBOT_PYTHON names no python that has LeRobot (bench/requirements-lerobot.txt)",
)
def test_lerobots_own_loader_reads_what_was_written(tmp_path):
    record(tmp_path / "set")
    python, reader = os.environ["POSE_ROS_LEROBOT_PYTHON"], Path(__file__).with_name("lerobot_reader.py")
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    told = subprocess.run(
        [python, reader, tmp_path / "set", "--arrays", tmp_path / "found.npz"],
        env=environment | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert (found["frames"], found["episodes"], found["fps"]) == (98, 3, FPS)
    assert found["tasks"] == ["pick", "place"]
    assert found["batch"]["observation.images.front"] == [4, 3, 64, 96]
    arrays = np.load(tmp_path / "found.npz")
    for name in ("observation.state", "action"):
        np.testing.assert_allclose(arrays[name], truth(name), atol=1e-6)
    assert arrays["tasks"].tolist() == [task for rows, task in EPISODES for _ in range(rows)]
    numbers = [n + e for e, (rows, _) in enumerate(EPISODES) for n in range(rows)]
    for seen, number in zip(arrays["observation.images.front"], numbers, strict=True):
        assert np.abs(seen.astype(int) - picture(number)).mean() < CODEC_ERROR
