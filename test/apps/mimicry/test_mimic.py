"""The whole without ROS: engaged, followed, lost, swapped, held; every promise over random rehearsals."""

from dataclasses import replace

import numpy as np
import pytest
from mimicry_robots import TWO_ARMS, load, two_arms

from pose_ros.apps.mimicry.config import MimicryConfig, SafetyConfig
from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.lock import LockConfig
from pose_ros.apps.mimicry.mimic import Mimicry, Mode
from pose_ros.apps.mimicry.rehearsal import Arm, make_person
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.apps.mimicry.trial import rehearse
from pose_ros.apps.mimicry.urdf import Urdf
from pose_ros.config import update
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Origin, People, TrackState

BENT = np.radians([60.0, 20, 0, 60])
QUICK = MimicryConfig(safety=SafetyConfig(align=0.2))


def at(x=2.0, y=0.0):
    return RigidTransform(np.diag([-1.0, -1, 1]), [x, y, 1.4])


def somebody(id="p1", angles=BENT, place=None, **more):
    return make_person(id, place or at(), angles, angles, **more)


class Clockwork:
    """Frames at 30 Hz and commands at 100 Hz on one clock; the robot does what it is told."""

    def __init__(self, config=QUICK, robot="ur5e", engage=True):
        self.mimicry = Mimicry(load(robot) if isinstance(robot, str) else robot, config)
        self.now, self.commands, self.obeys = 0.0, [], True
        self.tell(self.mimicry.robot.home)
        if engage:
            assert self.mimicry.engage() == ""

    def tell(self, q):
        self.mimicry.tell_present(dict(zip(self.mimicry.robot.names, q, strict=True)))

    def frame(self, *people):
        for _ in range(3):
            self.step()
        frame = People(tuple(people), round(self.now * 1e9), "camera")
        return self.mimicry.see(frame, self.now)

    def step(self):
        self.now += 0.01
        self.commands.append(self.mimicry.step(self.now))
        if self.obeys:
            self.tell(self.commands[-1].q)
        return self.commands[-1]

    def until(self, mode, *people):
        for _ in range(400):
            self.frame(*people)
            if self.commands[-1].mode is mode:
                return self
        raise AssertionError(f"no {mode}, but {self.commands[-1]}")

    @property
    def mode(self):
        return self.step().mode

    def stop_time(self):
        """s until all joints stand, from now."""
        start = self.now
        while self.commands[-1].v.any():
            assert self.now - start < 1
            self.step()
        return self.now - start


def test_from_the_present_pose_softly_to_the_operators():
    clock = Clockwork(engage=False)
    start = clock.mimicry.robot.home + 0.1
    clock.tell(start)
    assert clock.step().mode is Mode.DISENGAGED
    clock.tell(start)
    assert clock.mimicry.engage() == ""
    clock.frame(somebody())
    np.testing.assert_allclose(clock.commands[-1].q, start, atol=1e-3)
    clock.frame(somebody())
    assert clock.mode is Mode.ALIGNING
    clock.until(Mode.FOLLOWING, somebody())
    for _ in range(30):
        clock.frame(somebody())
    np.testing.assert_allclose(clock.commands[-1].q, clock.mimicry.parts["right"].target, atol=1e-3)


@pytest.mark.parametrize("loss", ["absent", "predicted", "not finite", "no wrist", "hidden wrist", "unsure"])
@pytest.mark.parametrize("phase", range(3))
def test_whatever_is_lost_it_stands_within_a_tenth_of_a_second(loss, phase):
    clock, arm = Clockwork(), Arm(np.random.default_rng(phase), 3.0)
    moving = lambda: somebody(angles=arm(clock.now))  # noqa: E731
    clock.until(Mode.FOLLOWING, moving())
    while np.abs(clock.commands[-1].v).max() < 0.6:
        clock.frame(moving())
    person = moving()
    if loss == "predicted":
        person = somebody(state=TrackState.LOST)
    if loss == "not finite":
        person.camera_from_joint["right_elbow"].rotation[:] = np.nan
    if loss == "no wrist":
        del person.camera_from_joint["right_wrist"]
    row = person.keypoints3d.skeleton.index("right_wrist")
    if loss == "hidden wrist":
        person.keypoints3d.origin[0, row] = Origin.PREDICTED
    if loss == "unsure":
        person.keypoints3d.score[0, row] = 0.05
    clock.frame(*([] if loss == "absent" else [person]))
    seen = clock.now
    assert clock.step().mode is Mode.HOLDING
    clock.stop_time()
    assert clock.now - seen <= 0.1
    assert clock.commands[-1].reason
    assert sum(clock.mimicry.counts.values()) == 1
    clock.until(Mode.FOLLOWING, somebody())


@pytest.mark.parametrize("seed", range(4))
def test_silence_ends_in_standstill_a_tenth_of_a_second_after_the_frame_that_is_missing(seed):
    clock, arm = Clockwork(), Arm(np.random.default_rng(seed), 3.0)
    clock.until(Mode.FOLLOWING, somebody(angles=arm(0.0)))
    while np.abs(clock.commands[-1].v).max() < 0.6:
        clock.frame(somebody(angles=arm(clock.now)))
    clock.frame(somebody(angles=arm(clock.now)))
    last = clock.now
    while clock.now < last + 1 / 30 + 0.1 - 1e-9:
        clock.step()
    assert not clock.commands[-1].v.any()
    assert clock.commands[-1].mode is Mode.HOLDING


def test_after_a_blink_it_goes_on_after_a_loss_it_starts_softly():
    clock = Clockwork().until(Mode.FOLLOWING, somebody())
    clock.frame()
    assert clock.mode is Mode.HOLDING
    clock.frame(somebody())
    assert clock.mode is Mode.FOLLOWING
    for _ in range(15):
        clock.frame()
    clock.frame(somebody())
    assert clock.mode is Mode.ALIGNING


def test_without_a_face_it_holds_and_starts_softly_when_the_face_is_back():
    """With the head out of the picture front was taken for back: the arm went 0.7 m astray."""
    clock = Clockwork().until(Mode.FOLLOWING, somebody())
    headless = somebody()
    score = np.array(headless.keypoints3d.score)
    score[0, headless.keypoints3d.skeleton.indices("nose", "left_eye", "right_eye")] = 0.54
    headless = replace(headless, keypoints3d=replace(headless.keypoints3d, score=score))
    for _ in range(10):
        clock.frame(headless)
    assert clock.mode is Mode.HOLDING
    assert "face" in clock.commands[-1].reason
    assert not clock.commands[-1].v.any()
    clock.frame(somebody())
    assert clock.mode is Mode.ALIGNING


def test_nobody_else_ever_takes_over():
    clock = Clockwork().until(Mode.FOLLOWING, somebody())
    other = somebody("p2", place=at(1.0))
    clock.frame(other)
    assert clock.mode is Mode.HOLDING
    for _ in range(200):
        assert clock.frame(other) is None
    assert clock.mode is Mode.DISENGAGED  # given up: ids are given to others after a while
    assert "engage anew" in clock.commands[-1].reason
    assert clock.frame(somebody()) is None
    assert clock.mimicry.engage() == ""
    assert clock.frame(other).id == "p2"


def test_an_id_on_another_body_is_not_believed_until_it_is_back():
    clock = Clockwork().until(Mode.FOLLOWING, somebody())
    for k in range(60):  # the ids were exchanged, and the other walks past where the operator was
        assert clock.frame(somebody(place=at(2.9 - 0.01 * k)), somebody("p2")) is None
    assert clock.mimicry.lock.rejected == 60
    assert clock.frame(somebody()).id == "p1"


def test_shoulders_of_another_width_are_somebody_elses():
    clock = Clockwork().until(Mode.FOLLOWING, somebody())
    wide = somebody()
    for side, sign in (("left", 1), ("right", -1)):
        frame = wide.camera_from_joint[f"{side}_shoulder"]
        frame.translation[:] += 0.15 * sign * wide.camera_from_joint["neck"].rotation[:, 1]
    assert clock.frame(wide) is None
    assert "shoulders" in clock.step().reason


@pytest.mark.parametrize(
    ("lock", "chosen"),
    [
        (LockConfig(), "p2"),
        (LockConfig(operator="p1"), "p1"),
        (LockConfig(choose="raised_hand"), "p3"),
        (LockConfig(operator="p9"), None),
    ],
)
def test_who_becomes_the_operator(lock, chosen):
    clock = Clockwork(replace(QUICK, lock=lock))
    hand_up = somebody("p3", np.radians([170.0, 0, 0, 0]), at(3.0))
    found = clock.frame(somebody("p1", place=at(2.5)), somebody("p2"), hand_up)
    assert (found.id if found else None) == chosen
    if chosen is None:
        assert "p9 is not seen" in clock.step().reason


def test_the_clutch_must_be_pressed_again_and_again():
    clock = Clockwork(update(QUICK, {"safety.clutch": True}))
    clock.frame(somebody())
    assert clock.mode is Mode.HOLDING
    while clock.mode is not Mode.FOLLOWING:
        assert clock.now < 20
        clock.mimicry.tell_clutch(True, clock.now)
        clock.frame(somebody())
    for _ in range(12):
        clock.frame(somebody())
    assert clock.mode is Mode.HOLDING
    clock.mimicry.tell_clutch(True, clock.now)
    clock.frame(somebody())
    assert clock.mode is Mode.ALIGNING
    clock.mimicry.tell_clutch(False, clock.now)
    clock.step()
    assert clock.stop_time() < 0.1


def test_a_robot_that_does_not_follow_is_not_led_on():
    clock = Clockwork()
    clock.obeys = False
    clock.tell(clock.mimicry.robot.home)
    for _ in range(300):
        clock.frame(somebody(angles=np.radians([150.0, 60, 0, 20])))
    assert clock.mode is Mode.HOLDING
    assert "does not follow" in clock.commands[-1].reason
    assert clock.mimicry.counts["clutch or deviation"] >= 1


def test_an_engagement_that_cannot_be_is_refused():
    mimicry = Mimicry(load("ur5e"))
    assert "joint_states" in mimicry.engage()
    mimicry.tell_present({name: 0.0 for name in mimicry.robot.names[:3]})
    assert "joint_states" in mimicry.engage()
    beyond = dict.fromkeys(mimicry.robot.names, 0.0) | {"elbow_joint": 3.3}
    mimicry.tell_present(beyond)
    assert "limits of elbow_joint" in mimicry.engage()


def test_two_arms_and_a_head_move_and_one_arm_may_be_unknown():
    clock = Clockwork(QUICK, Robot.of(TWO_ARMS, Urdf.parse(two_arms())))
    assert clock.mimicry.solver.name == "closed_form"
    head = np.array([0.4, 0.2, 0.0])
    clock.until(Mode.FOLLOWING, somebody(head=head))
    for _ in range(60):
        clock.frame(somebody(head=head))
    np.testing.assert_allclose(clock.commands[-1].q[12:], [0.4, -0.2], atol=0.01)
    half = somebody(head=head)
    del half.camera_from_joint["left_elbow"]
    for _ in range(5):
        clock.frame(half)
    command = clock.step()
    parts = clock.mimicry.robot.parts
    assert command.mode is Mode.FOLLOWING
    assert not command.moves[parts["left"]].any()
    assert command.moves[parts["right"]].all()
    assert "left_elbow" in command.reason


@pytest.mark.parametrize("name", ["panda", "iiwa", "xarm6", "ur5e"])
@pytest.mark.parametrize("seed", [11])
def test_every_promise_holds_over_a_random_rehearsal(name, seed):
    trial = rehearse(load(name), seed, 16.0)
    assert trial.position == trial.velocity == trial.acceleration == 0
    assert trial.jumps == 0
    assert max(trial.stops + trial.stops_of_silence, default=0.0) <= 0.1 + 1e-9
    assert trial.nearest >= min(0.03, Mimicry(load(name)).capsules.distance(load(name).home)) - 1e-6
    assert trial.modes["aligning"] + trial.modes["following"] > 500


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": {}}, "no arm is named"),
        ({"legs": {}}, "unknown key of robot 'legs'"),
        ({"arms": {"right": {"base": "base_link", "tip": "tool0"}}}, "lacks acceleration"),
        ({"arms": {"right": {"base": "base_link", "tip": "tool0", "acceleration": 1, "mount": "roof"}}},
         "unknown mount 'roof'"),
        ({"arms": {"right": {"base": "base_link", "tip": "tool0", "acceleration": [1, 2]}}},
         "takes 6 numbers"),
        ({"arms": {"right": {"base": "base_link", "tip": "tool0", "acceleration": 1, "home": [9] * 6}}},
         "home lies outside"),
    ],
)  # fmt: skip
def test_a_robot_that_is_none_says_why(change, words):
    with pytest.raises(RobotError, match=words):
        Robot.of({"arms": {}} | change, load("ur5e").urdf)
