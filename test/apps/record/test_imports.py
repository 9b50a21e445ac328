"""Bags become episodes: the values at their instants, the same however many processes do it."""

import importlib.util
import json

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")
pytest.importorskip("mcap")
from record_scene import JOINTS, START, S, write_bag

from pose_ros.apps.record import files
from pose_ros.apps.record.bag_people import BagPeople
from pose_ros.apps.record.dataset import LeRobotSet
from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.imports import (
    ImportConfig,
    find_bags,
    import_bags,
    in_processes,
    on_ray,
    serially,
)
from pose_ros.apps.record.video import read_video
from pose_ros.config import update

CONFIG = ImportConfig()


def rows_of(root):
    return files.read_parquet(root / "data/chunk-000/file-000.parquet")


def columns(root, name):
    return np.array(rows_of(root)[name].to_pylist())


def test_values_are_those_of_their_instant(tmp_path):
    """Joints come at 100 Hz from another beat than the pictures: on a line they are exact."""
    write_bag(tmp_path / "one", 1.0, task="pick")
    (imported,) = import_bags([tmp_path / "one"], tmp_path / "set", CONFIG)
    assert imported.error == ""
    rows = rows_of(tmp_path / "set")
    assert len(rows) == imported.counts.rows == 31
    t = (rows["stamp_ns"].to_numpy() - START) / S
    np.testing.assert_allclose(t, np.arange(31) / 30, atol=1e-8)
    state = columns(tmp_path / "set", "observation.state")
    np.testing.assert_allclose(state, np.stack([t, -t], axis=1), atol=1e-6)
    nose = columns(tmp_path / "set", "observation.skeleton.xyz")[:, :3]
    np.testing.assert_allclose(nose, np.stack([0 * t, 0 * t - 0.5, 2 + t], axis=1), atol=1e-5)
    np.testing.assert_allclose(columns(tmp_path / "set", "observation.hands"), [[0.1, 0.0]] * 31, atol=1e-5)
    assert columns(tmp_path / "set", "valid").all()
    video = files.VIDEO.format(video_key="observation.images.camera", chunk_index=0, file_index=0)
    levels = [picture.mean() for picture in read_video(tmp_path / "set" / video)]
    np.testing.assert_allclose(levels, 50 + 100 * t, atol=2.5)
    info = json.loads((tmp_path / "set" / files.INFO).read_text())
    assert info["features"]["observation.state"]["names"] == list(JOINTS)
    with LeRobotSet(tmp_path / "set") as dataset:
        assert dataset.tasks == ["pick"]


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_any_rate_can_be_asked_for(tmp_path, fps):
    write_bag(tmp_path / "one", 1.0, with_people=False)
    config = update(CONFIG, {"rate.fps": fps, "task": "x"})
    import_bags([tmp_path / "one"], tmp_path / "set", config)
    state = columns(tmp_path / "set", "observation.state")
    np.testing.assert_allclose(state[:, 0], np.arange(fps + 1) / fps, atol=1e-6)


def same(a, b):
    for path in sorted(path for path in a.rglob("*") if path.suffix in (".parquet", ".mp4", ".json")):
        other = b / path.relative_to(a)
        if path.suffix == ".parquet":
            assert files.read_parquet(path).equals(files.read_parquet(other))
        else:
            assert path.read_bytes() == other.read_bytes()
    assert {p.relative_to(a) for p in a.rglob("*")} == {p.relative_to(b) for p in b.rglob("*")}


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    return [
        write_bag(
            folder / f"{n}", 0.4 + 0.2 * n, task=f"task {n % 2}", offset=n, start_ns=START + n * 100 * S
        )
        for n in range(4)
    ]


def test_processes_give_the_same_set_as_one_after_another(bags, tmp_path):
    for name, run in (("one", serially), ("many", in_processes(3))):
        results = import_bags(bags, tmp_path / name, CONFIG, run)
        assert [str(result.bag.name) for result in results] == list("0123")
        assert not any(result.error for result in results)
    same(tmp_path / "one", tmp_path / "many")
    with LeRobotSet(tmp_path / "many") as dataset:
        assert [row["length"] for row in dataset.episodes] == [13, 19, 25, 31]
        assert dataset.tasks == ["task 0", "task 1"]


def test_a_set_is_gone_on_with(bags, tmp_path):
    import_bags(bags, tmp_path / "at_once", CONFIG, serially)
    import_bags(bags[:1], tmp_path / "later", CONFIG, serially)
    import_bags(bags[1:], tmp_path / "later", CONFIG, serially)
    for path in ("data/chunk-000/file-000.parquet", files.STATS):
        a, b = tmp_path / "at_once" / path, tmp_path / "later" / path
        same = (
            files.read_parquet(a).equals(files.read_parquet(b))
            if a.suffix == ".parquet"
            else a.read_text() == b.read_text()
        )
        assert same


def test_a_bag_that_is_broken_is_left_out_and_told_of(bags, tmp_path):
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"no bag")
    strange = write_bag(tmp_path / "strange", 0.3, height=24)  # pictures of another size
    empty = write_bag(tmp_path / "empty", 0.0)
    results = import_bags([bags[0], broken, strange, bags[1], empty], tmp_path / "set", CONFIG, serially)
    assert "no MCAP file" in results[1].error
    assert "64x24" in str(results[2])
    assert "64x48" in str(results[2])
    with LeRobotSet(tmp_path / "set") as dataset:
        assert [row["length"] for row in dataset.episodes][:3] == [13, 10, 19]
    video = columns(tmp_path / "set", "valid")[13:23, -1]
    assert not video.any()  # the strange pictures are not there, the rest of that bag is


def test_an_import_that_died_leaves_no_half_episode(bags, tmp_path):
    def die(jobs):
        yield next(serially(jobs[:1]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_bags(bags, tmp_path / "set", CONFIG, die)
    import_bags(bags[:2], tmp_path / "set", CONFIG, serially)
    with LeRobotSet(tmp_path / "set") as dataset:
        assert [row["length"] for row in dataset.episodes] == [13, 19]
        assert dataset.left_over() == []
    assert not (tmp_path / "set" / ".imports").exists()


def test_gaps_in_a_bag_are_marked(tmp_path):
    """Nobody is seen: rows are there, the skeleton is not."""
    write_bag(tmp_path / "one", 0.5, with_people=False)
    write_bag(tmp_path / "two", 0.5)
    results = import_bags([tmp_path / "two", tmp_path / "one"], tmp_path / "set", CONFIG, serially)
    assert results[1].counts.invalid["observation.skeleton.xyz"] == 16
    assert "rows without" in str(results[1])
    valid = columns(tmp_path / "set", "valid")
    assert valid[:16].all()
    assert valid[16:, 0].all()
    assert not valid[16:, 1].any()
    xyz = columns(tmp_path / "set", "observation.skeleton.xyz")
    assert (xyz[16:] == 0).all()
    stats = json.loads((tmp_path / "set" / files.STATS).read_text())
    np.testing.assert_allclose(stats["observation.skeleton.xyz"]["min"][2], 2.0, atol=1e-5)  # no zero in them


def test_bags_are_found_in_folders(bags, tmp_path):
    assert find_bags([bags[0].parent]) == bags
    assert find_bags([bags[1], bags[1] / "1_0.mcap"]) == [bags[1]]
    for path, message in ((tmp_path, "no bag"), (tmp_path / "nowhere", "neither")):
        with pytest.raises(RecordError, match=message):
            find_bags([path])


def test_people_are_read_from_a_bag(bags, tmp_path):
    people = list(BagPeople(bags[2]))
    assert len(people) == 25
    assert [one.id for one in people[3]] == ["p1"]
    assert people[3].stamp_ns == START + 200 * S + S // 10
    nameless = write_bag(tmp_path / "nameless", 0.2, with_info=False)
    with pytest.raises(RecordError, match="skeletons/info"):
        BagPeople(nameless)
    assert len(BagPeople(write_bag(tmp_path / "nobody", 0.2, with_people=False))) == 0


def test_ray_gives_the_same_set(bags, tmp_path):
    pytest.importorskip("ray")
    import_bags(bags[:3], tmp_path / "one", CONFIG, serially)
    import_bags(bags[:3], tmp_path / "ray", CONFIG, on_ray("local"))
    same(tmp_path / "one", tmp_path / "ray")


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_it_is_said_how_to_get_it(bags, tmp_path):
    with pytest.raises(RecordError, match="pip install ray"):
        import_bags(bags[:2], tmp_path / "set", CONFIG, on_ray("local"))
