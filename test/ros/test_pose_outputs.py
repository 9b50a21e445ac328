"""Poses of joints on topics of their own, over DDS, in the image's frame and in the robot's."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from stand_in import CAMERA, FRAME_ID, UPRIGHT, scene
from tf2_msgs.msg import TFMessage

from pose_ros.errors import ConfigError
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.human.orient import LIMBS
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.pose_outputs import PosesConfig
from pose_ros.skeleton import PERSON_FRAMES

HERE = (400, 200)  # where the person of these tests stands, px
LEFT_WRIST, RIGHT_WRIST = (f"humans/bodies/p1/{side}_wrist" for side in ("left", "right"))


def read(message: PoseStamped) -> RigidTransform:
    p, q = message.pose.position, message.pose.orientation
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])


def wrist_at(pixel, side: float = 1.0) -> RigidTransform:
    """The stand-in's wrist is 0.3 m beside the body and turned as it is."""
    body = RigidTransform(UPRIGHT, CAMERA.unproject(pixel, 2.0))
    return body @ RigidTransform(np.eye(3), np.array([0, side * 0.3, 0]))


def test_wrists_have_poses_at_the_images_own_stamp(node, peer, camera):
    node()
    left, right = peer.listen(PoseStamped, LEFT_WRIST), peer.listen(PoseStamped, RIGHT_WRIST)
    camera.wait_for_node()

    def both_heard() -> bool:
        camera.shoot(*scene(HERE))
        peer.spin_for(0.05)
        return bool(left and right)

    peer.wait(both_heard, "poses of both wrists")
    stamp = camera.shoot(*scene(HERE))
    for heard, side in ((left, 1.0), (right, -1.0)):
        pose = peer.wait(
            lambda heard=heard: next((m for m in heard if stamp_to_ns(m.header.stamp) == stamp), None),
            "a pose",
        )
        assert pose.header.frame_id == FRAME_ID
        np.testing.assert_allclose(read(pose).translation, wrist_at(HERE, side).translation, atol=2e-3)
        np.testing.assert_allclose(read(pose).rotation, UPRIGHT, atol=1e-9)


def test_in_the_target_frame_they_are_the_robots(node, peer, camera):
    node(target_frame="base_link", poses="left_wrist, body")
    base_from_image = RigidTransform(rotation_exp(np.array([0.4, 1.1, -0.7])), np.array([1.0, 2.0, 3.0]))
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    message = TransformStamped(child_frame_id=FRAME_ID)
    message.header.frame_id = "base_link"
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = base_from_image.translation.tolist()
    r.x, r.y, r.z, r.w = base_from_image.quaternion.tolist()
    peer.create_publisher(TFMessage, "/tf_static", latched).publish(TFMessage(transforms=[message]))
    wrist, body = peer.listen(PoseStamped, LEFT_WRIST), peer.listen(PoseStamped, "humans/bodies/p1/body")
    camera.wait_for_node()

    def heard() -> bool:
        camera.shoot(*scene(HERE))
        peer.spin_for(0.1)
        return bool(wrist and body)

    peer.wait(heard, "poses in the robot's frame")
    assert peer.count_publishers(RIGHT_WRIST) == 0  # not asked for
    for message, pose in ((wrist[-1], wrist_at(HERE)), (body[-1], wrist_at(HERE, side=0.0))):
        assert message.header.frame_id == "base_link"
        expected = base_from_image @ pose
        np.testing.assert_allclose(read(message).translation, expected.translation, atol=2e-3)
        np.testing.assert_allclose(read(message).rotation, expected.rotation, atol=1e-9)


def test_in_a_target_frame_that_is_unknown_they_are_silent(node, peer, camera):
    node(target_frame="base_link")
    heard = peer.listen(PoseStamped, LEFT_WRIST)
    camera.wait_for_node()
    camera.shoot(*scene(HERE))
    peer.diagnosis("nothing is published in the target frame", "base_link")
    peer.wait(lambda: peer.count_publishers(LEFT_WRIST), "the publisher")
    camera.shoot(*scene(HERE))
    peer.spin_for(0.5)
    assert not heard


def test_topics_go_with_the_person_and_come_again(node, peer, camera):
    node()
    heard = peer.listen(PoseStamped, LEFT_WRIST)
    camera.wait_for_node()

    def shot_heard() -> bool:
        camera.shoot(*scene(HERE))
        peer.spin_for(0.05)
        return bool(heard)

    peer.wait(shot_heard, "a pose")
    camera.stamp_ns += 3 * 10**9  # long enough to be forgotten
    camera.shoot(*scene())
    peer.wait(lambda: not peer.count_publishers(LEFT_WRIST), "the end of the topic")
    assert not peer.count_publishers(RIGHT_WRIST)
    heard.clear()
    peer.wait(shot_heard, "a pose of the next person")


def test_two_people_have_their_own(node, peer, camera):
    node()
    heard = {id: peer.listen(PoseStamped, f"humans/bodies/{id}/left_wrist") for id in ("p1", "p2")}
    camera.wait_for_node()

    def all_heard() -> bool:
        camera.shoot(*scene((150, 100), (500, 300)))
        peer.spin_for(0.05)
        return all(heard.values())

    peer.wait(all_heard, "a pose of each")
    for id, pixel in (("p1", (150, 100)), ("p2", (500, 300))):
        np.testing.assert_allclose(read(heard[id][-1]).translation, wrist_at(pixel).translation, atol=2e-3)


def test_no_pose_is_made_that_nobody_hears(node, peer, camera):
    worked = node(poses="left_wrist,right_wrist,left_elbow")
    heard = peer.listen(PoseStamped, LEFT_WRIST)
    camera.wait_for_node()
    made: list[str] = []

    def shot_heard() -> bool:
        camera.shoot(*scene(HERE))
        peer.spin_for(0.05)
        topics = worked.output._of_person.get("p1", {})
        for joint, publisher in topics.items():
            if joint in PERSON_FRAMES and not hasattr(publisher, "watched"):
                publisher.watched = True
                publish = publisher.publish
                publisher.publish = lambda message, j=joint, p=publish: (made.append(j), p(message))
        return len(heard) > 3

    peer.wait(shot_heard, "poses")
    assert set(made) == {"left_wrist"}  # the stand-in knows the other wrist, too, and no elbow


def test_an_unknown_joint_is_refused_listing_the_known(node):
    with pytest.raises(ConfigError, match=r"'left_hand'; valid: body, neck, head, left_shoulder"):
        node(poses="left_wrist,left_hand")


def test_none_are_asked_for_by_an_empty_list(node, peer, camera):
    started = node(poses="")
    camera.wait_for_node()
    camera.shoot(*scene(HERE))
    peer.wait(lambda: peer.count_publishers("humans/bodies/p1/joint_states"), "the person's topics")
    assert not set(started.output._of_person["p1"]) & set(PERSON_FRAMES)


def test_the_joints_that_may_be_asked_for_are_those_people_have():
    limbs = {joint for upper, middle, end, _ in LIMBS.values() for joint in (upper, middle, end)}
    assert set(PERSON_FRAMES) == limbs | {"body", "neck", "head"}
    assert PosesConfig(poses=" head,, left_elbow,head ").joints == ("head", "left_elbow")
