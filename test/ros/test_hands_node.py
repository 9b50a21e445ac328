"""The real node, asked for hands, on a person who shows them: palms and finger tips come as frames."""

from __future__ import annotations

import numpy as np
import pytest
from harness import transforms
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from pose_ros.ros.people_messages import LEFT_HAND, RIGHT_HAND
from pose_ros.sources.synthetic.hand_scene import HandSceneConfig, HandSource

NODE = "pose_ros.ros.human_pose_node"
ALL = ("left_palm_p1", "right_palm_p1", "left_index_tip_p1", "right_thumb_tip_p1")


@pytest.mark.parametrize("asked", [True, False])
def test_hands_come_as_frames_when_asked_for(asked, process, peer, camera, weights_of):
    pytest.importorskip("anny")
    for name in ("movenet_multipose", "blazepose_full", "hand_landmarks", "palm_detector"):
        weights_of(name)
    source = HandSource(HandSceneConfig(seed=4))
    frame = next(iter(source))
    process("-p", f"hands:={str(asked).lower()}", "-p", "faces:=false", script=NODE)
    tf = peer.listen(TFMessage, "/tf")
    markers = peer.listen(MarkerArray, "skeletons/markers")
    camera.model = frame.camera
    peer.wait(camera.image.get_subscription_count, "the node", timeout=180)
    camera.wait_for_process(lambda: markers)
    camera.stamp_ns += 2 * 10**9  # where nobody was, people are looked for again after a while
    wanted = ("body_p1", *ALL) if asked else ("body_p1",)

    def come() -> bool:
        camera.publish(camera.messages(frame.rgb, frame.depth))
        peer.spin_for(0.3)
        return set(wanted) <= set(transforms(tf))

    peer.wait(come, "the frames", timeout=90)
    lines = {marker.id for array in markers for marker in array.markers if marker.points}
    assert ({LEFT_HAND, RIGHT_HAND} <= lines) == asked
    frames = transforms(tf)
    assert any("palm" in name for name in frames) == asked
    if asked:
        for side in ("left", "right"):
            assert frames[f"{side}_palm_p1"].header.frame_id == "body_p1"
            place = frames[f"{side}_palm_p1"].transform.translation
            assert 0.1 < np.linalg.norm([place.x, place.y, place.z]) < 1.0  # from the mid-hip
