import numpy as np
import pytest

from pose_ros.errors import TransformError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.geometry.transform_tree import HORIZON, TransformTree

SECOND = 1_000_000_000
NO_TURN = (0.0, 0.0, 0.0, 1.0)


def random_transform(rng: np.random.Generator) -> RigidTransform:
    return RigidTransform.exp(rng.normal(size=6))


def insert(tree, parent, child, stamp_ns, transform, static=False):
    tree.insert(parent, child, stamp_ns, transform.quaternion, transform.translation, static)


def assert_same(a: RigidTransform, b: RigidTransform) -> None:
    np.testing.assert_allclose(a.rotation, b.rotation, atol=1e-9)
    np.testing.assert_allclose(a.translation, b.translation, atol=1e-9)


@pytest.fixture
def screw():
    """`tool` turns about `base` and moves in a line, both at constant speed: five samples a second."""
    tree, spin = TransformTree(), np.array([0.0, 0.0, 0.0, 0.1, -0.4, 0.7])
    for step in range(11):
        turned = RigidTransform.exp(spin * step / 5)
        moved = RigidTransform(turned.rotation, np.array([1.0, 2.0, -3.0]) * step / 5)
        insert(tree, "base", "tool", step * SECOND // 5, moved)
    return tree, spin


@pytest.fixture
def robot():
    """map -> odom -> base -> camera, base -> arm -> hand; some static."""
    tree, rng = TransformTree(), np.random.default_rng(3)
    edges = [("map", "odom"), ("odom", "base"), ("base", "camera"), ("base", "arm"), ("arm", "hand")]
    for parent, child in edges:
        static = child in ("camera", "hand")
        for stamp in (0, 2 * SECOND):
            insert(tree, parent, child, stamp, random_transform(rng), static)
    return tree, ["map", "odom", "base", "camera", "arm", "hand"]


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1999, 0.2, 1.234, 2.0])
def test_constant_motion_is_interpolated_exactly(screw, seconds):
    tree, spin = screw
    expected = RigidTransform.exp(spin * seconds)
    found = tree.lookup("base", "tool", round(seconds * 1e9))
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, np.array([1.0, 2.0, -3.0]) * seconds, atol=1e-9)


def test_interpolation_turns_the_short_way():
    tree = TransformTree()
    tree.insert("base", "tool", 0, NO_TURN, (0, 0, 0))
    tree.insert("base", "tool", SECOND, (0, 0, -np.sin(0.1), -np.cos(0.1)), (0, 0, 0))  # +0.2 rad, w negative
    assert_same(tree.lookup("base", "tool", SECOND // 2), RigidTransform.exp(np.array([0, 0, 0, 0, 0, 0.1])))


def test_lookups_compose_and_invert_along_any_path(robot):
    tree, frames = robot
    for a in frames:
        assert_same(tree.lookup(a, a, SECOND), RigidTransform.identity())
        for b in frames:
            assert_same(tree.lookup(a, b, SECOND), tree.lookup(b, a, SECOND).inverse())
            for c in frames:
                assert_same(tree.lookup(a, c, SECOND), tree.lookup(a, b, SECOND) @ tree.lookup(b, c, SECOND))


@pytest.mark.parametrize(("seconds", "away"), [(-0.001, "0.001"), (2.5, "0.500")])
def test_a_time_outside_is_refused_with_the_times(screw, seconds, away):
    with pytest.raises(TransformError, match=rf"from 0\.000 to 2\.000 s and not at .*, {away} s away"):
        screw[0].lookup("base", "tool", round(seconds * 1e9))


def test_what_moves_above_the_common_frame_does_not_matter():
    tree = TransformTree()
    tree.insert("map", "base", SECOND, NO_TURN, (1, 0, 0))
    tree.insert("base", "left", 5 * SECOND, NO_TURN, (0, 1, 0))
    tree.insert("base", "right", 0, NO_TURN, (0, -1, 0), static=True)
    np.testing.assert_allclose(tree.lookup("right", "left", 5 * SECOND).translation, [0, 2, 0])


def test_static_frames_hold_at_all_times_and_the_latest_counts():
    tree = TransformTree()
    for x in (1.0, 2.0):
        tree.insert("base", "camera", 7 * SECOND, NO_TURN, (x, 0, 0), static=True)
    for stamp in (0, SECOND, 10**6 * SECOND):
        np.testing.assert_allclose(tree.lookup("base", "camera", stamp).translation, [2, 0, 0])


def test_late_messages_fall_into_their_place():
    tree = TransformTree()
    for x in (0, 4, 1, 3, 2):
        tree.insert("base", "tool", x * SECOND, NO_TURN, (x * x, 0, 0))
    for x in (0.5, 1.5, 2.5, 3.5):
        low = int(x)
        expected = (low**2 + (low + 1) ** 2) / 2
        assert tree.lookup("base", "tool", round(x * 1e9)).translation[0] == pytest.approx(expected)


def test_history_and_frames_are_forgotten_after_the_horizon():
    tree = TransformTree()
    for step in range(5000):  # fifty seconds at 100 Hz, another person every second
        stamp = step * SECOND // 100
        tree.insert("map", "base", stamp, NO_TURN, (0, 0, 0))
        tree.insert("camera", f"body_{step // 100}", stamp, NO_TURN, (0, 0, 0))
    assert len(tree) < 2 * 1000 + 2 * 100 + 2
    assert "body_3" not in tree.frames
    assert "body_49" in tree.frames
    with pytest.raises(TransformError, match="is known from"):
        tree.lookup("map", "base", stamp - HORIZON - SECOND)


def test_a_clock_that_starts_again_starts_the_history_again():
    tree = TransformTree()
    tree.insert("base", "camera", 0, NO_TURN, (0, 0, 1), static=True)
    for second in (98, 99, 100, 1, 2):
        tree.insert("map", "base", second * SECOND, NO_TURN, (second, 0, 0))
    np.testing.assert_allclose(tree.lookup("map", "camera", 3 * SECOND // 2).translation, [1.5, 0, 1])
    with pytest.raises(TransformError, match=r"from 1\.000 to 2\.000 s"):
        tree.lookup("map", "base", 99 * SECOND)


def test_another_parent_begins_anew():
    tree = TransformTree()
    tree.insert("left_hand", "cup", SECOND, NO_TURN, (1, 0, 0))
    tree.insert("right_hand", "cup", 2 * SECOND, NO_TURN, (2, 0, 0))
    np.testing.assert_allclose(tree.lookup("right_hand", "cup", 2 * SECOND).translation, [2, 0, 0])
    with pytest.raises(TransformError):
        tree.lookup("left_hand", "cup", SECOND)


def test_an_unknown_frame_lists_those_known(robot):
    with pytest.raises(TransformError, match=r"unknown frame 'bse'; valid: arm, base, camera, hand"):
        robot[0].lookup("map", "bse", 0)
    with pytest.raises(TransformError, match="unknown frame 'bse'"):
        robot[0].lookup("bse", "bse", 0)
    with pytest.raises(TransformError, match="none heard of yet"):
        TransformTree().lookup("map", "base", 0)


def test_two_trees_are_not_connected(robot):
    tree, _ = robot
    tree.insert("world", "lamp", 0, NO_TURN, (0, 0, 0), static=True)
    with pytest.raises(TransformError, match=r"'hand' and 'lamp' are not connected.*'map'.*'world'"):
        tree.lookup("hand", "lamp", 0)


def test_a_loop_is_refused(robot):
    tree, _ = robot
    tree.insert("hand", "map", SECOND, NO_TURN, (0, 0, 0))
    with pytest.raises(TransformError, match="loop: camera -> base -> odom -> map -> hand -> arm -> base"):
        tree.lookup("map", "camera", SECOND)


@pytest.mark.parametrize(
    ("parent", "child", "quaternion", "translation"),
    [
        ("a", "a", NO_TURN, (0, 0, 0)),
        ("", "a", NO_TURN, (0, 0, 0)),
        ("a", "", NO_TURN, (0, 0, 0)),
        ("a", "b", (0, 0, 0, 0), (0, 0, 0)),
        ("a", "b", (0, 0, 0, 1.1), (0, 0, 0)),
        ("a", "b", (0, 0, 0, np.nan), (0, 0, 0)),
        ("a", "b", NO_TURN, (0, np.inf, 0)),
    ],
)
def test_what_is_no_transform_is_refused_and_changes_nothing(parent, child, quaternion, translation):
    tree = TransformTree()
    with pytest.raises(TransformError, match="refused"):
        tree.insert(parent, child, 0, quaternion, translation)
    assert len(tree) == 0
