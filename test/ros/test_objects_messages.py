"""Objects as messages: laws that hold for any pose, so the poses are random."""

from __future__ import annotations

import json

import numpy as np
import pytest
from stand_in import CAMERA
from stand_in_objects import COVARIANCE, SIZE, model
from visualization_msgs.msg import Marker

from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion, rotation_exp, rotation_log
from pose_ros.ros import objects_messages as messages
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.ros.objects_markers import AXES, LABEL, MESH, REPEAT_NS, TRIANGLES, Markers
from pose_ros.ros.tf_messages import TFMessages
from pose_ros.types import RGBDFrame, TrackedObject, TrackState

STAMP = 1_700_000_000_123_456_789
HEADER = header_of(STAMP, "root")
MODELS = {"box": model("box"), "cup": model("cup")}


def motion(seed: int) -> RigidTransform:
    random = np.random.default_rng(seed)
    return RigidTransform(rotation_exp(random.normal(0, 2, 3)), random.normal(0, 2, 3))


def thing(id="box_1", seed=0, covariance=COVARIANCE) -> TrackedObject:
    label = id.rpartition("_")[0]
    return TrackedObject(id, label, TrackState.TRACKED, 3, 0.87, motion(seed), covariance, 0.5, 1.234, False)


def transform_of(pose) -> RigidTransform:
    q, p = pose.orientation, pose.position
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])


@pytest.mark.parametrize("root_from_image", [None, motion(9)], ids=["image", "moved"])
def test_frame_and_detection_are_at_the_meshs_origin_and_the_box_is_not(root_from_image):
    objects = [thing("box_1", 1), thing("cup_2", 2)]
    frames = TFMessages()(messages.frames_of(objects, "root", root_from_image), HEADER)
    array = messages.detection_array(objects, MODELS, HEADER, root_from_image)
    assert (stamp_to_ns(array.header.stamp), array.header.frame_id) == (STAMP, "root")
    for one, frame, detection in zip(objects, frames.transforms, array.detections, strict=True):
        expected = one.camera_from_object
        expected = root_from_image @ expected if root_from_image else expected
        assert frame.child_frame_id == detection.id == one.id
        (result,) = detection.results
        assert (result.hypothesis.class_id, result.hypothesis.score) == (one.label, pytest.approx(0.87))
        found = transform_of(result.pose.pose)
        np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-9)
        np.testing.assert_allclose(found.translation, expected.translation, atol=1e-9)
        t = frame.transform.translation
        np.testing.assert_allclose([t.x, t.y, t.z], expected.translation, atol=1e-9)
        center = transform_of(detection.bbox.center)
        np.testing.assert_allclose(center.translation, expected.apply(SIZE / 2), atol=1e-9)
        np.testing.assert_allclose(center.rotation, expected.rotation, atol=1e-9)
        size = detection.bbox.size
        np.testing.assert_allclose([size.x, size.y, size.z], SIZE)
        assert detection.header == array.header


def test_the_covariance_is_that_of_poses_told_in_the_root_frame():
    """Monte Carlo: poses spread as the covariance says, moved, and their spread measured there."""
    random, root_from_image = np.random.default_rng(0), motion(9)
    half = random.normal(0, 1, (6, 6)) * [0.01, 0.02, 0.005, 0.02, 0.01, 0.03]
    covariance = half @ half.T
    one = thing(seed=4, covariance=covariance)
    spread = random.multivariate_normal(np.zeros(6), covariance, 20_000) * 0.05
    middle = root_from_image @ one.camera_from_object
    moved = root_from_image @ RigidTransform(
        rotation_exp(spread[:, 3:]) @ one.camera_from_object.rotation,
        one.camera_from_object.translation + spread[:, :3],
    )
    errors = np.concatenate(
        [moved.translation - middle.translation, rotation_log(moved.rotation @ middle.rotation.T)], axis=1
    )
    measured = np.cov(errors.T) / 0.05**2
    (detection,) = messages.detection_array([one], MODELS, HEADER, root_from_image).detections
    told = np.reshape(detection.results[0].pose.covariance, (6, 6))
    scale = np.sqrt(np.outer(np.diag(measured), np.diag(measured)))
    assert np.abs((told - measured) / scale).max() < 0.05
    np.testing.assert_allclose(told, told.T)
    assert np.abs(told - covariance).max() / scale.max() > 0.1  # it was turned at all


def test_nobody_has_no_frames():
    assert messages.frames_of([], "root").child == []
    assert messages.detection_array([], MODELS, HEADER).detections == []


def test_only_what_is_shown_is_numbered_in_its_order():
    label_image = np.array([[0, 1, 2, 3, 7]], np.uint8)
    assert messages.numbered(label_image, [0, 2], 3).tolist() == [[0, 1, 0, 2, 0]]


def test_the_cloud_is_of_every_pixel_of_an_object_that_has_depth():
    random = np.random.default_rng(0)
    depth = random.uniform(0.5, 2, (480, 640)).astype(np.float32)
    rgb = random.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    instances = np.zeros((480, 640), np.uint8)
    instances[100:110, 200:220], instances[300:305, 50:60] = 1, 2
    depth[100] = np.nan
    depth[101, 200] = 0
    cloud = messages.cloud(RGBDFrame(rgb, depth, CAMERA, STAMP, "camera"), instances, HEADER)
    names = {field.name: field.offset for field in cloud.fields}
    assert names == {"x": 0, "y": 4, "z": 8, "rgb": 12, "instance": 16}
    points = np.frombuffer(cloud.data, messages.CLOUD)
    assert len(points) == cloud.width == 10 * 20 - 20 - 1 + 5 * 10
    pixels = CAMERA.project(points["xyz"]).round().astype(int)
    np.testing.assert_allclose(points["xyz"][:, 2], depth[pixels[:, 1], pixels[:, 0]])
    np.testing.assert_array_equal(points["instance"], instances[pixels[:, 1], pixels[:, 0]])
    red, green, blue = (points["rgb"] >> shift & 255 for shift in (16, 8, 0))
    np.testing.assert_array_equal(np.stack([red, green, blue], 1), rgb[pixels[:, 1], pixels[:, 0]])
    assert cloud.row_step == len(cloud.data) == cloud.width * cloud.point_step


def test_models_are_described_for_grasp_planners():
    described = json.loads(messages.models_json(MODELS).data)
    assert list(described) == ["box", "cup"]
    np.testing.assert_allclose(described["box"]["size"], SIZE)
    assert described["box"]["symmetries"]["discrete"] == [np.eye(4).tolist()]
    info = messages.label_info(MODELS, HEADER)
    assert [(entry.class_id, entry.class_name) for entry in info.class_map] == [(1, "box"), (2, "cup")]


class TestMarkers:
    def shown(self, markers, objects, seconds=0.0, root_from_image=None):
        header = header_of(STAMP + round(seconds * 1e9), "root")
        return {(m.ns, m.id): m for m in markers(objects, MODELS, header, root_from_image).markers}

    def test_the_mesh_hangs_on_tf_and_is_sent_once_a_second(self):
        markers, one = Markers(follows_tf=True), thing()
        first = self.shown(markers, [one])
        mesh = first["box_1", MESH]
        assert mesh.type == Marker.TRIANGLE_LIST
        assert (mesh.header.frame_id, mesh.frame_locked) == ("box_1", True)
        np.testing.assert_allclose(transform_of(mesh.pose).translation, 0)
        assert mesh.lifetime.sec * 10**9 > 2 * REPEAT_NS
        assert ("box_1", MESH) not in self.shown(markers, [one], 0.5)
        assert ("box_1", AXES) in self.shown(markers, [one], 0.6)
        assert ("box_1", MESH) in self.shown(markers, [one], 1.1)
        assert ("box_1", MESH) in self.shown(markers, [one], -50)  # a bag that starts again

    def test_without_tf_the_mesh_is_placed_every_time(self):
        markers, one, root_from_image = Markers(follows_tf=False), thing(), motion(9)
        for seconds in (0, 0.1):
            mesh = self.shown(markers, [one], seconds, root_from_image)["box_1", MESH]
            assert (mesh.header.frame_id, mesh.frame_locked) == ("root", False)
            found, expected = transform_of(mesh.pose), root_from_image @ one.camera_from_object
            np.testing.assert_allclose(found.translation, expected.translation, atol=1e-9)
            np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-9)

    def test_triangles_are_few_have_colours_and_fill_the_box(self):
        mesh = self.shown(Markers(True), [thing()])["box_1", MESH]
        assert len(mesh.points) == len(mesh.colors) <= 3 * TRIANGLES
        points = np.array([(p.x, p.y, p.z) for p in mesh.points])
        np.testing.assert_allclose([points.min(0), points.max(0)], [np.zeros(3), SIZE])

    def test_axes_start_at_the_origin_and_the_text_tells_id_and_distance(self):
        one = thing(seed=3)
        shown = self.shown(Markers(True), [one])
        axes, text = shown["box_1", AXES], shown["box_1", LABEL]
        pose = transform_of(axes.pose)
        np.testing.assert_allclose(pose.rotation, one.camera_from_object.rotation, atol=1e-9)
        ends = np.array([(p.x, p.y, p.z) for p in axes.points])
        np.testing.assert_allclose(ends[::2], 0)
        np.testing.assert_allclose(ends[1::2] / ends[1, 0], np.eye(3))
        assert text.text == "box_1  1.23 m"
        where = transform_of(text.pose).translation
        np.testing.assert_allclose(where, one.camera_from_object.apply(SIZE / 2), atol=1e-9)

    def test_what_is_gone_is_deleted_and_comes_back_whole(self):
        markers, both = Markers(True), [thing("box_1", 1), thing("cup_1", 2)]
        first = self.shown(markers, both)
        after = self.shown(markers, both[1:], 0.1)
        gone = {key for key, marker in after.items() if marker.action == Marker.DELETE}
        assert gone == {key for key in first if key[0] == "box_1"}
        assert ("box_1", MESH) in self.shown(markers, both, 0.2)
        cleared = markers.clear(HEADER).markers
        assert {(m.ns, m.id) for m in cleared} == set(first)
        assert markers.clear(HEADER).markers == []


def test_quaternions_are_of_unit_length():
    frames = messages.frames_of([thing(f"box_{n}", n) for n in range(20)], "root")
    np.testing.assert_allclose(np.linalg.norm(frames.quaternion, axis=1), 1)
    np.testing.assert_allclose(matrix_from_quaternion(frames.quaternion)[3], motion(3).rotation, atol=1e-9)
