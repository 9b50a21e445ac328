"""The real object_pose on recorded frames: a gelatin box and a foam brick on a table, with truth."""

from __future__ import annotations

import json

import numpy as np
from harness import transforms
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray

from pose_ros.geometry.mesh import load_mesh
from pose_ros.objects.search import SearchConfig
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.objects_input import ObjectSighting
from pose_ros.sources.bop import open_bop

NODE = "pose_ros.ros.object_pose_node"
LABELS = ("obj_000008", "obj_000021")  # gelatin box, foam brick
NEAR = 0.01  # m; how right the poses are is measured elsewhere


def test_both_objects_are_found_where_they_are(process, peer, camera, data, tmp_path):
    folder = data / "ycbv" / "models"
    files = {label: next(folder.glob(f"{label}.[op][bl][jy]")) for label in LABELS}
    entries = {label: {"mesh": str(file), "unit": "mm"} for label, file in files.items()}
    (tmp_path / "models.yaml").write_text(json.dumps(entries))  # JSON is YAML
    program = process("-p", f"models:={tmp_path / 'models.yaml'}", script=NODE)
    heard = peer.listen(Detection3DArray, "objects/detections")
    tf = peer.listen(TFMessage, "/tf")
    scene = open_bop(data / "ycbv" / "test")
    camera.model = scene.camera
    peer.wait(camera.image.get_subscription_count, "the node", timeout=120)

    keys = scene.keys()
    first = scene.frame(keys[0])
    client = peer.create_client(SetParametersAtomically, "/object_pose/detect")
    peer.wait(client.service_is_ready, "detect")
    asked = [Parameter("timeout", value=60.0).to_parameter_msg()]
    answer = client.call_async(SetParametersAtomically.Request(parameters=asked))
    shot = camera.messages(first.rgb, first.depth)

    def answered():
        camera.publish(shot)
        peer.spin_for(0.3)
        return answer.done()

    peer.wait(answered, "an answer of detect", timeout=90)
    result = answer.result().result
    assert result.successful, result.reason

    for key in keys:
        frame = scene.frame(key)
        stamp = camera.publish(camera.messages(frame.rgb, frame.depth))
        array = peer.wait(
            lambda stamp=stamp: next((m for m in heard if stamp_to_ns(m.header.stamp) == stamp), None),
            f"detections of frame {key}",
            timeout=60,
        )
    for truth in scene.truth(key):
        if truth.label not in LABELS:
            continue
        middle = load_mesh(files[truth.label], "mm").bounds.mean(axis=0)
        centers = [
            d.bbox.center.position for d in array.detections if ObjectSighting.of(d).label == truth.label
        ]
        errors = [[p.x, p.y, p.z] - truth.camera_from_object.apply(middle) for p in centers]
        assert errors, f"no {truth.label}"
        assert min(map(np.linalg.norm, errors)) < NEAR, truth.label
    for detection in array.detections:
        covariance = np.reshape(detection.results[0].pose.covariance, (6, 6))
        assert np.linalg.eigvalsh(covariance).min() >= 0
        assert SearchConfig().least_score <= detection.results[0].hypothesis.score <= 1
    frames = peer.wait(lambda: transforms(tf, stamp), "TF of the last frame")
    assert set(frames) == {detection.id for detection in array.detections}
    assert program.stop() == 0
