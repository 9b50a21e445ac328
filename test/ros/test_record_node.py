"""record over real DDS: what is published lies in bag and set; keys, services and hands begin and end."""

import functools
import json
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")
pytest.importorskip("mcap")
from harness import Runner
from people_for_record import people_cloud, person
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image, JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger

from pose_ros.apps.record import files
from pose_ros.apps.record.dataset import LeRobotSet
from pose_ros.apps.record.video import read_video
from pose_ros.ros.conversions import message_from_rgb, stamp_from_ns
from pose_ros.ros.people_cloud import info_message
from pose_ros.ros.record_node import RecordNode
from pose_ros.skeleton import BLAZEPOSE_33

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
JOINTS = ["j1", "j2"]


@pytest.fixture
def recorder(ros):
    runner = Runner(functools.partial(RecordNode))
    yield runner
    runner.stop()


class Robot:
    """Publishes joints, pictures and a person, stamped now."""

    def __init__(self, peer) -> None:
        self.peer = peer
        self.joints = peer.create_publisher(JointState, "joint_states", 10)
        self.image = peer.create_publisher(Image, "image", 10)
        self.points = peer.create_publisher(PointCloud2, "skeletons/points", 10)
        self.info = peer.create_publisher(String, "skeletons/info", LATCHED)
        self.info.publish(info_message(BLAZEPOSE_33))
        self.key = peer.create_publisher(String, "record/key", 10)
        self.state = peer.listen(String, "record/state", LATCHED)
        self.sent = 0

    def wait_for_node(self) -> None:
        for publisher in (self.joints, self.image, self.points, self.info, self.key):
            self.peer.wait(publisher.get_subscription_count, f"a subscriber of {publisher.topic_name}")

    def send(self, hand_up: bool = False) -> None:
        now = self.peer.get_clock().now().nanoseconds
        picture = np.full((48, 64, 3), 20 + self.sent % 200, np.uint8)
        self.image.publish(message_from_rgb(picture, now, "camera"))
        state = JointState(name=JOINTS, position=[float(self.sent), 2.0])
        state.header.stamp = stamp_from_ns(now)
        self.joints.publish(state)
        self.points.publish(people_cloud([person(hand_up=hand_up)], now))
        self.sent += 1

    def run(self, seconds: float, **options) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(**options)
            self.peer.spin_for(1 / 30)

    def until(self, condition, what, **options):
        def step():
            self.send(**options)
            return condition()

        return self.peer.wait(step, what)

    @property
    def told(self) -> dict:
        return json.loads(self.state[-1].data) if self.state else {}

    def call(self, name: str) -> Trigger.Response:
        client = self.peer.create_client(Trigger, f"/record/{name}")
        self.peer.wait(client.service_is_ready, f"the service {name}")
        future = client.call_async(Trigger.Request())
        self.peer.wait(future.done, f"an answer of {name}")
        return future.result()


@pytest.fixture
def robot(peer):
    return Robot(peer)


def start(recorder, robot, tmp_path, **parameters):
    node = recorder(folder=str(tmp_path / "rec"), task="pick the mug", min_free=0.0, **parameters)
    robot.wait_for_node()
    robot.run(0.5)
    return node


def texts(bag: Path, topic: str) -> list:
    with AnyReader([bag]) as reader:
        chosen = [c for c in reader.connections if c.topic == topic]
        return [reader.deserialize(data, c.msgtype) for c, _, data in reader.messages(chosen)]


def test_an_episode_lies_in_the_bag_and_in_the_set(recorder, robot, tmp_path):
    node = start(recorder, robot, tmp_path)
    answer = robot.call("start")
    assert answer.success, answer.message
    assert "7 features at 30 Hz" in answer.message
    first = robot.sent
    robot.run(1.5)
    last = robot.sent
    assert robot.call("stop").success
    robot.until(lambda: robot.told["finished"] == 1, "the end of the episode")
    assert robot.told["failure"] == ""
    assert node.worker.dropped == node.input.lost == 0

    bag = tmp_path / "rec" / "bags" / "episode_000000"
    numbers = [int(message.position[0]) for message in texts(bag, "/joint_states")]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))  # not one is lost
    assert numbers[0] <= first + 1
    assert numbers[-1] >= last - 1
    levels = [int(message.data[0]) - 20 for message in texts(bag, "/image")]
    assert levels == list(range(levels[0], levels[-1] + 1))
    assert abs(len(levels) - len(numbers)) <= 1  # the episode may begin between the two
    assert len(texts(bag, "/skeletons/info")) == 1  # latched, and so from before the episode

    root = tmp_path / "rec" / "lerobot"
    meta = files.read_parquet(root / files.EPISODES).to_pylist()
    assert [row["tasks"] for row in meta] == [["pick the mug"]]
    rows = files.read_parquet(root / "data/chunk-000/file-000.parquet")
    assert 40 <= len(rows) <= 60
    assert np.array(rows["valid"].to_pylist())[1:-1].all()
    state = np.array(rows["observation.state"].to_pylist())
    assert np.all(np.diff(state[1:-1, 0]) > 0)
    xyz = np.array(rows["observation.skeleton.xyz"].to_pylist()).reshape(len(rows), -1, 3)
    np.testing.assert_allclose(xyz[1:-1].mean(axis=0), person().keypoints3d.xyz[0], atol=1e-5)
    video = root / files.VIDEO.format(video_key="observation.images.camera", chunk_index=0, file_index=0)
    levels = np.array([picture.mean() for picture in read_video(video)])
    assert len(levels) == len(rows)
    assert np.abs(levels[1:-1] - 20 - state[1:-1, 0] % 200).max() < 4  # the picture of that very instant


def test_keys_begin_end_and_discard(recorder, robot, tmp_path):
    start(recorder, robot, tmp_path, formats="lerobot")
    robot.key.publish(String(data="start: pour water"))
    robot.until(lambda: robot.told["state"] == "recording", "the episode")
    robot.run(0.4)
    robot.key.publish(String(data="toggle"))
    robot.until(lambda: robot.told["finished"] == 1, "its end")
    robot.key.publish(String(data="toggle"))
    robot.until(lambda: robot.told["state"] == "recording", "the next")
    robot.key.publish(String(data="discard"))
    robot.until(lambda: robot.told["state"] == "idle", "its end")
    robot.key.publish(String(data="dance"))
    robot.peer.diagnosis("unknown word", "start, stop, toggle, discard")
    assert robot.told["finished"] == 1
    recorder.stop()
    with LeRobotSet(tmp_path / "rec" / "lerobot") as dataset:
        assert [row["tasks"] for row in dataset.episodes] == [["pour water"]]
        assert dataset.left_over() == []
    assert not (tmp_path / "rec" / "bags").exists()


def test_a_raised_hand_begins_and_ends(recorder, robot, tmp_path):
    start(recorder, robot, tmp_path, formats="lerobot", gesture__hand="left", gesture__hold=0.3)
    robot.until(lambda: robot.told["state"] == "recording", "the episode", hand_up=True)
    robot.run(0.6)
    robot.until(lambda: robot.told["finished"] == 1, "its end", hand_up=True)
    rows = files.read_parquet(tmp_path / "rec/lerobot/data/chunk-000/file-000.parquet")
    xyz = np.array(rows["observation.skeleton.xyz"].to_pylist()).reshape(len(rows), -1, 3)
    wrist = xyz[:, BLAZEPOSE_33.index("left_wrist"), 1]
    assert wrist[-2] > 0  # y points down: the hand that ends it is not in it


def test_refusals_are_answered(recorder, robot, tmp_path):
    node = start(recorder, robot, tmp_path)
    assert "nothing is being recorded" in robot.call("stop").message
    assert robot.call("start").success
    again = robot.call("start")
    assert not again.success
    assert "is being recorded" in again.message
    assert "episode 0 is discarded" in robot.call("discard").message
    assert not list((tmp_path / "rec" / "bags").iterdir())
    node.trigger_deactivate()
    assert "inactive" in robot.call("start").message


def test_an_unwritable_folder_is_said(recorder, peer):
    recorder(folder="/proc/nowhere", task="x")
    peer.diagnosis("cannot be configured", "/proc/nowhere")


def test_a_full_queue_drops_counts_and_says_so(recorder, robot, tmp_path, monkeypatch):
    node = start(recorder, robot, tmp_path, max_queue=1)
    assert robot.call("start").success
    hear = node.session.hear
    monkeypatch.setattr(node.session, "hear", lambda *message: time.sleep(0.05) or hear(*message))
    image = message_from_rgb(np.zeros((480, 640, 3), np.uint8), robot.peer.get_clock().now().nanoseconds, "c")
    for _ in range(30):
        robot.image.publish(image)
        robot.peer.spin_for(0.01)
    robot.peer.diagnosis("messages were dropped: the queue was full")
    assert node.worker.dropped > 0


def test_who_is_missing_is_named(recorder, peer, tmp_path):
    recorder(folder=str(tmp_path), task="x", min_free=0.0)
    peer.diagnosis("nobody publishes", "joint_states", "skeletons/points", "image")


def test_nothing_heard_is_no_episode(recorder, robot, tmp_path):
    recorder(folder=str(tmp_path), task="x", min_free=0.0, features__people="", features__cameras="a=nowhere")
    answer = robot.call("start")
    assert not answer.success
    assert "nothing came on joint_states, nowhere" in answer.message
