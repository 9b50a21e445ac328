"""The real node with the real networks on recorded frames: two people, one sits and one stands."""

from __future__ import annotations

import numpy as np
from harness import transforms
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage

from pose_ros.ros.conversions import (
    stamp_to_ns,
)
from pose_ros.ros.recorder import poses_of
from pose_ros.sources.rgbd_folder import RGBDFolder

NODE = "pose_ros.ros.human_pose_node"
CONFIRMED = 3  # frames after which both people must be known


def test_both_people_are_found_where_they_are(process, peer, camera, data, weights_of):
    for name in ("movenet_multipose", "blazepose_full"):
        weights_of(name)
    program = process(script=NODE)
    tf = peer.listen(TFMessage, "/tf")
    answers = peer.listen(Image, "image_annotated")
    frames = list(RGBDFolder(data / "human_rgbd"))
    camera.model = frames[0].camera
    peer.wait(camera.image.get_subscription_count, "the node", timeout=60)
    camera.wait_for_process(lambda: answers)

    camera.stamp_ns += 2 * 10**9  # where nobody was, people are looked for again after a while
    people_of = []
    for frame in frames[:10]:
        shot = camera.messages(frame.rgb, frame.depth)
        stamp = camera.publish(shot)
        peer.wait(lambda stamp=stamp: stamp_to_ns(answers[-1].header.stamp) == stamp, "an answer", timeout=30)
        people_of.append(poses_of(TFMessage(transforms=list(transforms(tf, stamp).values()))))

    for people in people_of[CONFIRMED:]:
        assert len(people) == 2
        for pose in people.values():
            assert 2.0 < pose.joints["body"][2] < 3.2  # metres from the camera, as the depth image has them
            joints = np.array(list(pose.joints.values()))
            assert np.linalg.norm(joints - pose.joints["body"], axis=-1).max() < 1.5
    assert len({person for people in people_of[CONFIRMED:] for person in people}) == 2  # ids that stay
    assert program.stop() == 0
