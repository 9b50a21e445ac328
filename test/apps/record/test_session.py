"""Recording live, without ROS: episodes, latched topics, a full disk, what a dead process has left."""

import errno
import json
import os
import resource
import shutil
import signal
import threading
from collections import namedtuple

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")
pytest.importorskip("mcap")
from record_scene import START, STORE, S, cloud, image, info_text, joints, person, text
from rosbags.highlevel import AnyReader

from pose_ros.apps.record import bag as bag_module
from pose_ros.apps.record import files
from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.imports import ImportConfig, import_bags
from pose_ros.apps.record.queue import BoundedWorker
from pose_ros.apps.record.session import Session
from pose_ros.apps.record.session_config import SessionConfig, Topic
from pose_ros.apps.record.sources import sources_of
from pose_ros.config import update


class World:
    """Topics, a clock, and a session that hears them."""

    def __init__(self, folder, **options) -> None:
        config = update(SessionConfig(folder=str(folder), task="pick", min_free=0.0), options)
        self.said: list[str] = []
        self.now = 0.0
        sources = sources_of(config.features)
        self.session = Session(config, sources, self.said.append, clock=lambda: self.now)
        of = {source.topic: source for source in sources}
        self.topics = {}
        for name, message in self.messages(0).items():
            source = of["skeletons/points" if name == "skeletons/info" else name]
            kind = message.__msgtype__
            definition, _ = STORE.generate_msgdef(kind)
            self.topics[name] = Topic(
                f"/{name}",
                kind,
                definition,
                "",
                lambda data, kind=kind: STORE.deserialize_cdr(data, kind),
                source,
                keep_last=name == "skeletons/info",
            )
            self.session.add_topic(self.topics[name])
        self.hear("skeletons/info", 0)

    @staticmethod
    def messages(n, hand_up=False):
        stamp = World.stamp(n)
        return {
            "skeletons/info": text(info_text()),
            "joint_states": joints(stamp, (n, -n)),
            "image": image(stamp, 20 + n % 200),
            "skeletons/points": cloud([person(hand_up=hand_up)], stamp),
        }

    @staticmethod
    def stamp(n):
        return START + round(n * S / 30)

    def hear(self, name, n, **options):
        message = self.messages(n, **options)[name]
        data = bytes(STORE.serialize_cdr(message, message.__msgtype__))
        self.session.hear(self.topics[name], self.stamp(n), data)

    def run(self, first, last, **options):
        for n in range(first, last):
            self.now += 1 / 30
            for name in ("joint_states", "image", "skeletons/points"):
                self.hear(name, n, **options)
            self.session.tick()

    @property
    def episodes(self):
        return files.read_parquet(self.session.folder / "lerobot" / files.EPISODES).to_pylist()

    @property
    def bags(self):
        return sorted((self.session.folder / "bags").glob("*"))


def test_an_episode_is_what_came_between_start_and_stop(tmp_path):
    world = World(tmp_path)
    world.run(0, 10)
    assert world.session.start(world.stamp(10)) == "episode 0: 7 features at 30 Hz, 4 topics"
    world.run(10, 40)
    world.session.stop(world.stamp(39))
    assert world.session.state == "finishing"
    world.run(40, 60)
    assert world.session.state == "idle"
    assert world.said[-1].startswith("episode 0: ")
    assert "30 rows" in world.said[-1]
    (row,) = world.episodes
    assert (row["length"], row["tasks"]) == (30, ["pick"])
    rows = files.read_parquet(tmp_path / "lerobot/data/chunk-000/file-000.parquet")
    np.testing.assert_allclose(
        np.array(rows["observation.state"].to_pylist())[:, 0], np.arange(10, 40), atol=1e-4
    )
    assert np.array(rows["valid"].to_pylist()).all()
    with AnyReader(world.bags) as reader:
        got = {}
        for connection, stamp, _ in reader.messages():
            got.setdefault(connection.topic, []).append(stamp)
    assert got["/joint_states"][:30] == [world.stamp(n) for n in range(10, 40)]
    assert got["/skeletons/info"] == [START]  # latched: it belongs to the episode though it came before
    world.session.close()


def test_late_topics_are_waited_for(tmp_path):
    """People come 0.2 s after their picture, as from a network."""
    world = World(tmp_path, formats="lerobot")
    world.run(0, 2)
    world.session.start(world.stamp(2))
    for n in range(2, 62):
        world.now += 1 / 30
        world.hear("image", n)
        world.hear("joint_states", n)
        if n >= 8:
            world.hear("skeletons/points", n - 6)
        world.session.tick()
        if n == 50:
            world.session.stop(world.stamp(50))
    world.now += 1
    world.session.tick()
    rows = files.read_parquet(tmp_path / "lerobot/data/chunk-000/file-000.parquet")
    assert np.array(rows["valid"].to_pylist()).all()
    assert len(rows) == 49
    world.session.close()


def test_a_hand_gives_its_sign_also_between_episodes(tmp_path):
    world = World(tmp_path, **{"formats": "lerobot", "gesture.hand": "left", "gesture.hold": 0.5})
    world.run(0, 10)
    world.run(10, 40, hand_up=True)
    assert world.session.signs == [world.stamp(10)]
    world.session.signs.clear()
    world.session.start(world.stamp(40))
    world.run(40, 60)
    world.run(60, 90, hand_up=True)
    assert world.session.signs == [world.stamp(60)]
    world.session.stop(world.session.signs.pop())
    world.now += 1
    world.session.tick()
    assert world.episodes[0]["length"] == 21  # up to where it was raised
    world.session.close()


def test_discarded_is_gone(tmp_path):
    world = World(tmp_path)
    world.run(0, 5)
    world.session.start(world.stamp(5))
    world.run(5, 20)
    assert world.session.discard() == "episode 0 is discarded"
    assert world.bags == []
    assert world.session.state == "idle"
    world.session.start(world.stamp(20))
    world.run(20, 40)
    world.session.close()  # ends it
    assert [row["length"] for row in world.episodes] == [20]
    assert [path.name for path in world.bags] == ["episode_000000"]


def test_what_cannot_be_is_answered(tmp_path):
    world = World(tmp_path)
    for wrong in (world.session.discard, lambda: world.session.stop(0)):
        with pytest.raises(RecordError, match="nothing is being recorded"):
            wrong()
    with pytest.raises(RecordError, match=r"nothing came on joint_states, image, .* features"):
        world.session.start(0)
    world.run(0, 3)
    world.session.start(world.stamp(3))
    with pytest.raises(RecordError, match="episode 0 is being recorded"):
        world.session.start(world.stamp(3))
    world.session.discard()
    world.session.close()


def test_a_set_needs_a_task_a_bag_does_not(tmp_path):
    world = World(tmp_path / "set", task="", formats="lerobot")
    world.run(0, 3)
    with pytest.raises(RecordError, match="task is empty"):
        world.session.start(world.stamp(3))
    assert world.session.start(world.stamp(3), "said later").startswith("episode 0")
    world.session.discard()
    world.session.close()
    World(tmp_path / "bag", task="", formats="mcap").session.start(START)


def test_a_full_disk_ends_the_episode_and_leaves_what_was_written(tmp_path, monkeypatch):
    world = World(tmp_path)
    world.run(0, 3)
    world.session.start(world.stamp(3))
    world.run(3, 40)
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(bag_module.Writer, "add_message", full)
        with pytest.raises(RecordError, match="the disk is full"):
            world.hear("image", 40)
    assert world.session.state == "idle"
    assert "the disk is full" in world.session.failure
    world.session.close()
    again = World(tmp_path)  # the next start finishes what was left
    assert any("1 unfinished episodes were recovered" in said for said in again.said)
    assert any("messages were recovered" in said for said in again.said)
    assert 20 <= again.episodes[0]["length"] <= 37
    assert again.session.number == 1
    again.session.close()


def test_space_is_watched(tmp_path, monkeypatch):
    Usage = namedtuple("Usage", "total used free")
    free = [10**12]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    world = World(tmp_path, min_free=1.0)
    world.run(0, 3)
    world.session.start(world.stamp(3))
    world.run(3, 20)
    free[0] = 10**8
    world.run(20, 80)
    assert world.session.state == "idle"
    assert "less than min_free" in world.session.failure
    assert len(world.episodes) == 1  # ended in good order
    with pytest.raises(RecordError, match="less than min_free"):
        world.session.start(world.stamp(80))
    world.session.close()


def test_bad_messages_are_refused_and_counted_not_written(tmp_path):
    world = World(tmp_path, formats="lerobot")
    world.run(0, 3)
    world.session.start(world.stamp(3))
    bad = cloud([person()], world.stamp(4))
    bad.fields.pop()
    topic = world.topics["skeletons/points"]
    world.session.hear(topic, world.stamp(4), bytes(STORE.serialize_cdr(bad, topic.type)))
    world.run(5, 20)
    (why,) = world.session.refused
    assert "point cloud without" in why
    world.session.close()
    assert world.episodes[0]["length"] > 10


def test_numbers_of_bags_and_takes_go_on(tmp_path):
    for number in range(2):
        world = World(tmp_path)
        world.run(0, 3)
        assert world.session.start(world.stamp(3)).startswith(f"episode {number}:")
        world.run(3, 20)
        world.session.close()
    assert [path.name for path in world.bags] == ["episode_000000", "episode_000001"]
    info = json.loads((tmp_path / "lerobot" / files.INFO).read_text())
    assert info["total_episodes"] == 2


def test_the_queue_is_bounded_in_bytes_and_keeps_its_order():
    gate, done, errors = threading.Event(), [], []

    def work(item):
        gate.wait(5)
        if item == "bad":
            raise RecordError("told")
        done.append(item)

    worker = BoundedWorker(work, lambda: None, errors.append, limit=100)
    names = ("a", "bad", "b", "c", "d", "e")
    fits = [worker.put(name, 30) for name in names]
    worker.submit(lambda: done.append("job"))
    assert worker.dropped == fits.count(False) > 0
    assert worker.most <= 100
    gate.set()
    assert worker.ask(lambda: "answer", 5) == "answer"
    with pytest.raises(RecordError, match="asked"):
        worker.ask(lambda: (_ for _ in ()).throw(RecordError("asked")), 5)
    worker.stop()
    assert done == [
        n for n, fit in zip(("a", "bad", "b", "c", "d", "e"), fits, strict=True) if fit and n != "bad"
    ] + ["job"]
    assert [str(error) for error in errors] == ["told"]


def test_a_set_that_exists_is_gone_on_with_though_a_topic_is_silent(tmp_path):
    world = World(tmp_path, formats="lerobot")
    world.run(0, 3)
    world.session.start(world.stamp(3))
    world.run(3, 20)
    world.session.close()
    world = World(tmp_path, formats="lerobot")
    world.hear("image", 30)
    assert "nothing came on joint_states" in world.session.start(world.stamp(31))
    for n in range(31, 60):
        world.hear("image", n)
    world.session.close()
    rows = files.read_parquet(tmp_path / "lerobot/data/chunk-000/file-000.parquet")
    valid = np.array(rows["valid"].to_pylist())
    assert valid[:17].all()
    assert not valid[17:, 0].any()
    assert valid[17:, -1].all()


@pytest.mark.parametrize("formats", ["mcap", "lerobot"])
def test_a_disk_that_really_takes_no_more_is_said(tmp_path, formats):
    """A limit on the size of files stands for it: the system itself refuses to write."""
    world = World(tmp_path, formats=formats)
    world.run(0, 3)
    world.session.start(world.stamp(3))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, hard))
        with pytest.raises(RecordError, match="cannot be written"):
            world.run(3, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert world.session.state == "idle"
    assert "cannot be written" in world.session.failure
    world.session.close()
    again = World(tmp_path, formats=formats)
    assert any("recovered" in said for said in again.said)
    again.session.close()


def test_a_process_that_died_at_once_is_no_end_to_the_next(tmp_path):
    (tmp_path / "bags" / "episode_000000").mkdir(parents=True)
    (tmp_path / "bags" / "episode_000000" / "episode_000000_0.mcap").touch()
    (tmp_path / "lerobot" / ".takes" / "000000").mkdir(parents=True)
    world = World(tmp_path)
    assert any("no MCAP file" in said for said in world.said)
    assert any("no episode that can be read" in said for said in world.said)
    world.run(0, 3)
    assert world.session.start(world.stamp(3)).startswith("episode 1:")
    world.run(3, 20)
    world.session.close()
    assert world.episodes[0]["length"] == 17


def test_one_folder_is_recorded_to_by_one(tmp_path):
    world = World(tmp_path, formats="mcap")
    world.session.start(START)
    world.run(0, 20)
    with pytest.raises(RecordError, match="being written"):
        World(tmp_path, formats="mcap")
    world.session.close()
    World(tmp_path, formats="mcap").session.close()


def test_the_bag_of_an_episode_gives_the_same_set(tmp_path):
    """Live and afterwards: the same rows, the same pictures."""
    world = World(tmp_path, **{"features.cameras": "camera=image"})
    world.run(0, 10)
    world.session.start(world.stamp(10))
    world.run(10, 40)
    world.session.stop(world.stamp(39))
    world.run(40, 60)
    world.session.close()
    (imported,) = import_bags(world.bags, tmp_path / "again", ImportConfig())
    assert imported.error == ""
    data = "data/chunk-000/file-000.parquet"
    live, again = (files.read_parquet(tmp_path / name / data) for name in ("lerobot", "again"))
    assert live.equals(again)
    video = files.VIDEO.format(video_key="observation.images.camera", chunk_index=0, file_index=0)
    live, again = ((tmp_path / name / video).read_bytes() for name in ("lerobot", "again"))
    assert live == again
