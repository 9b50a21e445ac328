"""Heads, irises and gaze of rendered people whose truth is known; seeds that nothing was fitted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose_ros.errors import ConfigError
from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.human import iris as iris_module
from pose_ros.human.face import FaceConfig, FaceLooker, FaceMesh
from pose_ros.human.face_points import Faces
from pose_ros.human.head import HeadConfig, HeadLooks, look_at_heads
from pose_ros.human.iris import CORNERS, IrisLooker
from pose_ros.human.orient import Orientation
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

CPU = torch.device("cpu")
SEED = 300_000
# distance m, head yaw pitch roll, eyes yaw pitch
SHOWN = (
    (0.75, (0, 0, 0), (0, 0)),
    (0.75, (-8, 4, 3), (22, 0)),
    (0.75, (10, -4, 0), (-22, 0)),
    (1.2, (25, 8, -5), (0, 0)),
    (1.8, (-20, -8, 5), (5, 0)),
    (2.5, (12, 5, 0), (-5, 0)),
)


@pytest.fixture(scope="module")
def portraits():
    pytest.importorskip("anny")
    from pose_ros.sources.synthetic.portrait import portrait

    return [portrait(SEED + n, *shown) for n, shown in enumerate(SHOWN)]


@pytest.fixture(scope="module")
def seen(portraits, weights_of):
    """(portrait, its mesh, its head) of every portrait."""
    weights_of("face_landmarks")
    looker = FaceLooker(FaceConfig(every=0.0), CPU)
    return [(shown, *look(shown, looker)) for shown in portraits]


@pytest.fixture(scope="module")
def faces(weights_of):
    weights_of("iris")
    return Faces(FaceConfig(gaze=True), CPU)


@pytest.fixture(scope="module")
def irises(weights_of):
    weights_of("iris")
    return IrisLooker(CPU)


def keypoints(shown, depth=True):
    xyz = np.array([[shown.joints[joint] for joint in COCO_17.joints]])
    known = np.ones(xyz.shape[:2])
    xy, box = shown.frame.camera.project(xyz), np.zeros((1, 4))
    if not depth:
        xyz = np.full_like(xyz, np.nan)
    origin = known * (Origin.MEASURED if depth else Origin.UNKNOWN)
    solid = Keypoints3D(xyz, known, np.tile(np.eye(3) * 1e-4, (*known.shape, 1, 1)), origin, COCO_17)
    return Keypoints2D(xy, known, box, COCO_17), solid


def look(shown, looker, depth=True) -> tuple[FaceMesh, HeadLooks]:
    """The second look at a portrait's face, and the head."""
    looker.reset()
    frame = shown.frame
    for n in range(2):
        mesh = looker(frame.rgb, frame.camera, *keypoints(shown, depth), ["p1"], float(n))
    skin = frame.depth if depth else np.full_like(frame.depth, np.nan)
    faces = mesh.person, mesh.points, mesh.logit
    return mesh, look_at_heads(1, *faces, skin, frame.camera, HeadConfig())


def oriented(heads: HeadLooks) -> Orientation:
    """As if the head had just been seen so."""
    head = RigidTransform(heads.rotation[0], heads.position[0])
    return Orientation({"head": head}, frozenset(), {"head": np.radians(4.0)})


def given_out(faces, shown, mesh, heads):
    faces.reset()
    (face,) = faces(shown.frame, mesh, heads, ["p1"], [oriented(heads)])
    return face


def between(a, b) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def test_heads_are_within_five_degrees_and_two_centimetres(seen):
    errors = [np.degrees(np.linalg.norm(rotation_log(heads.rotation[0].T @ shown.camera_from_head.rotation)))
              for shown, _, heads in seen]  # fmt: skip
    places = [np.linalg.norm(heads.position[0] - shown.camera_from_head.translation)
              for shown, _, heads in seen]  # fmt: skip
    assert np.mean(errors) < 5.0
    assert np.max(errors) < 12.0
    assert np.mean(places) < 0.02


def test_faces_lie_where_they_are_seen(seen, faces):
    for shown, mesh, heads in seen:
        face = given_out(faces, shown, mesh, heads)
        assert face.is_seen
        assert face.score > 0.8
        np.testing.assert_allclose(shown.frame.camera.project(face.xyz), face.pixels, atol=1e-6)
        assert np.ptp(face.xyz[:, 2]) < 0.15
        assert np.abs(face.iris_xyz - shown.iris).mean() < 0.01


def test_irises_are_found_and_tell_how_the_eyes_are_turned(seen, faces):
    errors, gazes, ahead = [], [], []
    for shown, mesh, heads in seen[:3]:
        face = given_out(faces, shown, mesh, heads)
        width = np.linalg.norm(np.diff(mesh.points[0][CORNERS, :2], axis=1)[:, 0], axis=-1)
        off = np.linalg.norm(face.iris_pixels[:, 0] - shown.frame.camera.project(shown.iris), axis=-1)
        errors.append((off / width).mean())
        gazes.append(between(face.camera_from_gaze.rotation[:, 2], shown.gaze))
        ahead.append(between(heads.rotation[0][:, 0], shown.gaze))
    assert np.mean(errors) < 0.15
    assert np.mean(gazes) < 12
    assert np.mean(gazes[1:]) < 0.7 * np.mean(ahead[1:])


@pytest.mark.parametrize(("n", "sign"), [(1, 1), (2, -1)])
def test_who_looks_to_the_left_has_a_gaze_to_the_left_of_the_head(seen, faces, n, sign):
    shown, mesh, heads = seen[n]
    gaze = given_out(faces, shown, mesh, heads).camera_from_gaze.rotation[:, 2]
    assert sign * (heads.rotation[0].T @ gaze)[1] > np.sin(np.radians(6))


def test_a_mirrored_picture_has_mirrored_irises(seen, irises):
    shown, mesh, _ = seen[0]
    width = shown.frame.camera.width - 1
    flipped = mesh.points.copy()
    flipped[..., 0] = width - flipped[..., 0]
    flipped[:, CORNERS] = flipped[:, CORNERS[::-1, ::-1]]
    one = irises(shown.frame.rgb, mesh.points)
    other = irises(np.ascontiguousarray(shown.frame.rgb[:, ::-1]), flipped)
    back = other.points[:, ::-1].copy()
    back[..., 0] = width - back[..., 0]
    np.testing.assert_allclose(back, one.points, atol=0.15)  # crops are rounded to 1/32 px
    np.testing.assert_allclose(other.openness[:, ::-1], one.openness, atol=0.02)


def test_many_faces_in_one_batch_are_each_as_alone(seen, irises):
    shown, mesh, _ = seen[3]
    both = irises(shown.frame.rgb, np.concatenate([mesh.points, mesh.points + [3.0, 2, 0]]))
    alone = irises(shown.frame.rgb, mesh.points)
    np.testing.assert_allclose(both.points[:1], alone.points, atol=1e-3)


def test_without_depth_a_face_is_put_by_its_size(seen, faces):
    shown = seen[0][0]
    mesh, heads = look(shown, FaceLooker(FaceConfig(every=0.0, gaze=True), CPU), depth=False)
    frame = replace(shown.frame, depth=np.full_like(shown.frame.depth, np.nan))
    faces.reset()
    (face,) = faces(frame, mesh, heads, ["p1"], [Orientation({}, frozenset(), {})])
    there = np.linalg.norm(shown.camera_from_head.translation)
    assert np.linalg.norm(face.camera_from_head.translation) == pytest.approx(there, rel=0.2)
    assert np.isfinite(face.xyz).all()
    assert len(look(shown, FaceLooker(FaceConfig(every=0.0), CPU), depth=False)[0].person) == 0


def test_between_looks_there_is_a_pose_and_the_gaze_comes_back_to_the_heads(seen, faces):
    shown, mesh, heads = seen[1]
    first = given_out(faces, shown, mesh, heads)
    sigmas = [first.gaze_sigma]
    for n in range(1, 21):
        frame = replace(shown.frame, stamp_ns=shown.frame.stamp_ns + n * 100_000_000)
        (face,) = faces(frame, FaceMesh.empty(), HeadLooks.none(1), ["p1"], [oriented(heads)])
        sigmas.append(face.gaze_sigma)
    assert not face.is_seen
    assert (np.diff(sigmas) > 0).all()
    assert between(face.camera_from_gaze.rotation[:, 2], heads.rotation[0][:, 0]) < 1.0


def test_who_looks_away_or_was_never_seen_has_no_face(seen, faces):
    shown, mesh, heads = seen[0]
    hidden = replace(oriented(heads), twist_unobservable=frozenset({"head"}))
    faces.reset()
    assert faces(shown.frame, mesh, heads, ["p1"], [hidden]) == [None]
    faces.reset()
    assert faces(shown.frame, FaceMesh.empty(), HeadLooks.none(1), ["p1"], [oriented(heads)]) == [None]
    assert faces(shown.frame, FaceMesh.empty(), HeadLooks.none(0), [], []) == []


def test_a_face_at_the_edge_of_the_picture_does_no_harm(seen, faces):
    shown, mesh, heads = seen[0]
    points = mesh.points - [mesh.points[0, :, 0].mean(), 0, 0]  # half of it is outside
    moved = FaceMesh(mesh.person, points, mesh.logit)
    face = given_out(faces, shown, moved, heads)
    assert np.isfinite(face.xyz).all()
    assert np.isfinite(face.gaze_sigma)


def test_who_asks_for_landmarks_alone_loads_no_iris_network(seen, monkeypatch):
    def refuse(*_):
        raise AssertionError("the iris network was loaded")

    monkeypatch.setattr(iris_module, "load_tflite", refuse)
    shown, mesh, heads = seen[0]
    face = given_out(Faces(FaceConfig(landmarks=True), CPU), shown, mesh, heads)
    assert face.is_seen
    assert face.camera_from_gaze is None
    assert np.isnan(face.iris_pixels).all()
    with pytest.raises(AssertionError):
        Faces(FaceConfig(gaze=True), CPU)


def test_gaze_without_faces_is_refused_at_once():
    with pytest.raises(ConfigError, match="faces"):
        HumanPipeline(replace(HumanConfig(), faces=False, face=FaceConfig(gaze=True)))
