"""human_pose over DDS, fed with pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from harness import transforms
from hri_msgs.msg import IdsList, NormalizedRegionOfInterest2D, Skeleton2D
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image, JointState
from stand_in import CAMERA, FRAME_ID, scene
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.ros.conversions import message_from_depth, stamp_to_ns

HERE = (400, 200)  # where the person of these tests stands, px


def position(transform) -> np.ndarray:
    t = transform.transform.translation
    return np.array([t.x, t.y, t.z])


def answer(peer, stamp_ns: int, frame: str = "body_p1"):
    """The transform of that frame at that stamp, once it comes."""
    heard = peer.heard["/tf"]
    return peer.wait(lambda: transforms(heard, stamp_ns).get(frame), f"TF of {frame}")


@pytest.fixture
def tf(peer):
    return peer.listen(TFMessage, "/tf")


def test_a_process_turns_topics_into_frames_at_the_images_own_stamp(process, peer, camera, tf):
    program = process()
    camera.wait_for_process(lambda: tf)
    stamp = camera.shoot(*scene(HERE, depth=2.0))
    body = answer(peer, stamp)
    assert body.header.frame_id == FRAME_ID
    np.testing.assert_allclose(position(body), CAMERA.unproject(HERE, 2.0), atol=1e-3)
    wrist = answer(peer, stamp, "left_wrist_p1")
    assert wrist.header.frame_id == "body_p1"
    np.testing.assert_allclose(position(wrist), [0, 0.3, 0], atol=1e-6)
    assert program.stop() == 0


def test_two_people_keep_to_themselves(node, peer, camera, tf):
    node()
    camera.wait_for_node()
    stamp = camera.shoot(*scene((100, 100), (500, 300)))
    for n, pixel in (("1", (100, 100)), ("2", (500, 300))):
        assert position(answer(peer, stamp, f"body_p{n}")) == pytest.approx(
            CAMERA.unproject(pixel, 2.0), abs=1e-3
        )
        assert answer(peer, stamp, f"right_wrist_p{n}").header.frame_id == f"body_p{n}"


def test_depth_in_metres(node, peer, camera, tf):
    node()
    camera.wait_for_node()
    stamp = camera.publish(camera.messages(*scene(HERE, depth=2.3456), encoding="32FC1"))
    assert position(answer(peer, stamp))[2] == pytest.approx(2.3456, abs=1e-5)


def test_compressed_transports(node, peer, camera, tf):
    import cv2

    node(image_transport="compressed", depth_transport="compressedDepth")
    image = peer.create_publisher(CompressedImage, "image/compressed", 1)
    depth = peer.create_publisher(CompressedImage, "depth/compressedDepth", 1)
    camera.wait_for_node(image, depth, camera.info)
    rgb, metres = scene(HERE, depth=2.0)
    jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    png = bytes(12) + cv2.imencode(".png", (metres * 1000).astype(np.uint16))[1].tobytes()
    shot = camera.messages(rgb, metres)
    camera.publish(shot)  # the raw images are not listened to
    image.publish(CompressedImage(header=shot.image.header, format="rgb8; jpeg compressed bgr8", data=jpeg))
    depth.publish(CompressedImage(header=shot.image.header, format="16UC1; compressedDepth png", data=png))
    body = answer(peer, stamp_to_ns(shot.image.header.stamp))
    np.testing.assert_allclose(position(body), CAMERA.unproject(HERE, 2.0), atol=5e-3)


def test_markers_show_the_person_and_go_when_the_person_goes(node, peer, camera, tf):
    node()
    heard = peer.listen(MarkerArray, "skeletons/markers")
    camera.wait_for_node()
    peer.wait(lambda: peer.count_publishers("skeletons/markers"), "the publisher of markers")
    stamp = camera.shoot(*scene(HERE))
    peer.wait(lambda: heard, "markers")
    for marker in heard[0].markers:
        assert marker.ns == "body_p1"
        assert marker.action == Marker.ADD
        assert marker.lifetime.nanosec == 300_000_000
        assert (stamp_to_ns(marker.header.stamp), marker.header.frame_id) == (stamp, FRAME_ID)
    camera.shoot(*scene())
    peer.wait(lambda: len(heard) > 1, "deletion")
    gone = {(m.ns, m.id, m.action) for m in heard[1].markers}  # hands and faces, too, if they were shown
    assert gone >= {(m.ns, m.id, Marker.DELETE) for m in heard[0].markers}
    assert {(ns, action) for ns, _, action in gone} == {("body_p1", Marker.DELETE)}


def test_rep_155_topics_come_and_go_with_the_person(node, peer, camera, tf):
    node()
    ids = peer.listen(IdsList, "humans/bodies/tracked")
    skeletons = peer.listen(Skeleton2D, "humans/bodies/p1/skeleton2d")
    regions = peer.listen(NormalizedRegionOfInterest2D, "humans/bodies/p1/roi")
    joints = peer.listen(JointState, "humans/bodies/p1/joint_states")
    camera.wait_for_node()
    assert peer.count_publishers("humans/bodies/p1/roi") == 0

    def all_heard() -> bool:
        camera.shoot(*scene(HERE))
        peer.spin_for(0.05)
        return bool(ids and skeletons and regions and joints)

    peer.wait(all_heard, "all REP-155 topics")
    assert ids[-1].ids == ["p1"]
    roi = regions[-1]
    assert (roi.xmin * 640, roi.ymin * 480) == pytest.approx((380, 180), abs=0.1)
    assert (roi.xmax * 640, roi.ymax * 480) == pytest.approx((421, 221), abs=0.1)
    nose = skeletons[-1].skeleton[Skeleton2D.NOSE]
    assert (nose.x * 640, nose.y * 480, nose.c) == pytest.approx((*HERE, 0.9), abs=0.1)
    assert stamp_to_ns(skeletons[-1].header.stamp) <= camera.stamp_ns

    camera.stamp_ns += 3 * 10**9  # long enough to be forgotten
    camera.shoot(*scene())
    peer.wait(lambda: ids[-1].ids == [], "an empty list")
    peer.wait(lambda: not peer.count_publishers("humans/bodies/p1/roi"), "the end of the person's topics")


def test_the_annotated_image_is_drawn_for_those_who_listen(node, peer, camera, tf):
    node()
    heard = peer.listen(Image, "image_annotated")
    camera.wait_for_node()
    peer.wait(lambda: peer.count_publishers("image_annotated"), "the publisher")
    rgb, depth = scene(HERE)
    stamp = camera.shoot(rgb, depth)
    peer.wait(lambda: heard, "the picture")
    assert (heard[0].encoding, heard[0].width, heard[0].height) == ("rgb8", 640, 480)
    assert stamp_to_ns(heard[0].header.stamp) == stamp
    assert not np.array_equal(np.frombuffer(heard[0].data, np.uint8).reshape(rgb.shape), rgb)


def test_no_work_where_nobody_listens(node, peer, camera):
    worked = node(publish_tf=False)
    camera.wait_for_node()
    for _ in range(5):
        camera.shoot(*scene(HERE))
        peer.spin_for(0.05)
    peer.wait(lambda: worked.input.sync.counts.paired, "pairs")
    assert worked.health.output.count == 0
    heard = peer.listen(MarkerArray, "skeletons/markers")
    peer.wait(lambda: worked.output.is_wanted, "the node to notice its listener")
    camera.shoot(*scene(HERE))
    peer.wait(lambda: heard, "markers")
    assert peer.count_publishers("/tf") == 0 or worked.output.is_wanted


def test_the_newest_frame_wins_and_drops_are_counted(node, peer, camera, tf):
    slow = node(cost__seconds=0.15)
    camera.wait_for_node()
    shot, sent = camera.messages(*scene(HERE)), []
    for _ in range(30):
        sent.append(camera.publish(shot))
        peer.spin_for(1 / 30)
    answer(peer, sent[-1])  # the last one is never dropped
    answered = [stamp for stamp in sent if transforms(tf, stamp)]
    assert answered[0] == sent[0]
    assert len(answered) < 15
    assert slow.worker.dropped == 30 - len(answered)


def test_stamps_that_jump_back_are_another_lap(node, peer, camera, tf):
    node()
    camera.wait_for_node()
    start = camera.stamp_ns
    for lap in range(3):
        camera.stamp_ns = start - lap  # the very same stamps would look like the first lap's answers
        for _ in range(3):
            stamp = camera.shoot(*scene(HERE))
            answer(peer, stamp)


def test_someone_who_asks_for_what_tf_does_not_offer_is_told_of(node, peer, camera):
    node()
    peer.listen(TFMessage, "/tf", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    peer.diagnosis("test_peer does not hear /tf", "transient local is asked for")


def test_a_driver_that_does_not_stamp_is_told_of(node, peer, camera, tf):
    node()
    camera.wait_for_node()
    shot = camera.messages(*scene(HERE))
    for message in (shot.info, shot.image, shot.depth):
        message.header.stamp = Time()
    for _ in range(20):
        camera.image.publish(shot.image)
        camera.depth.publish(shot.depth)
        peer.spin_for(0.02)
    peer.diagnosis("stamps repeat")
    answer(peer, camera.shoot(*scene(HERE)))


def test_16_bit_depth_is_millimetres_whatever_its_name(node, peer, camera, tf):
    node()
    camera.wait_for_node()
    shot = camera.messages(*scene(HERE, depth=3.0))
    shot.depth = message_from_depth(scene(HERE, depth=3.0)[1], 0, FRAME_ID)
    shot.depth.encoding = "mono16"
    assert position(answer(peer, camera.publish(shot)))[2] == pytest.approx(3.0)
