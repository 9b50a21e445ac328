"""The gripper: its boxes, its files, its joints."""

import numpy as np
import pytest
from imports import ROOT
from shapes_to_grasp import PANDA, in_box

from pose_ros.apps.grasp.gripper import Gripper, inside_any, load_gripper
from pose_ros.errors import ConfigError


def test_inside_any_is_what_a_plain_loop_says():
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.15, 0.15, (6, 200, 3))
    boxes = PANDA.boxes(rng.uniform(0.02, 0.08, 6), standoff=0.05, clearance=0.002)
    expected = [[any(in_box(p, *b) for b in boxes[k]) for p in points[k]] for k in range(6)]
    np.testing.assert_array_equal(inside_any(points, boxes), expected)
    assert np.any(expected)
    assert not np.all(expected)


def test_nothing_lies_between_the_open_pads():
    for opening in (0.01, 0.08):
        y = np.linspace(-opening / 2 + 1e-6, opening / 2 - 1e-6, 40)
        between = np.stack([0 * y, y, 0 * y], 1)
        assert not inside_any(between, PANDA.boxes(opening)).any()
        beside = between[[0, -1]] * 1.001 + [0, 0, 0]
        beside[:, 1] += np.sign(beside[:, 1]) * 1e-4
        assert inside_any(beside, PANDA.boxes(opening)).all()


def test_both_fingers_are_mirrored_and_a_way_back_only_lengthens_them():
    boxes, longer = PANDA.boxes(0.05), PANDA.boxes(0.05, standoff=0.1)
    flipped = boxes * [1, -1, 1]
    for left, right in ((0, 1), (2, 3)):
        np.testing.assert_allclose(np.sort(flipped[left], axis=0), boxes[right])
    np.testing.assert_allclose(longer[:, 1], boxes[:, 1])
    np.testing.assert_allclose(boxes[:, 0] - longer[:, 0], np.tile([0, 0, 0.1], (5, 1)))
    grown = PANDA.boxes(0.05, clearance=0.003)
    assert np.all(grown[:, 0] <= boxes[:, 0])
    assert np.all(grown[:, 1] >= boxes[:, 1])


def test_the_link_is_behind_the_grasp_frame():
    turned = Gripper(turn=90.0, tcp=0.2).link_from_tcp
    np.testing.assert_allclose(turned.apply(np.zeros(3)), [0, 0, 0.2])
    np.testing.assert_allclose(turned.rotation[:, 1], [-1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("file", sorted((ROOT / "config" / "grippers").iterdir()), ids=lambda path: path.stem)
def test_the_files_of_grippers_are_grippers(file):
    gripper = load_gripper(file)
    assert gripper.name == file.stem
    opening = np.linspace(gripper.min_width, gripper.max_width, 5)
    np.testing.assert_allclose(gripper.width_of(gripper.joint_of(opening)), opening)
    for middle, size in gripper.solids(gripper.max_width):
        assert np.all(size > 0)
        assert np.all(np.abs(middle) < 0.3)


def test_the_file_of_the_default_gripper_is_the_default():
    assert load_gripper(ROOT / "config" / "grippers" / "panda_hand.yaml") == Gripper() == load_gripper()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_widht: 0.1", "unknown option 'max_widht'; valid: name, link, max_width"),
        ("max_width: 80", "must lie in [0.005, 0.5] m"),
        ("max_width: wide", "max_width takes float"),
        ("min_width: 0.09", "min_width must be below max_width"),
        ("joint_per_width: 0.0", "no joint would move"),
        ("[1, 2", "cannot be read"),
    ],
)
def test_broken_files_of_grippers_are_refused(tmp_path, text, words):
    file = tmp_path / "hand.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_gripper(file)
    assert words in str(error.value)
