"""Pictures wait for the poses of their own instant, not longer than they must, and get no others."""

import time

import numpy as np
import pytest
from rclpy.serialization import serialize_message

from pose_ros.ros.ar_input import KEPT, PATIENCE_NS, PoseWait
from pose_ros.ros.conversions import message_from_rgb, read_header
from pose_ros.ros.rgbd_input import Pair

BLACK = np.zeros((2, 2, 3), np.uint8)


def pair(stamp_ns, age=0.0):
    image = serialize_message(message_from_rgb(BLACK, stamp_ns, "camera"))
    return Pair(image, b"", b"", None, time.perf_counter() - age)


class Waiting(PoseWait):
    """Keeps what comes out as (stamp, poses)."""

    def __init__(self, *kinds, wait=10.0, told=True):
        self.out, self.told = [], told
        keep = lambda ready: self.out.append((read_header(ready.pair.image)[0], dict(ready.poses)))  # noqa: E731
        super().__init__(frozenset(kinds), wait, lambda kind: self.told, keep)


def test_a_picture_waits_for_all_kinds_whatever_the_order():
    for order in range(3):
        waiting = Waiting("people", "objects")
        steps = [
            lambda w: w.add_pair(pair(5)),
            lambda w: w.add_poses("people", 5, "p"),
            lambda w: w.add_poses("objects", 5, "o"),
        ]
        for k in range(3):
            assert waiting.out == []
            steps[(order + k) % 3](waiting)
        assert waiting.out == [(5, {"people": "p", "objects": "o"})]
        assert waiting.counts.complete == 1


def test_poses_of_another_instant_are_never_used():
    """Random streams: each picture that goes out has its own poses, and every one that could have them."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        waiting = Waiting("people")
        stamps = np.arange(1, 60) * 33_000_000
        posed = stamps[rng.random(len(stamps)) < 0.6]
        events = [(t, 0, t) for t in stamps] + [(t + int(rng.integers(0, 80_000_000)), 1, t) for t in posed]
        done = 0
        for _, kind, stamp in sorted(events):
            if kind:
                if stamp < done:
                    continue
                done = stamp
                waiting.add_poses("people", int(stamp), int(stamp))
            else:
                waiting.add_pair(pair(int(stamp)))
        assert all(poses == {"people": stamp} for stamp, poses in waiting.out)
        assert [stamp for stamp, _ in waiting.out] == sorted(stamp for stamp, _ in waiting.out)
        assert len(waiting.out) == waiting.counts.complete > 10
        assert waiting.counts.skipped > 0


def test_a_picture_whose_pose_is_left_out_is_left_out():
    waiting = Waiting("people")
    for stamp in (1, 2, 3):
        waiting.add_pair(pair(stamp))
    waiting.add_poses("people", 2, "p")
    assert waiting.out == [(2, {"people": "p"})]
    assert (waiting.counts.skipped, waiting.counts.complete) == (1, 1)


def test_but_not_for_ever():
    waiting = Waiting("people", "objects")
    step = PATIENCE_NS // 10
    for n in range(12):  # never both of one picture
        waiting.add_pair(pair(n * step))
        waiting.add_poses("people" if n % 2 else "objects", n * step, n)
        waiting.add_poses("objects" if n % 2 else "people", n * step + 1, n)
    assert [stamp for stamp, _ in waiting.out] == [10 * step]
    assert waiting.out[0][1] == {"objects": 10}


def test_one_that_waited_too_long_is_left_out_and_counted_but_not_for_ever():
    waiting = Waiting("people", wait=0.2)
    waiting.add_pair(pair(7, age=0.1))
    time.sleep(0.15)
    waiting.hand_on()
    assert waiting.counts.late == {"people": 1}
    waiting.add_poses("people", 7, "too late")
    assert waiting.out == []
    waiting.add_pair(pair(7 + PATIENCE_NS, age=1.0))
    assert waiting.out == [(7 + PATIENCE_NS, {})]
    assert (waiting.counts.late, waiting.counts.complete) == ({"people": 2}, 0)


def test_nobody_waits_for_poses_that_nobody_tells_or_needs():
    waiting = Waiting("people", told=False)
    waiting.add_pair(pair(1))
    assert waiting.out == [(1, {})]
    assert waiting.counts.complete == 1
    assert not waiting.counts.late
    free = Waiting()
    free.add_pair(pair(1))
    assert free.out == [(1, {})]


def test_few_are_kept():
    waiting = Waiting("people")
    for stamp in range(1, KEPT + 4):
        waiting.add_pair(pair(stamp))
    assert waiting.counts.late == {"people": 3}
    waiting.add_poses("people", 4, "p")
    assert waiting.out == [(4, {"people": "p"})]


@pytest.mark.parametrize("first", ["picture", "poses"])
def test_a_bag_that_starts_again(first):
    waiting = Waiting("people")
    end = 60 * 10**9
    waiting.add_pair(pair(end))
    waiting.add_poses("people", end, "old")
    waiting.add_pair(pair(end + 1))
    steps = [lambda: waiting.add_pair(pair(5)), lambda: waiting.add_poses("people", 5, "new")]
    for step in steps if first == "picture" else steps[::-1]:
        step()
    assert waiting.out == [(end, {"people": "old"}), (5, {"people": "new"})]
