"""What a hand's joints say: palm and opening follow the hand wherever it goes, whatever its size."""

import numpy as np
import pytest

from pose_ros.errors import ShapeError
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.hand_shape import opening, palm_of, pinch, tips_of
from pose_ros.skeleton import COCO_17, HAND_21
from pose_ros.types import Hand, Keypoints2D, Keypoints3D, Origin


def hanging(side: str, spread: float = 0.09) -> np.ndarray:
    """Joints (21,3) of a hand that hangs beside somebody who looks along x: z up, thumb forward."""
    rng = np.random.default_rng(0)
    xyz = np.zeros((21, 3))
    for n, finger in enumerate(("thumb", "index", "middle", "ring", "pinky")):
        for k, joint in enumerate(j for j in HAND_21.joints if j.startswith(finger)):
            xyz[HAND_21.index(joint)] = 0.03 - 0.02 * n, 0.002 * rng.normal(), -0.1 - 0.03 * k
    xyz[HAND_21.indices("middle_mcp", "index_mcp", "pinky_mcp"), 1] = 0
    xyz[HAND_21.index("middle_mcp")] = 0, 0, -0.1
    xyz[HAND_21.index("thumb_tip")] = xyz[HAND_21.index("index_tip")] + (spread, 0, 0)
    return xyz if side == "left" else xyz * (1, -1, 1)


def hand_of(xyz: np.ndarray, side="left") -> Hand:
    known = np.isfinite(xyz).all(-1)
    origin = np.where(known, Origin.MEASURED, Origin.UNKNOWN)[None]
    solid = Keypoints3D(xyz[None], known[None] * 1.0, np.zeros((1, 21, 3, 3)), origin, HAND_21)
    flat = Keypoints2D(np.zeros((1, 21, 2)), np.ones((1, 21)), np.zeros((1, 4)), HAND_21)
    return Hand(side, 0.9, flat, solid, palm_of(xyz))


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_hanging_hands_palm_has_the_bodys_axes(side):
    palm = palm_of(hanging(side))
    np.testing.assert_allclose(palm.rotation, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(palm.translation, [0, 0, -0.05], atol=1e-9)


def test_palm_and_opening_go_with_the_hand():
    rng = np.random.default_rng(3)
    for _ in range(5):
        move = RigidTransform(rotation_exp(rng.normal(0, 2, 3)), rng.normal(0, 1, 3))
        size, xyz = rng.uniform(0.6, 1.5), hanging("left", 0.05)
        moved = hand_of(move.apply(xyz * size))
        np.testing.assert_allclose(moved.camera_from_palm.rotation, move.rotation, atol=1e-9)
        assert opening(moved) == pytest.approx(opening(hand_of(xyz)))
        assert pinch(moved) == pytest.approx(0.05 * size)


def test_opening_grows_from_touching_to_wide():
    values = [opening(hand_of(hanging("left", spread))) for spread in (0.0, 0.015, 0.04, 0.08, 0.12, 0.2)]
    assert values[0] == values[1] == 0.0
    assert values == sorted(values)
    assert values[-1] == 1.0


def test_what_is_not_known_is_not_told():
    xyz = hanging("left")
    xyz[HAND_21.index("index_tip")] = np.nan
    assert np.isnan(opening(hand_of(xyz)))
    assert sorted(tips_of(hand_of(xyz))) == ["middle_tip", "pinky_tip", "ring_tip", "thumb_tip"]
    xyz[HAND_21.index("wrist")] = np.nan
    assert palm_of(xyz) is None
    assert palm_of(np.zeros((21, 3))) is None


def test_hands_that_cannot_be_are_refused():
    hand = hand_of(hanging("left"))
    with pytest.raises(ShapeError, match="valid: left, right"):
        Hand("both", 1.0, hand.keypoints2d, hand.keypoints3d, None)
    with pytest.raises(ShapeError, match="one hand_21"):
        Hand("left", 1.0, Keypoints2D.empty(COCO_17), hand.keypoints3d, None)
    with pytest.raises(ShapeError, match="one hand_21"):
        Hand("left", 1.0, hand.keypoints2d, hand.keypoints3d.select([]), None)
