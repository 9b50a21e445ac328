"""Pairs by stamp, without ROS: what is a pair, when it is given, what happens to the rest."""

import itertools

import numpy as np
import pytest

from pose_ros.ros.sync import RgbdSync

MS = 1_000_000


def feed(sync, events):
    """events: (kind, stamp in ms) in order of arrival -> pairs of stamps in ms."""
    pairs = []
    for kind, stamp in events:
        add = sync.add_image if kind == "i" else sync.add_depth
        pairs += add(round(stamp * MS), stamp)
    return pairs


def test_equal_stamps_pair_at_once_in_either_order():
    sync = RgbdSync(20 * MS)
    assert sync.add_image(0, "image 0") == []
    assert sync.add_depth(0, "depth 0") == [("image 0", "depth 0")]
    assert sync.add_depth(33 * MS, "depth 1") == []
    assert sync.add_image(33 * MS, "image 1") == [("image 1", "depth 1")]


def test_beyond_the_slop_is_no_pair():
    sync = RgbdSync(20 * MS)
    assert feed(sync, [("i", 0), ("d", 20.1), ("i", 100), ("d", 119.9), ("i", 200)]) == [(100, 119.9)]
    assert sync.counts.image_without_depth == 1


def test_a_nearer_depth_image_is_waited_for():
    sync = RgbdSync(40 * MS)
    # depth every 33 ms, 20 ms before each image: the next one, 13 ms after it, is nearer
    events = [("d", 0), ("d", 33), ("i", 53), ("d", 66), ("i", 86), ("d", 99), ("i", 119)]
    assert feed(sync, events) == [(53, 66), (86, 99)]


def test_of_two_images_the_nearer_gets_the_depth():
    sync = RgbdSync(20 * MS)
    # colour at 60 Hz, depth at 30 Hz
    events = [("i", 0), ("d", 0), ("i", 16.7), ("d", 33.3), ("i", 33.3), ("i", 50), ("d", 66.7), ("i", 66.7)]
    assert feed(sync, events) == [(0, 0), (33.3, 33.3), (66.7, 66.7)]
    assert sync.counts.image_without_depth == 2


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_delays_every_pair_is_mutually_nearest(seed):
    random = np.random.default_rng(seed)
    images = np.arange(60) * 33.3 + random.uniform(-3, 3, 60)
    depths = np.arange(60) * 33.3 + random.uniform(-3, 3, 60) + random.uniform(-12, 12)
    depths = depths[random.random(60) > 0.2]
    arrivals = [("i", t, t + random.uniform(0, 30)) for t in images]
    arrivals += [("d", t, t + random.uniform(0, 30)) for t in depths]
    # one topic keeps its order
    for kind in "id":
        mine = [event for event in arrivals if event[0] == kind]
        latest = itertools.accumulate((arrival for *_, arrival in mine), max)
        arrivals = [event for event in arrivals if event[0] != kind]
        arrivals += [(kind, stamp, arrival) for (_, stamp, _), arrival in zip(mine, latest, strict=True)]
    arrivals.sort(key=lambda event: event[2])
    pairs = feed(RgbdSync(20 * MS), [event[:2] for event in arrivals])
    assert len(pairs) > 0.9 * len(depths) - 2
    for image, depth in pairs:
        offset = abs(image - depth)
        assert offset <= 20
        assert offset == pytest.approx(np.abs(depths - image).min())
        assert offset == pytest.approx(np.abs(images - depth).min())


def test_stamps_that_jump_back_start_anew():
    sync = RgbdSync(20 * MS)
    lap = [("i", 0), ("d", 0), ("i", 33), ("d", 33), ("i", 66), ("d", 66)]
    assert feed(sync, lap) == feed(sync, lap) == feed(sync, lap) == [(0, 0), (33, 33), (66, 66)]
    assert sync.counts.jumps == 2


def test_late_and_repeated_stamps_are_dropped_and_counted():
    sync = RgbdSync(20 * MS)
    assert feed(sync, [("i", 0), ("d", 0), ("i", 33), ("i", 33), ("i", 20), ("d", 33)]) == [(0, 0), (33, 33)]
    assert (sync.counts.duplicate, sync.counts.late, sync.counts.jumps) == (1, 1, 0)


def test_queues_are_bounded_when_one_topic_is_silent():
    sync = RgbdSync(20 * MS, queue=5)
    assert feed(sync, [("i", 33 * n) for n in range(100)]) == []
    assert sync.counts.image_without_depth == 95
    assert feed(sync, [("d", 33 * 99)]) == [(33 * 99, 33 * 99)]


def test_nothing_is_lost_count_of():
    sync = RgbdSync(10 * MS, queue=3)
    random = np.random.default_rng(0)
    stamps = np.cumsum(random.uniform(5, 60, 200))
    feed(sync, [("id"[n % 2], stamp) for n, stamp in enumerate(stamps)])
    counts = sync.counts
    assert 0 <= 100 - counts.paired - counts.image_without_depth <= 3
    assert 0 <= 100 - counts.paired - counts.depth_without_image <= 3


def test_the_offset_is_known_even_where_nothing_pairs():
    sync = RgbdSync(5 * MS)
    feed(sync, [(kind, 33 * n + (12 if kind == "d" else 0)) for n in range(20) for kind in "id"])
    assert sync.counts.paired == 0
    assert np.median(sync.offsets_ns) == 12 * MS
