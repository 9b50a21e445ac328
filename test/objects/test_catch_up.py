"""What is kept of the frames since a search began."""

import pytest

from pose_ros.objects.catch_up import ROUNDS, Recent, follow


class Follower:
    """Remembers the stamps it was brought to; frames go on arriving meanwhile."""

    def __init__(self, recent: Recent, arriving: int) -> None:
        self.recent, self.arriving, self.stamps, self.now = recent, arriving, [], 0

    def update(self, view, stamp_ns: int) -> None:
        self.stamps.append(stamp_ns)
        for _ in range(self.arriving):
            self.now += 1
            self.recent.add(None, self.now)


@pytest.mark.parametrize("count", [0, 1, 5, 63, 64, 65, 1000, 12345])
def test_however_many_there_were_they_reach_back_and_are_even(count):
    recent = Recent(64)
    for stamp in range(1, count + 1):
        recent.add(None, stamp)
    stamps = [stamp for _, stamp in recent.after(0, 64)]
    assert min(count, 32) <= len(stamps) <= 64
    gaps = {later - sooner for sooner, later in zip([0, *stamps], stamps, strict=False)}
    assert len(gaps) <= 1
    assert count - (stamps or [0])[-1] < max(gaps, default=1)


def test_no_more_than_asked_for_and_only_later_ones():
    recent = Recent(64)
    for stamp in range(1, 51):
        recent.add(None, stamp)
    stamps = [stamp for _, stamp in recent.after(20, 8)]
    assert len(stamps) <= 8
    assert min(stamps) > 20
    assert stamps[-1] == 50
    assert recent.after(50, 8) == []


@pytest.mark.parametrize(("count", "arriving"), [(3, 0), (120, 1), (500, 2)])
def test_following_ends_near_now_and_never_goes_back(count, arriving):
    recent = Recent()
    follower = Follower(recent, arriving)
    for follower.now in range(1, count + 1):
        recent.add(None, follower.now)
    follow(follower, recent, 0)
    assert follower.stamps == sorted(set(follower.stamps))
    assert len(follower.stamps) <= sum(ROUNDS)
    assert follower.now - follower.stamps[-1] <= 40
