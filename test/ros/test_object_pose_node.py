"""object_pose over DDS, fed with pictures whose answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from harness import transforms
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, PointCloud2
from stand_in import CAMERA, FRAME_ID
from stand_in_objects import COVARIANCE, SIZE, TURN, boxes
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray, LabelInfo
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.objects_messages import CLOUD

HERE, THERE = (400, 200), (100, 300)  # px
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def pose_at(pixel, depth=1.0) -> RigidTransform:
    return RigidTransform(TURN, CAMERA.unproject(pixel, depth))


def read(pose) -> RigidTransform:
    q, p = pose.orientation, pose.position
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])


@pytest.fixture
def tf(peer):
    return peer.listen(TFMessage, "/tf")


@pytest.fixture
def hear(peer, camera):
    """hear(type, topic) listens, and waits until the node knows."""

    def listen(kind, topic, qos=50):
        messages = peer.listen(kind, topic, qos)
        peer.wait(lambda: peer.count_publishers(topic), f"the publisher of {topic}")
        return messages

    return listen


def of_stamp(peer, messages, stamp_ns):
    """The message of exactly that stamp."""
    return peer.wait(
        lambda: next((m for m in messages if stamp_to_ns(m.header.stamp) == stamp_ns), None),
        f"a message of stamp {stamp_ns}",
    )


def test_a_process_turns_topics_into_frames_at_the_images_own_stamp(process, peer, camera, tf):
    from pathlib import Path

    program = process(script=Path(__file__).with_name("stand_in_objects.py"))
    camera.wait_for_node()

    def answered():
        camera.publish(camera.messages(*boxes(HERE)))
        peer.spin_for(0.05)
        return tf

    peer.wait(answered, "TF")
    stamp = camera.shoot(*boxes(HERE, THERE))
    frames = peer.wait(lambda: transforms(tf, stamp), "TF of both boxes")
    for id, pixel in (("box_1", THERE), ("box_2", HERE)):
        t, q = frames[id].transform.translation, frames[id].transform.rotation
        found = RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [t.x, t.y, t.z])
        assert frames[id].header.frame_id == FRAME_ID
        np.testing.assert_allclose(found.translation, pose_at(pixel).translation, atol=1e-3)
        np.testing.assert_allclose(found.rotation, TURN, atol=1e-6)
    assert program.stop() == 0


def test_only_what_is_tracked_has_a_frame_a_detection_and_a_number(object_node, peer, camera, tf, hear):
    """At the left border the stand-in has lost it, at the right one it is tentative."""
    object_node()
    detections = hear(Detection3DArray, "objects/detections")
    labels = hear(Image, "objects/label_image")
    clouds = hear(PointCloud2, "objects/points")
    camera.wait_for_node()
    stamp = camera.shoot(*boxes((20, 100), HERE, (619, 300)))
    array = of_stamp(peer, detections, stamp)
    assert [(d.id, d.results[0].hypothesis.class_id) for d in array.detections] == [("box_2", "box")]
    assert set(transforms(tf, stamp)) == {"box_2"}
    image = of_stamp(peer, labels, stamp)
    assert (image.encoding, image.header.frame_id) == ("mono8", FRAME_ID)
    pixels = np.frombuffer(image.data, np.uint8).reshape(480, 640)
    expected = np.zeros((480, 640), np.uint8)
    expected[180:221, 380:421] = 1
    np.testing.assert_array_equal(pixels, expected)
    cloud = of_stamp(peer, clouds, stamp)
    points = np.frombuffer(cloud.data, CLOUD)
    assert len(points) == 41 * 41
    assert set(points["instance"]) == {1}
    np.testing.assert_allclose(points["xyz"].mean(0), CAMERA.unproject(HERE, 1.0), atol=1e-3)


def test_a_detection_has_probability_covariance_and_a_box_about_its_own_centre(
    object_node, peer, camera, hear
):
    object_node()
    detections = hear(Detection3DArray, "objects/detections")
    camera.wait_for_node()
    (detection,) = of_stamp(peer, detections, camera.shoot(*boxes(HERE))).detections
    (result,) = detection.results
    assert result.hypothesis.score == pytest.approx(0.9)
    np.testing.assert_allclose(np.reshape(result.pose.covariance, (6, 6)), COVARIANCE)
    pose, center = read(result.pose.pose), read(detection.bbox.center)
    np.testing.assert_allclose(pose.translation, pose_at(HERE).translation, atol=1e-3)
    np.testing.assert_allclose(center.translation, pose.apply(SIZE / 2), atol=1e-9)
    assert (detection.bbox.size.x, detection.bbox.size.y, detection.bbox.size.z) == pytest.approx(SIZE)


def test_in_the_target_frame_poses_and_covariances_are_turned(object_node, peer, camera, tf, hear):
    node = object_node(target_frame="base")
    base_from_image = RigidTransform(rotation_exp(np.array([0.4, 1.1, -0.7])), np.array([1.0, 2.0, 3.0]))
    static = peer.create_publisher(TFMessage, "/tf_static", LATCHED)
    message = TransformStamped(child_frame_id=FRAME_ID)
    message.header.frame_id = "base"
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = base_from_image.translation.tolist()
    r.x, r.y, r.z, r.w = base_from_image.quaternion.tolist()
    static.publish(TFMessage(transforms=[message]))
    detections = hear(Detection3DArray, "objects/detections")
    camera.wait_for_node()

    def heard():
        camera.publish(camera.messages(*boxes(HERE)))
        peer.spin_for(0.05)
        return detections

    peer.wait(heard, "detections in the target frame")
    (detection,) = detections[-1].detections
    assert detection.header.frame_id == "base"
    result = detection.results[0]
    expected = base_from_image @ pose_at(HERE)
    np.testing.assert_allclose(read(result.pose.pose).translation, expected.translation, atol=2e-3)
    turn = np.kron(np.eye(2), base_from_image.rotation)
    np.testing.assert_allclose(
        np.reshape(result.pose.covariance, (6, 6)), turn @ COVARIANCE @ turn.T, atol=1e-12
    )
    assert transforms(tf)["box_1"].header.frame_id == "base"
    assert node.health.output.count


def test_markers_show_the_object_and_go_when_it_goes(object_node, peer, camera, hear):
    object_node()
    heard = hear(MarkerArray, "objects/markers")
    camera.wait_for_node()
    first = camera.shoot(*boxes(HERE))
    peer.wait(lambda: heard, "markers")
    assert {(m.ns, m.id) for m in heard[0].markers} == {("box_1", n) for n in range(3)}
    assert {stamp_to_ns(m.header.stamp) for m in heard[0].markers} == {first}
    camera.shoot(*boxes())
    peer.wait(lambda: len(heard) > 1, "deletion")
    assert {(m.ns, m.id, m.action) for m in heard[1].markers} == {
        ("box_1", n, Marker.DELETE) for n in range(3)
    }


def test_models_are_latched(object_node, peer, camera, hear):
    object_node(models="box,cup")
    infos = hear(LabelInfo, "objects/label_info", LATCHED)
    models = hear(String, "objects/models", LATCHED)
    peer.wait(lambda: infos and models, "what was published before anyone listened")
    assert [entry.class_name for entry in infos[0].class_map] == ["box", "cup"]
    described = json.loads(models[0].data)
    assert set(described) == {"box", "cup"}
    np.testing.assert_allclose(described["box"]["bounds"], [np.zeros(3), SIZE])


def test_the_annotated_image_is_drawn_for_those_who_listen(object_node, peer, camera, hear):
    object_node()
    heard = hear(Image, "image_annotated")
    camera.wait_for_node()
    rgb, depth = boxes(HERE)
    picture = of_stamp(peer, heard, camera.shoot(rgb, depth))
    drawn = np.frombuffer(picture.data, np.uint8).reshape(rgb.shape)
    assert (drawn != rgb).any(-1).sum() > 500


def test_no_work_where_nobody_listens(object_node, peer, camera):
    worked = object_node(publish_tf=False)
    camera.wait_for_node()
    peer.listen(String, "objects/models", LATCHED)  # what is latched costs nothing
    peer.spin_for(0.2)
    before = len(worked.pipeline.calls)
    for _ in range(5):
        camera.shoot(*boxes(HERE))
        peer.spin_for(0.05)
    peer.wait(lambda: worked.input.sync.counts.paired, "pairs")
    assert len(worked.pipeline.calls) == before
    heard = peer.listen(Detection3DArray, "objects/detections")
    peer.wait(lambda: worked.output.is_wanted, "the node to notice its listener")
    stamp = camera.shoot(*boxes(HERE))
    of_stamp(peer, heard, stamp)


def test_without_models_it_stays_up_and_says_what_to_do(object_node, peer, camera, tf):
    node = object_node(models="")
    camera.wait_for_node()
    camera.shoot(*boxes(HERE))
    peer.diagnosis("no models", "add_model")
    assert node.state == "active"
    assert not tf


def test_models_that_cannot_be_read_leave_it_unconfigured_saying_why(object_node, peer):
    node = object_node(models="/nowhere")
    peer.diagnosis("cannot be configured: /nowhere is neither a folder of CAD files nor a YAML file")
    assert node.state == "unconfigured"


def test_objects_are_taken_out_of_rviz_when_the_node_is_deactivated(object_node, peer, camera, hear):
    node = object_node()
    heard = hear(MarkerArray, "objects/markers")
    camera.wait_for_node()
    camera.shoot(*boxes(HERE))
    peer.wait(lambda: heard, "markers")
    node.trigger_deactivate()
    peer.wait(lambda: heard[-1].markers[0].action == Marker.DELETE, "deletion")
    node.trigger_activate()
    camera.wait_for_node()
    camera.shoot(*boxes(HERE))
    peer.wait(lambda: heard[-1].markers[0].action == Marker.ADD, "markers again")


def test_why_there_is_no_more_is_told_in_diagnostics(object_node, peer, camera, tf):
    object_node(models="box,cup")
    camera.wait_for_node()
    camera.shoot(*boxes(HERE))
    peer.diagnosis("running on cpu")
    peer.wait(lambda: peer.diagnostic_value("no cup"), "the reason")
    assert peer.diagnostic_value("no cup") == "nothing in sight is of its size"
    assert peer.diagnostic_value("models") == "box, cup"


def test_a_bad_frame_is_told_of_and_the_next_good_one_answered(object_node, peer, camera, tf):
    object_node()
    camera.wait_for_node()
    camera.shoot(np.full((480, 640, 3), 255, np.uint8), np.ones((480, 640), np.float32))
    peer.diagnosis("RuntimeError", "no pipeline should do")
    stamp = camera.shoot(*boxes(HERE))
    peer.wait(lambda: transforms(tf, stamp), "TF of the good frame")
