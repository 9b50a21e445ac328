"""human_pose as a process, fed over DDS with pictures whose answer is known."""

from __future__ import annotations

import numpy as np
from harness import transforms
from stand_in import CAMERA, FRAME_ID, scene
from tf2_msgs.msg import TFMessage


def test_a_person_in_topics_becomes_frames_at_the_images_own_stamp(process, peer, camera):
    process()
    heard = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    stamp = camera.shoot(*scene((400, 200), depth=2.0))
    peer.wait(lambda: transforms(heard, stamp), "TF")
    frames = transforms(heard, stamp)
    body = frames["body_p1"]
    assert body.header.frame_id == FRAME_ID
    t = body.transform.translation
    np.testing.assert_allclose([t.x, t.y, t.z], CAMERA.unproject((400, 200), 2.0), atol=1e-3)
    left = frames["left_wrist_p1"]
    assert left.header.frame_id == "body_p1"
    t = left.transform.translation
    np.testing.assert_allclose([t.x, t.y, t.z], [0, 0.3, 0], atol=1e-6)
