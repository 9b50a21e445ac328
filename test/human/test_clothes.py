"""Clothes: a colour histogram of the torso that tells people apart, and takes nobody else's pixels."""

import numpy as np
from human_scene import CAMERA, frame_of, keypoints_of, person

from pose_ros.human.clothes import clothes_of, unlikeness
from pose_ros.skeleton import COCO_17

DEPTH = 2.5
PEOPLE = keypoints_of(np.stack([person((x, 0, DEPTH)) for x in (-0.6, 0.6)]), CAMERA)
TORSO = COCO_17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")


def dressed(*colours, depth=DEPTH):
    """A frame in which each of PEOPLE wears a colour."""
    frame = frame_of(np.full((480, 640), depth, np.float32))
    for xy, colour in zip(PEOPLE.xy[:, TORSO], colours, strict=True):
        (left, top), (right, bottom) = xy.min(axis=0).astype(int), xy.max(axis=0).astype(int) + 1
        frame.rgb[top:bottom, left:right] = colour
    return frame


def clothes(frame):
    return clothes_of(frame, PEOPLE, np.full(2, DEPTH))


def test_histograms_sum_to_one_and_tell_colours_apart():
    worn = clothes(dressed((200, 40, 40), (40, 40, 200)))
    np.testing.assert_allclose(worn.sum(axis=1), 1.0)
    apart = unlikeness(worn, worn)
    np.testing.assert_allclose(np.diag(apart), 0.0, atol=1e-6)
    assert apart[0, 1] == apart[1, 0] > 0.7


def test_a_shade_of_light_changes_little():
    lit, shaded = (clothes(dressed(*[(np.array(c) * f).astype(int) for c in ((200, 40, 40), (40, 40, 200))]))
                   for f in (1.0, 0.85))  # fmt: skip
    apart = unlikeness(lit, shaded)
    assert np.diag(apart).max() < apart[0, 1] / 2


def test_what_stands_before_the_torso_is_not_worn():
    frame = dressed((200, 40, 40), (40, 40, 200))
    before = clothes(frame)
    x, y = PEOPLE.xy[0, TORSO].mean(axis=0).astype(int)
    frame.rgb[:y, : x + 200] = (0, 255, 0)
    frame.depth[:y, : x + 200] = 1.0
    np.testing.assert_allclose(unlikeness(before[:1], clothes(frame)[:1]), 0.0, atol=1e-6)


def test_who_is_hardly_seen_is_unknown_and_so_is_the_comparison():
    far = clothes(dressed((200, 40, 40), (40, 40, 200), depth=4.0))
    assert np.isnan(far).all()
    assert np.isnan(unlikeness(far, clothes(dressed((200, 40, 40), (40, 40, 200))))).all()
    outside = PEOPLE.select([0])
    outside.xy[:] -= 2000
    assert np.isnan(clothes_of(dressed((1, 1, 1), (1, 1, 1)), outside, np.array([DEPTH]))).all()


def test_without_depth_all_of_the_torso_counts():
    frame = dressed((200, 40, 40), (40, 40, 200))
    frame.depth[:] = np.nan
    worn = clothes_of(frame, PEOPLE, np.full(2, np.nan))
    np.testing.assert_allclose(worn.sum(axis=1), 1.0)


def test_nobody():
    assert clothes_of(dressed((0, 0, 0), (0, 0, 0)), PEOPLE.select([]), np.zeros(0)).shape == (0, 64)
