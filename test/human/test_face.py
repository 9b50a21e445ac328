"""The face network on a rendered person: found where a face is, in turn, and not at the back of a head."""

import numpy as np
import pytest
import torch

from pose_ros.geometry.rigid import matrix_from_quaternion, rotation_log
from pose_ros.human.face import POINTS, FaceConfig, FaceLooker
from pose_ros.human.head import HeadConfig, look_at_heads
from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource
from pose_ros.types import Keypoints2D, Keypoints3D, Origin


@pytest.fixture(scope="module")
def shown():
    """Two people who stand: the first frame and its truth."""
    pytest.importorskip("anny")
    source = SyntheticSource(SyntheticConfig(seed=7, frames=1, people=2, motion="stand"))
    frame = next(iter(source))
    return frame, source.truth["00000"]


@pytest.fixture
def looker(weights_of):
    weights_of("face_landmarks")
    return lambda **options: FaceLooker(FaceConfig(**options), torch.device("cpu"))


def true_keypoints(frame, people):
    xyz = np.array([[person.joints[joint] for joint in COCO_17.joints] for person in people])
    xy = frame.camera.project(xyz)
    score = np.ones(xy.shape[:2])
    box = np.concatenate([xy.min(1), xy.max(1)], axis=1)
    covariance = np.tile(np.eye(3) * 1e-4, (*score.shape, 1, 1))
    origin = np.full(score.shape, Origin.MEASURED)
    return Keypoints2D(xy, score, box, COCO_17), Keypoints3D(xyz, score, covariance, origin, COCO_17)


def test_heads_of_rendered_people_are_found_where_they_are(shown, looker):
    frame, people = shown
    keypoints, ids, look = true_keypoints(frame, people), ["p1", "p2"], looker(per_frame=2)
    for n in range(3):
        mesh = look(frame.rgb, frame.camera, *keypoints, ids, n * 0.2)
    assert mesh.points.shape == (2, POINTS, 3)
    assert (mesh.logit > 0).all()
    heads = look_at_heads(
        2, mesh.person, mesh.points, mesh.logit, frame.depth, frame.camera, HeadConfig(min_logit=0.0)
    )
    for n, person in enumerate(people):
        truth = matrix_from_quaternion(person.rotations["head"])
        assert np.degrees(np.linalg.norm(rotation_log(heads.rotation[n].T @ truth))) < 15
        assert np.linalg.norm(heads.position[n] - person.joints["head"]) < 0.03


def test_faces_are_looked_at_in_turn(shown, looker):
    frame, people = shown
    keypoints, look, ids = true_keypoints(frame, people), looker(per_frame=1, every=0.1), ["p1", "p2"]
    seen = [look(frame.rgb, frame.camera, *keypoints, ids, n / 30).person.tolist() for n in range(6)]
    assert seen == [[0], [1], [], [0], [1], []]
    # A clock set back starts anew.
    assert look(frame.rgb, frame.camera, *keypoints, ids, 0.0).person.tolist() == [0]


def test_a_wall_is_no_face_and_nobody_is_nobody(shown, looker):
    frame, people = shown
    keypoints, look = true_keypoints(frame, people[:1]), looker()
    mesh = look(np.full_like(frame.rgb, 120), frame.camera, *keypoints, ["p1"], 0.0)
    assert mesh.logit[0] < 0
    empty = Keypoints2D.empty(COCO_17), Keypoints3D.empty(COCO_17)
    assert len(look(frame.rgb, frame.camera, *empty, [], 1.0).person) == 0


def test_who_has_no_depth_is_not_looked_at(shown, looker):
    frame, people = shown
    keypoints2d, keypoints3d = true_keypoints(frame, people[:1])
    unknown = Keypoints3D(
        np.full_like(keypoints3d.xyz, np.nan),
        keypoints3d.score,
        keypoints3d.covariance,
        np.full_like(keypoints3d.origin, Origin.UNKNOWN),
        COCO_17,
    )
    assert len(looker()(frame.rgb, frame.camera, keypoints2d, unknown, ["p1"], 0.0).person) == 0
