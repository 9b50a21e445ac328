"""Synthetic hands: fingers bend inward, joints lie in the flesh, everything follows from the seed."""

import numpy as np
import pytest

pytest.importorskip("anny")

from pose_ros.body.rig import SEGMENTS, SIDES, Shape
from pose_ros.hand_shape import palm_axes
from pose_ros.skeleton import HAND_21
from pose_ros.sources.synthetic.fingers import CLOSED, Grip, HandyBody
from pose_ros.sources.synthetic.hand_scene import HandSceneConfig, HandSource

OPEN, FIST = Grip(np.zeros((5, 3)), np.zeros(5), 0.0), Grip(CLOSED * 0.9, np.zeros(5), 0.6)
TIPS = HAND_21.indices(*(f"{finger}_tip" for finger in ("index", "middle", "ring", "pinky")))
MIDDLES = HAND_21.indices(*(f"{finger}_pip" for finger in ("index", "middle", "ring", "pinky")))
KNUCKLES = HAND_21.indices(*(f"{finger}_mcp" for finger in ("index", "middle", "ring", "pinky")))


@pytest.fixture(scope="module")
def posed():
    """name of the grip -> the body and its hands, standing at rest."""
    body = HandyBody(Shape(0.6, 0.7, 0.5, 0.5, 0.5, 0.5))
    upright = {name: np.eye(3)[None] for name in SEGMENTS}
    return {
        name: body.act(upright, np.zeros((1, 3)), {side: [grip] for side in SIDES})
        for name, grip in (("open", OPEN), ("fist", FIST))
    }


@pytest.mark.parametrize("side", SIDES)
def test_fingers_close_towards_the_palm(posed, side):
    inward = {"left": -1, "right": 1}[side]  # along y of a hanging hand, as Hand has it
    opened, closed = (posed[name][1][side][0] for name in ("open", "fist"))
    axes = palm_axes(closed)
    np.testing.assert_allclose(axes[:, 2], [0, 0, 1], atol=0.5)
    # The middle joints move inward; the tips come back to the palm, and lie before it.
    moved = (closed[MIDDLES] - opened[MIDDLES]) @ axes[:, 1] * inward
    assert moved.min() > 0.008
    assert ((closed[TIPS] - closed[KNUCKLES]) @ axes[:, 1] * inward).min() > 0.004
    apart = [np.linalg.norm(xyz[TIPS] - xyz[KNUCKLES], axis=-1) for xyz in (opened, closed)]
    assert (apart[1] < 0.75 * apart[0]).all()
    np.testing.assert_allclose(closed[KNUCKLES], opened[KNUCKLES], atol=1e-6)


def test_both_hands_are_mirror_images(posed):
    for _, hands in posed.values():
        np.testing.assert_allclose(hands["left"] * (1, -1, 1), hands["right"], atol=2e-3)


def test_joints_lie_in_the_flesh(posed):
    for body, hands in posed.values():
        for xyz in hands.values():
            skin = np.linalg.norm(body.vertices[0][None] - xyz[0][:, None], axis=-1).min(axis=1)
            assert skin.max() < 0.025
            assert skin[1:].min() > 0.001


def test_a_body_with_its_hands_at_rest_is_a_body(posed):
    body = HandyBody(Shape(0.6, 0.7, 0.5, 0.5, 0.5, 0.5))
    upright = {name: np.eye(3)[None] for name in SEGMENTS}
    plain = body.pose(upright, np.zeros((1, 3)))
    np.testing.assert_allclose(plain.vertices, posed["open"][0].vertices, atol=1e-5)


def test_the_scene_follows_from_the_seed_and_its_truth_is_in_the_picture():
    config = HandSceneConfig(seed=3, width=320, height=240)
    first, again = (list(HandSource(config)) for _ in range(2))
    np.testing.assert_array_equal(first[0].rgb, again[0].rgb)
    source = HandSource(config)
    (person,) = source.truth["00000"]
    seen = [name for name, visible in person.visible.items() if visible and "_tip" in name]
    assert seen
    for name in seen:
        u, v = np.rint(source.camera.project(person.joints[name])).astype(int)
        depth = first[0].depth[v - 1 : v + 2, u - 1 : u + 2]
        assert np.nanmin(np.abs(depth - person.joints[name][2])) < 0.05
