"""URDFs and forward kinematics: against pybullet, by finite differences, and what cannot be used."""

import numpy as np
import pytest
from mimicry_robots import CONFIG, ROBOTS, load

from pose_ros.apps.mimicry.chain import Chain
from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.urdf import Urdf
from pose_ros.geometry.rigid import rotation_log

ONE = '<robot name="r"><joint name="j" type="{}"><parent link="a"/><child link="b"/>{}</joint></robot>'


def poses(robot, count, seed=0):
    low, high = np.maximum(robot.lower, -np.pi), np.minimum(robot.upper, np.pi)
    return np.random.default_rng(seed).uniform(low, high, (count, len(robot)))


@pytest.mark.parametrize("name", ["panda", "iiwa", "xarm6"])
def test_links_are_where_pybullet_has_them(name):
    bullet = pytest.importorskip("pybullet")
    import yaml

    from pose_ros.apps.mimicry.robot import _urdf_path

    robot = load(name)
    path = _urdf_path(yaml.safe_load((CONFIG / f"{name}.yaml").read_text()), CONFIG)
    client = bullet.connect(bullet.DIRECT)
    try:
        body = bullet.loadURDF(str(path), useFixedBase=True, physicsClientId=client)
        infos = [bullet.getJointInfo(body, k, client) for k in range(bullet.getNumJoints(body, client))]
        joint = {info[1].decode(): k for k, info in enumerate(infos)}
        for q in poses(robot, 20):
            for joint_name, value in zip(robot.names, q, strict=True):
                bullet.resetJointState(body, joint[joint_name], value, physicsClientId=client)
            frames = robot.arms[0].chain.frames(q)
            for k, joint_name in enumerate(robot.names):
                state = bullet.getLinkState(body, joint[joint_name], 0, True, client)
                turned = np.reshape(bullet.getMatrixFromQuaternion(state[5]), (3, 3))
                np.testing.assert_allclose(frames.translation[k], state[4], atol=1e-5)
                np.testing.assert_allclose(frames.rotation[k], turned, atol=1e-5)
    finally:
        bullet.disconnect(client)


@pytest.mark.parametrize("name", ROBOTS)
def test_the_jacobian_is_the_slope_of_the_tip(name):
    robot = load(name)
    chain, step = robot.arms[0].chain, 1e-6
    for q in poses(robot, 5, 1):
        jacobian = chain.jacobian(q)
        here = chain.tip_pose(q)
        there = chain.tip_pose(q + step * np.eye(len(chain)))
        linear = (there.translation - here.translation) / step
        angular = rotation_log(there.rotation @ here.rotation.T) / step
        np.testing.assert_allclose(jacobian, np.concatenate([linear, angular], axis=1).T, atol=1e-4)


def test_many_poses_at_once_are_as_one_by_one():
    robot = load("ur5e")
    q = poses(robot, 6).reshape(2, 3, -1)
    many = robot.arms[0].chain.frames(q)
    one = robot.arms[0].chain.frames(q[1, 2])
    np.testing.assert_allclose(many.translation[1, 2], one.translation)
    np.testing.assert_allclose(many.rotation[1, 2], one.rotation)


def test_ur5e_is_where_its_parameters_put_it():
    """The product of Denavit-Hartenberg matrices, written out."""
    chain = load("ur5e").arms[0].chain
    a, d = (0, -0.425, -0.3922, 0, 0, 0), (0.1625, 0, 0, 0.1333, 0.0997, 0.0996)
    alpha = (np.pi / 2, 0, 0, np.pi / 2, -np.pi / 2, 0)
    for q in poses(load("ur5e"), 10, 2):
        pose = np.diag([-1.0, -1, 1, 1])
        for n in range(6):
            c, s, ca, sa = np.cos(q[n]), np.sin(q[n]), np.cos(alpha[n]), np.sin(alpha[n])
            pose = pose @ [[c, -s * ca, s * sa, a[n] * c], [s, c * ca, -c * sa, a[n] * s], [0, sa, ca, d[n]],
                           [0, 0, 0, 1]]  # fmt: skip
        np.testing.assert_allclose(chain.tip_pose(q).translation, pose[:3, 3], atol=1e-9)
        np.testing.assert_allclose(chain.tip_pose(q).rotation, pose[:3, :3], atol=1e-9)


def test_a_sliding_joint_slides():
    text = ONE.format("prismatic", '<axis xyz="0 0 2"/><limit lower="0" upper="1" velocity="1"/>')
    chain = Chain.of(Urdf.parse(text), "a", "b")
    np.testing.assert_allclose(chain.tip_pose(np.array([0.3])).translation, [0, 0, 0.3])
    np.testing.assert_allclose(chain.jacobian(np.array([0.3]))[:, 0], [0, 0, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "no XML"),
        ("<sdf/>", "<sdf>"),
        ("<robot/>", "no joints"),
        (ONE.format("screw", ""), "unknown type 'screw'"),
        (ONE.format("revolute", ""), "no limits"),
        (ONE.format("continuous", '<axis xyz="0 0 0"/>'), "no axis"),
        (ONE.format("fixed", '<origin xyz="0 nan 0"/>'), "3 number"),
        (ONE.format("revolute", '<limit lower="1" upper="0"/>'), "above its upper"),
    ],
)
def test_a_broken_description_says_what_is_wrong(text, words):
    with pytest.raises(RobotError, match=words):
        Urdf.parse(text)


def test_a_chain_that_is_none_says_so():
    urdf = Urdf.load(CONFIG / "ur5e.urdf")
    with pytest.raises(RobotError, match=r"unknown link .*'hand'; valid: .*tool0"):
        Chain.of(urdf, "base_link", "hand")
    with pytest.raises(RobotError, match="does not hang below"):
        Chain.of(urdf, "tool0", "base_link")
    with pytest.raises(RobotError, match=r"no joint .* moves"):
        Chain.of(urdf, "wrist_3_link", "tool0")
    with pytest.raises(RobotError, match="not a, b"):
        Chain.of(urdf, "base_link", "tool0", ["a", "b"])
    with pytest.raises(RobotError, match="cannot be read"):
        Urdf.load(CONFIG / "none.urdf")
