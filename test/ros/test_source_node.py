"""source as a process: a folder's frames arrive as they were written, when they should."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image
from stand_in import CAMERA, scene

from pose_ros.ros.conversions import camera_from_message, depth_from_message, rgb_from_message, stamp_to_ns
from pose_ros.ros.source_node import SourceNode
from pose_ros.sources.rgbd_folder import RGBDFolder, write_rgbd_folder
from pose_ros.types import RGBDFrame

MODULE = "pose_ros.ros.source_node"
FRAMES = 5
STEP_NS = 33_333_333


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "frames"
    places = [(100 + 50 * n, 200) for n in range(FRAMES)]
    write_rgbd_folder(
        path,
        (
            RGBDFrame(*scene(place, depth=1.5), CAMERA, 10**9 + n * STEP_NS, "camera")
            for n, place in enumerate(places)
        ),
    )
    return path


@pytest.fixture
def heard(peer):
    """Messages of image, depth and camera_info by stamp."""
    kinds = {"image": Image, "depth": Image, "camera_info": CameraInfo}
    return {topic: peer.listen(kind, topic) for topic, kind in kinds.items()}


def stamps(messages) -> list[int]:
    return [stamp_to_ns(message.header.stamp) for message in messages]


def test_frames_arrive_as_they_were_written(process, peer, heard, folder):
    player = process("-p", f"source:={folder}", "-p", "restamp:=false", script=MODULE)
    peer.wait(lambda: all(len(messages) == FRAMES for messages in heard.values()), "all frames")
    assert stamps(heard["image"]) == stamps(heard["depth"]) == stamps(heard["camera_info"])
    for n, frame in enumerate(RGBDFolder(folder)):
        np.testing.assert_array_equal(rgb_from_message(heard["image"][n]), frame.rgb)
        np.testing.assert_allclose(depth_from_message(heard["depth"][n]), frame.depth, atol=1e-3)
        assert camera_from_message(heard["camera_info"][n]) == frame.camera
        assert stamps(heard["image"])[n] == frame.stamp_ns
    assert player.wait() == 0


def test_stamps_are_of_now_and_keep_the_pace_over_a_second_lap(process, peer, heard, folder):
    player = process("-p", f"source:={folder}", "-p", "loop:=true", "-p", "rate:=20.0", script=MODULE)
    peer.wait(lambda: len(heard["image"]) >= 3 * FRAMES, "three laps")
    now = peer.get_clock().now().nanoseconds
    times = np.array(stamps(heard["image"])[: 3 * FRAMES]) / 1e9
    assert 0 < now / 1e9 - times[-1] < 10
    assert np.median(np.diff(times)) == pytest.approx(0.05, abs=0.02)
    assert (np.diff(times) > 0).all()
    assert player.stop() == 0


def test_what_is_no_source_is_refused_by_name(process):
    player = process("-p", "source:=/nowhere", script=MODULE)
    assert player.wait(60) == 1
    assert "'/nowhere' does not exist; valid: synthetic" in player.log


def test_a_source_that_breaks_on_the_way_ends_with_its_error(process, peer, heard, folder):
    (folder / "color" / "00003.png").write_bytes(b"no picture")
    player = process("-p", f"source:={folder}", script=MODULE)
    peer.wait(lambda: len(heard["image"]) == 3, "the frames before the broken one")
    assert player.wait() == 1
    assert "00003.png" in player.log


def test_stop_ends_it_whatever_it_waits_for(ros, folder):
    import threading

    from rclpy.parameter import Parameter

    node = SourceNode(parameter_overrides=[Parameter("source", value=str(folder))])
    playing = threading.Thread(target=node.play)  # nobody subscribes
    playing.start()
    node.stop()
    playing.join(20)
    assert not playing.is_alive()
    assert node.published == 0
    node.destroy_node()
