"""BVH as another program reads it (bvhio): the same joints within a millimetre, and a T pose at rest."""

import numpy as np
import pytest

from pose_ros.eval.acted import Errors, act
from pose_ros.human.formats.animate import animate
from pose_ros.human.formats.bvh import read_bvh, write_bvh
from pose_ros.human.formats.hierarchy import HIERARCHY
from pose_ros.human.formats.upright import ANIMATION_FROM_WORLD, LEVEL_CAMERA

bvhio = pytest.importorskip("bvhio")
MOTIONS = ("walk", "squat", "wave", "lunge", "push_up", "lie", "kneel")


@pytest.fixture(scope="module")
def takes():
    return {name: act(name, 20 + n, 2.0, 10.0, Errors(0.005, 0.01)) for n, name in enumerate(MOTIONS)}


def as_read_by_peer(path, frames):
    """Joint -> (T,3) in the file's unit; and -> (3,) at rest."""
    root = bvhio.readAsHierarchy(str(path))
    joints = {joint.Name: joint for joint, _, _ in root.layout()}
    moved = {name: [] for name in joints}
    for frame in range(frames):
        root.loadPose(frame)
        for name, joint in joints.items():
            moved[name].append(tuple(joint.PositionWorld))
    root.loadRestPose()
    rest = {name: np.array(tuple(joint.PositionWorld)) for name, joint in joints.items()}
    return {name: np.array(places) for name, places in moved.items()}, rest


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("unit", ["m", "cm"])
def test_another_parser_finds_the_joints_where_we_have_them(takes, name, unit, tmp_path):
    acted = takes[name]
    motion = animate(acted.persons, acted.stamps_ns)
    path = tmp_path / "motion.bvh"
    path.write_text(write_bvh(motion, unit))
    found, _ = as_read_by_peer(path, len(motion))
    scale = {"m": 1.0, "cm": 100.0}[unit]
    ours = {joint: places for joint, places in motion.positions().items() if not joint.endswith(" end")}
    assert set(ours) <= set(found)
    worst = max(np.abs(found[joint] / scale - places).max() for joint, places in ours.items())
    assert worst < 1e-3
    again = read_bvh(path.read_text(), unit).positions()
    assert max(np.abs(again[joint] - places).max() for joint, places in ours.items()) < 1e-4
    # And these are where the person's joints were measured, as far as bones of one length can reach them.
    up = ANIMATION_FROM_WORLD @ LEVEL_CAMERA
    for joint in ("LeftUpLeg", "RightLeg", "LeftHand", "RightFoot"):
        point = HIERARCHY[joint].point
        true = [up.apply(p.keypoints3d.xyz[0, p.keypoints3d.skeleton.index(point)]) for p in acted.persons]
        assert np.median(np.linalg.norm(found[joint] / scale - true, axis=-1)) < 0.03, joint


@pytest.mark.parametrize("name", MOTIONS)
def test_all_numbers_zero_is_a_t_pose_that_looks_along_z(takes, name, tmp_path):
    acted = takes[name]
    motion = animate(acted.persons, acted.stamps_ns)
    text = write_bvh(motion)
    head, numbers = text.split("Frame Time")
    zeros = " ".join(["0"] * len(numbers.splitlines()[1].split()))
    path = tmp_path / "rest.bvh"
    path.write_text(f"{head.replace(f'Frames: {len(motion)}', 'Frames: 1')}Frame Time: 0.1\n{zeros}\n")
    moved, _ = as_read_by_peer(path, 1)
    at = {joint: places[0] for joint, places in moved.items()}
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        for a, b in (("Arm", "ForeArm"), ("ForeArm", "Hand")):
            bone = at[f"{side}{b}"] - at[f"{side}{a}"]
            np.testing.assert_allclose(bone / np.linalg.norm(bone), [sign, 0, 0], atol=1e-6)
        for a, b in (("UpLeg", "Leg"), ("Leg", "Foot")):
            bone = at[f"{side}{b}"] - at[f"{side}{a}"]
            np.testing.assert_allclose(bone / np.linalg.norm(bone), [0, -1, 0], atol=1e-6)
        assert (at[f"{side}UpLeg"] - at["Hips"])[0] * sign > 0.05
        toes = at[f"{side}ToeBase"] - at[f"{side}Foot"]
        assert toes[2] > 0.05  # forward
        assert motion.ends[f"{side}ToeBase"][2] > 0.03
    assert at["Head"][1] > at["Neck"][1] > at["Hips"][1] > at["LeftFoot"][1]
