"""Heads from meshes made of the template itself, and their way over time."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.human.face_template import INDICES, MESH_DEPTH, SKIN, TEMPLATE
from pose_ros.human.head import (
    HeadConfig,
    HeadLooks,
    HeadState,
    corrected,
    follow_heads,
    look_at_heads,
)

CAMERA = PinholeCamera(600, 600, 319.5, 239.5, 640, 480)
FACING = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])  # camera from a head that looks into the camera
CONFIG = HeadConfig()


def mesh_of(head, scale=1.0):
    """The face's mesh (468,3) px as the network gives it: seen from its own direction, of any size.

    It is deeper than faces are, and turned by less where it is seen from aside.
    """
    points = np.zeros((468, 3))
    middle = head.apply(TEMPLATE.mean(0))
    drawn = head.rotation
    for _ in range(20):
        drawn = head.rotation @ corrected(drawn[None], middle[None])[0].T @ drawn
    z = middle / np.linalg.norm(middle)
    x = np.cross([0.0, 1, 0], z)
    view = np.stack([x / np.linalg.norm(x), np.cross(z, x / np.linalg.norm(x)), z], axis=-1)
    pixels = CAMERA.fx / middle[2] * scale
    points[INDICES] = (TEMPLATE - TEMPLATE.mean(0)) @ (view.T @ drawn).T * pixels / [1, 1, MESH_DEPTH]
    points[INDICES, :2] += CAMERA.project(middle)
    return points


def depth_of(head, noise=0.0, seed=0):
    """Depth (H,W): a patch about every point of the skin, the nearest wins; the wall behind."""
    depth = np.full((480, 640), 5.0, np.float32)
    mesh, skin = mesh_of(head), head.apply(SKIN)
    for (u, v), z in zip(np.rint(mesh[INDICES, :2]).astype(int), skin[:, 2], strict=True):
        depth[v, u] = min(depth[v, u], z)
    rng = np.random.default_rng(seed)
    return (depth + rng.normal(scale=noise, size=depth.shape)).astype(np.float32)


def head_at(yaw=0.0, pitch=0.0, roll=0.0, place=(0.2, -0.3, 1.5)):
    turn = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True).as_matrix()
    return RigidTransform(FACING @ turn, np.array(place))


def look(head, logit=9.0, depth=None, people=1):
    depth = depth_of(head) if depth is None else depth
    return look_at_heads(
        people, np.array([people - 1]), mesh_of(head)[None], np.array([logit]), depth, CAMERA, CONFIG
    )


def angle(a, b):
    return np.degrees(np.linalg.norm(rotation_log(a.T @ b)))


@pytest.mark.parametrize("yaw", [-40, 0, 30])
@pytest.mark.parametrize("pitch", [-20, 0, 25])
@pytest.mark.parametrize("place", [(0.0, 0.0, 1.0), (0.4, -0.3, 1.5), (-0.9, 0.2, 2.4)])
def test_a_pose_comes_back(yaw, pitch, place):
    head = head_at(yaw, pitch, 10, place)
    looks = look(head)
    assert angle(looks.rotation[0], head.rotation) < 3.0
    assert np.linalg.norm(looks.position[0] - head.translation) < 0.02
    np.testing.assert_allclose(looks.rotation[0] @ looks.rotation[0].T, np.eye(3), atol=1e-9)
    assert np.linalg.det(looks.rotation[0]) == pytest.approx(1)
    assert (np.linalg.eigvalsh(looks.covariance[0]) > 0).all()


def test_depth_rights_a_mesh_that_is_turned_wrong():
    head, wrong = head_at(10, 0), head_at(22, 0)
    mesh = mesh_of(wrong)
    depth = np.full((480, 640), np.nan, np.float32)
    # The true head's skin where the wrong mesh has its points: a plane through it is near enough.
    skin, pixels = head.apply(SKIN), np.rint(mesh[INDICES, :2]).astype(int)
    at = CAMERA.project(skin)
    rows = np.c_[at, np.ones(len(at))]
    plane = np.linalg.lstsq(rows, skin[:, 2] - wrong.apply(SKIN)[:, 2], rcond=None)[0]
    for (u, v), z in zip(pixels, wrong.apply(SKIN)[:, 2], strict=True):
        depth[v, u] = z + np.array([u, v, 1.0]) @ plane
    looks = look_at_heads(1, np.array([0]), mesh[None], np.array([9.0]), depth, CAMERA, CONFIG)
    assert angle(looks.rotation[0], head.rotation) < 0.8 * angle(wrong.rotation, head.rotation)


def test_a_hand_before_the_face_does_not_draw_the_head_to_itself():
    head = head_at()
    depth = depth_of(head)
    clean = look(head).position[0]
    depth[:, : int(CAMERA.project(head.translation)[0]) - 8] = head.translation[2] - 0.4
    covered = look(head, depth=depth)
    assert np.linalg.norm(covered.position[0] - clean) < 0.01
    assert angle(covered.rotation[0], head.rotation) < 3.0


def test_without_depth_there_is_a_rotation_and_no_position():
    head = head_at(15)
    looks = look(head, depth=np.full((480, 640), np.nan, np.float32))
    assert angle(looks.rotation[0], head.rotation) < 0.5
    assert np.isnan(looks.position[0]).all()


def test_no_face_no_look_and_others_rows_stay_empty():
    assert np.isnan(look(head_at(), logit=-3.0).rotation).all()
    looks = look(head_at(), people=3)
    assert np.isnan(looks.rotation[:2]).all()
    assert np.isfinite(looks.rotation[2]).all()


def test_a_mirrored_face_gives_a_mirrored_head():
    mirror = np.diag([-1.0, 1, 1])
    one, other = head_at(25, 10, 5, (0.3, -0.1, 1.5)), head_at(-25, 10, -5, (-0.3, -0.1, 1.5))
    a, b = look(one), look(other)
    np.testing.assert_allclose(mirror @ a.rotation[0] @ np.diag([1.0, -1, 1]), b.rotation[0], atol=0.02)
    np.testing.assert_allclose(mirror @ a.position[0], b.position[0], atol=0.005)


def states(people=1):
    unknown = HeadState.unknown()
    return HeadState(*(np.broadcast_to(part, (people, *np.shape(part))) for part in vars(unknown).values()))


EARS, NOTHING = np.array([[0.0, 0, 2]]), np.full((1, 3, 3), np.nan)


def follow(state, chest, seen, seconds, position=np.nan):
    """follow_heads of one person, by arrays without the leading axis."""
    looks = HeadLooks(
        np.reshape(seen, (1, 3, 3)), np.broadcast_to(position, (1, 3)).astype(float), np.zeros((1, 6, 6))
    )
    chest = np.reshape(chest, (1, 3, 3))
    return follow_heads(state, chest, EARS, looks, np.array([seconds]), CONFIG)


def test_turned_away_it_goes_with_the_chest_and_says_so():
    """Seen 20 degrees to the left of the chest, then unseen while the chest turns by 90 degrees."""
    state, seen = states(), head_at(20).rotation[None]
    for _ in range(10):
        state = follow(state, FACING, seen, 1 / 30)
    assert angle(state.rotation[0], seen[0]) < 1.5
    assert not state.hidden[0]
    flags = []
    for n in range(30):
        chest = head_at(3 * (n + 1)).rotation[None]
        state = follow(state, chest, NOTHING, 1 / 30)
        flags.append(state.hidden[0])
    assert angle(state.rotation[0], head_at(110).rotation) < 1.5
    assert flags[-1]
    assert flags == sorted(flags)


def test_never_seen_it_looks_where_the_chest_does():
    state = follow(states(), FACING, NOTHING, 0.0)
    np.testing.assert_allclose(state.rotation[0], FACING)
    assert state.hidden[0]


def test_seen_again_it_comes_back_at_once_and_stays_proper():
    state = follow(states(), FACING, NOTHING, 0.0)
    seen = head_at(35, 10).rotation[None]
    for _ in range(4):
        state = follow(state, FACING, seen, 1 / 30)
    assert angle(state.rotation[0], seen[0]) < 3.0
    np.testing.assert_allclose(state.rotation[0] @ state.rotation[0].T, np.eye(3), atol=1e-9)


def test_looks_average_out():
    rng, state, errors, noises = np.random.default_rng(0), states(), [], []
    truth, sigma = head_at(10).rotation, np.radians(CONFIG.look_sigma)
    for _ in range(200):
        noise = Rotation.from_rotvec(sigma * rng.normal(size=3) / np.sqrt(3)).as_matrix()
        state = follow(state, FACING, truth @ noise, 1 / 60)
        errors.append(angle(state.rotation[0], truth))
        noises.append(angle(noise, np.eye(3)))
    assert np.mean(errors[50:]) < 0.8 * np.mean(noises)


def test_without_a_chest_it_stays_where_it_was():
    state = follow(states(), FACING, head_at(20).rotation, 0.0)
    later = follow(state, NOTHING, NOTHING, 0.1)
    np.testing.assert_allclose(later.rotation, state.rotation)


def test_the_origin_is_put_right_by_looks_without_hopping():
    """Looks every third frame put the head 3 cm before the ears' key points; later no more looks come."""
    state, seen, ahead = states(), head_at().rotation, []
    for n in range(90):
        looked = n % 3 == 0 and n < 60
        state = follow(
            state, FACING, seen if looked else NOTHING, 1 / 30, EARS[0] - [0, 0, 0.03] if looked else np.nan
        )
        ahead.append(state.offset[0, 0])
    ahead = np.array(ahead)
    assert np.abs(np.diff(ahead)).max() < 0.003
    assert ahead[:60].min() > 0.02
    assert ahead[-1] < 0.02
