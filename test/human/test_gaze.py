"""Gaze from eyes that are drawn where geometry has them; its way over time."""

import numpy as np
import pytest

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.facing import facing_rotation
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.face_template import INDICES, SELLION, TEMPLATE
from pose_ros.human.gaze import (
    BALL,
    MIRROR,
    RADIUS,
    EyeState,
    GazeConfig,
    follow_eyes,
    gaze_frame,
    look_at_eyes,
    usual,
)
from pose_ros.human.iris import CORNERS, Irises

CAMERA = PinholeCamera(900, 900, 319.5, 239.5, 640, 480)
CONFIG = GazeConfig()
# The middle between the left eye's corners and half the way from one to the other, m, in the head's frame.
MIDDLE, HALF = np.array([0.086, 0.031, 0.018]), np.array([0.0, 0.014, 0.0])


def face(head, yaw, pitch, camera=CAMERA):
    """Mesh (468,3) px and irises of a face whose eyes are turned so (deg) in the head."""
    yaw, pitch = np.radians([yaw, pitch])
    gaze = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    mesh, iris = np.zeros((468, 3)), np.zeros((2, 5, 2))
    mesh[INDICES, :2] = camera.project(head.apply(TEMPLATE))
    for eye, mirror in enumerate(MIRROR):
        corners = MIDDLE * mirror + np.array([[1], [-1]]) * HALF
        mesh[CORNERS[eye], :2] = camera.project(head.apply(corners))
        middle = (MIDDLE + BALL) * mirror + RADIUS * gaze
        rim = middle + 0.00585 * np.array([[0, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1]])
        iris[eye] = camera.project(head.apply(rim))
    return mesh, Irises(iris[None], np.full((1, 2), 0.3))


def head_at(yaw=0.0, pitch=0.0, roll=0.0, place=(0.1, -0.1, 0.8)):
    return RigidTransform(facing_rotation(np.array([yaw, pitch, roll])), np.array(place))


def look(head, yaw, pitch, irises=None):
    mesh, drawn = face(head, yaw, pitch)
    eyes = look_at_eyes(irises or drawn, mesh[None], head.rotation[None], CAMERA, CONFIG)
    return np.degrees(eyes.angles[0]), eyes.variance[0]


@pytest.mark.parametrize("turn", [(0, 0, 0), (30, 0, 5), (-25, 15, 0), (10, -15, -10)])
@pytest.mark.parametrize("eyes", [(0, 0), (15, 0), (-20, 5), (0, -10)])
def test_eyes_come_back_whatever_the_heads_turn(turn, eyes):
    angles, variance = look(head_at(*turn), *eyes)
    np.testing.assert_allclose(angles, eyes, atol=4.0)  # the picture is in perspective, the method is not
    assert (variance > 0).all()


def test_looking_straight_ahead_is_the_heads_direction():
    head = head_at(20, 5, 3)
    np.testing.assert_allclose(gaze_frame(head, np.zeros(2)).rotation[:, 2], head.rotation[:, 0], atol=1e-12)


def test_eyes_to_the_persons_left_turn_the_gaze_to_the_images_right():
    head = head_at()
    angles, _ = look(head, 15, 0)
    gaze = gaze_frame(head, np.radians(angles))
    assert gaze.rotation[0, 2] > 0.15


def test_a_mirrored_face_has_a_mirrored_gaze():
    one, other = (
        look(head_at(20, 5, 3, (0.2, 0, 0.9)), 12, 4),
        look(head_at(-20, 5, -3, (-0.2, 0, 0.9)), -12, 4),
    )
    np.testing.assert_allclose(one[0] * [-1, 1], other[0], atol=0.2)
    np.testing.assert_allclose(one[1], other[1], rtol=0.02)


def test_the_gaze_frame_is_rep_155s():
    head = head_at(15, 8, 4)
    frame = gaze_frame(head, np.radians([10.0, -5]))
    np.testing.assert_allclose(frame.rotation.T @ frame.rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame.rotation) == pytest.approx(1)
    assert frame.rotation[:, 0] @ head.rotation[:, 1] < -0.9  # x to the right, y of heads is left
    assert frame.rotation[:, 1] @ head.rotation[:, 2] < -0.9  # y down
    np.testing.assert_allclose(frame.translation, head.apply(SELLION))


def test_closed_eyes_tell_nothing_and_one_open_eye_tells_less_than_two():
    head = head_at()
    _, drawn = face(head, 10, 0)
    _, two = look(head, 10, 0)
    _, one = look(head, 10, 0, Irises(drawn.points, np.array([[0.3, 0.02]])))
    shut, variance = look(head, 10, 0, Irises(drawn.points, np.full((1, 2), 0.02)))
    assert (one > two).all()
    assert np.isnan(shut).all()
    assert np.isnan(variance).all()


def test_far_away_eyes_tell_less():
    near, far = (look(head_at(place=(0, 0, z)), 10, 0)[1] for z in (0.6, 3.0))
    assert (far > 1.5 * near).all()


def test_nobody():
    eyes = look_at_eyes(Irises.none(0), np.zeros((0, 468, 3)), np.zeros((0, 3, 3)), CAMERA, CONFIG)
    assert eyes.angles.shape == eyes.variance.shape == (0, 2)


NOTHING = np.full(2, np.nan)


def test_never_seen_eyes_look_ahead_and_may_look_anywhere():
    state = follow_eyes(None, NOTHING, NOTHING, 5.0, CONFIG)
    np.testing.assert_allclose(state.angles, 0)
    np.testing.assert_allclose(state.variance, usual(CONFIG))


def test_looks_are_believed_by_their_error_and_forgotten_in_time():
    seen, sure, unsure = np.radians([20.0, 0]), np.radians([2.0, 2]) ** 2, np.radians([30.0, 30]) ** 2
    assert follow_eyes(None, seen, sure, 0.0, CONFIG).angles[0] > 0.9 * seen[0]
    assert follow_eyes(None, seen, unsure, 0.0, CONFIG).angles[0] < 0.2 * seen[0]
    state = follow_eyes(None, seen, sure, 0.0, CONFIG)
    variances = []
    for n in range(1, 40):
        state = follow_eyes(state, NOTHING, NOTHING, n / 10, CONFIG)
        variances.append(state.variance[0])
    assert (np.diff(variances) > 0).all()
    assert abs(state.angles[0]) < np.radians(0.1)
    np.testing.assert_allclose(state.variance, usual(CONFIG), rtol=1e-3)


def test_a_clock_that_goes_back_does_no_harm():
    state = follow_eyes(EyeState(10.0, np.zeros(2), usual(CONFIG) / 2), NOTHING, NOTHING, 3.0, CONFIG)
    assert (state.variance <= usual(CONFIG)).all()
