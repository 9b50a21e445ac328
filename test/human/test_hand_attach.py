"""Whose hand: the nearest wrist's, one each, whatever a network thinks of left and right."""

import numpy as np
from hand_law import hand, landmarks

from pose_ros.human.hand_attach import attach

SCALE = np.full(2, 600 / 0.9)  # px/m


def seen(place, right=False) -> np.ndarray:
    return landmarks(hand(right, place=place), right)[0]


LEFT, RIGHT = seen((0.3, 0, 0.9)), seen((-0.3, 0, 0.9), True)
WRISTS = np.array([LEFT[0], RIGHT[0]])
SURE = np.array([0.05, 0.95])


def test_hands_go_to_their_wrists_in_any_order():
    both, score = np.array([LEFT, RIGHT]), np.array([0.9, 0.8])
    assert attach(both, score, SURE, WRISTS, SCALE).tolist() == [0, 1]
    assert attach(both[::-1], score, SURE[::-1], WRISTS, SCALE).tolist() == [1, 0]


def test_crossed_wrists_keep_their_hands():
    """A left hand on the right: the wrist it is nearest to has it, though it looks where a right one is."""
    crossed = WRISTS[::-1]
    assert attach(np.array([LEFT, RIGHT]), np.ones(2), SURE, crossed, SCALE).tolist() == [1, 0]
    # Side by side, the side decides.
    near = np.array([LEFT[0] + (8, 0), LEFT[0] - (8, 0)])
    assert attach(LEFT[None], np.ones(1), np.array([0.02]), near, SCALE).tolist() == [0]
    assert attach(LEFT[None], np.ones(1), np.array([0.98]), near, SCALE).tolist() == [1]


def test_one_image_hand_goes_to_one_wrist():
    """Both wrists' regions showed the same hand: the likelier look has it, the other has none."""
    twice = np.array([LEFT + 3, LEFT])
    near = np.array([LEFT[0] + (12, 0), LEFT[0] - (12, 0)])
    found = attach(twice, np.array([0.7, 0.9]), np.array([0.1, 0.1]), near, SCALE)
    assert found.tolist() == [-1, 0]


def test_a_hand_far_from_every_wrist_is_nobodys():
    assert attach(LEFT[None], np.ones(1), SURE[:1], WRISTS + 200, SCALE).tolist() == [-1]
    assert attach(LEFT[None], np.ones(1), SURE[:1], WRISTS, np.full(2, np.nan)).tolist() == [-1]


def test_nobody_and_nothing():
    none = np.zeros((0, 21, 2)), np.zeros(0), np.zeros(0)
    assert attach(*none, WRISTS, SCALE).tolist() == []
    assert attach(LEFT[None], np.ones(1), SURE[:1], np.zeros((0, 2)), np.zeros(0)).tolist() == [-1]
