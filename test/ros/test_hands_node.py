"""The real node, asked for hands, on a person who shows them: palms and finger tips come as frames."""

from __future__ import annotations

import numpy as np
import pytest
from harness import transforms
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from pose_ros.sources.synthetic.hand_scene import HandSceneConfig, HandSource

NODE = "pose_ros.ros.human_pose_node"
ALL = ("left_palm_p1", "right_palm_p1", "left_index_tip_p1", "right_thumb_tip_p1")


@pytest.mark.parametrize("asked", [True, False])
def test_hands_come_as_frames_when_asked_for(asked, process, peer, camera, weights_of, tmp_path):
    pytest.importorskip("anny")
    for name in ("movenet_multipose", "blazepose_full", "hand_landmarks", "palm_detector"):
        weights_of(name)
    source = HandSource(HandSceneConfig(seed=4))
    frame = next(iter(source))
    program = process("-p", f"hands:={str(asked).lower()}", "-p", "faces:=false", script=NODE)
    tf = peer.listen(TFMessage, "/tf")
    markers = peer.listen(MarkerArray, "skeletons/markers")
    camera.model = frame.camera
    peer.wait(camera.image.get_subscription_count, "the node", timeout=180)
    camera.wait_for_process(lambda: markers)
    for _ in range(3):  # a person is believed when seen again
        stamp = camera.publish(camera.messages(frame.rgb, frame.depth))
        peer.wait(lambda stamp=stamp: transforms(tf, stamp).get("body_p1"), "the person", timeout=60)
    peer.wait(lambda: any(m.markers for m in markers[-2:]), "markers", timeout=10)
    frames = transforms(tf, stamp)
    hands = [marker for array in markers for marker in array.markers if marker.id in (3, 4) and marker.points]
    assert bool(hands) == asked
    assert [name for name in ALL if name in frames] == (list(ALL) if asked else [])
    if asked:
        for side in ("left", "right"):
            palm = np.linalg.norm(
                [getattr(frames[f"{side}_palm_p1"].transform.translation, axis) for axis in "xyz"]
            )
            assert 0.1 < palm < 1.0  # from the mid-hip
    assert program.stop() == 0
