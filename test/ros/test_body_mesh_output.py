"""`skeletons/meshes` over real DDS: on demand only, whole triangles, taken away when people go."""

import numpy as np
from stand_in import CAMERA, FRAME_ID
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.human.body_mesh import BodyMesh
from pose_ros.ros.body_mesh import TOPIC, BodyMeshOutput, mesh_markers
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.types import RGBDFrame

STAMP = 1_700_000_000_123_456_789
TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def mesh(id: str = "p1") -> BodyMesh:
    return BodyMesh(id, np.random.default_rng(1).normal(0, 1, (4, 3)), TETRAHEDRON, 0.0123)


class Mesher:
    """Stands in for the fit: the meshes it is given, and how often it was asked."""

    def __init__(self, *meshes: BodyMesh) -> None:
        self.meshes, self.calls, self.resets = list(meshes), 0, 0

    def __call__(self, frame, people):
        self.calls += 1
        return self.meshes

    def reset(self) -> None:
        self.resets += 1


def frame(stamp_ns: int = STAMP) -> RGBDFrame:
    rgb = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    return RGBDFrame(rgb, np.full(rgb.shape[:2], np.nan, np.float32), CAMERA, stamp_ns, FRAME_ID)


def test_a_marker_holds_the_corners_of_every_triangle():
    body, label = mesh_markers([mesh()], header_of(STAMP, FRAME_ID)).markers
    assert body.type == Marker.TRIANGLE_LIST
    points = np.array([(p.x, p.y, p.z) for p in body.points]).reshape(-1, 3, 3)
    np.testing.assert_allclose(points, mesh().vertices[TETRAHEDRON])
    assert (body.scale.x, body.scale.y, body.scale.z) == (1.0, 1.0, 1.0)
    assert stamp_to_ns(body.header.stamp) == STAMP
    assert "p1" in label.text
    assert "12 mm" in label.text


def test_nothing_is_computed_until_somebody_listens(ros, peer):
    mesher = Mesher(mesh("p1"), mesh("p2"))
    output = BodyMeshOutput(peer, lambda: mesher)
    output.publish(frame(), [])
    assert mesher.calls == 0
    heard = peer.listen(MarkerArray, TOPIC)
    peer.wait(output.publishers()[0].get_subscription_count, "the subscription")
    output.publish(frame(), [])
    peer.wait(lambda: heard, "the meshes")
    assert mesher.calls == 1
    assert {marker.ns for marker in heard[0].markers} == {"mesh_p1", "mesh_p2"}

    mesher.meshes = mesher.meshes[:1]  # p2 goes
    output.publish(frame(STAMP + 1), [])
    peer.wait(lambda: len(heard) > 1, "the second message")
    gone = {m.ns for m in heard[1].markers if m.action == Marker.DELETE}
    assert gone == {"mesh_p2"}

    output.clear(header_of(STAMP + 2, FRAME_ID))
    peer.wait(lambda: len(heard) > 2, "the last message")
    assert {m.ns for m in heard[2].markers if m.action == Marker.DELETE} == {"mesh_p1"}
    assert mesher.resets == 1


def test_without_the_body_model_it_says_so_once_and_stays_silent(ros, peer):
    calls = []

    def missing():
        calls.append(1)
        raise ImportError("No module named 'anny'")

    output = BodyMeshOutput(peer, missing)
    heard = peer.listen(MarkerArray, TOPIC)
    peer.wait(output.publishers()[0].get_subscription_count, "the subscription")
    output.publish(frame(), [])
    output.publish(frame(), [])
    peer.spin_for(0.3)
    assert calls == [1]
    assert heard == []
