import numpy as np
import pytest

from pose_ros.ros.health import PROBLEM_LIFETIME, Health, Stream, Timing, lost_share


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("lost", [0.0, 0.1, 0.3, 0.67])
@pytest.mark.parametrize("jitter_ms", [0.0, 3.0])
def test_lost_frames_are_estimated_from_gaps(lost, jitter_ms):
    random = np.random.default_rng(1)
    stamps = np.arange(300) * 33.3e6 + random.uniform(-jitter_ms, jitter_ms, 300) * 1e6
    kept = stamps[random.random(300) >= lost]
    assert lost_share(kept) == pytest.approx(1 - len(kept) / 300, abs=0.03)


def test_too_few_frames_lose_none():
    assert lost_share([]) == lost_share([5]) == lost_share([0, 10, 500, 510]) == 0


def test_rate_is_of_the_latest_seconds():
    clock = Clock()
    stream = Stream(clock)
    assert stream.rate == 0
    for n in range(50):
        clock.now = 100 + n / 10
        stream.add(n)
    assert stream.rate == pytest.approx(10)
    assert stream.is_alive(1)
    clock.now += 60
    assert stream.rate == 0
    assert not stream.is_alive(1)


def test_percentiles_are_values_that_occurred():
    timing = Timing()
    assert np.isnan(timing.percentile(50))
    for value in range(100):
        timing.add(value)
    assert (timing.percentile(0), timing.percentile(50), timing.percentile(95)) == (0, 50, 95)
    assert timing.percentile(100) == 99


def test_a_problem_is_logged_now_and_then_and_forgotten_when_it_is_over():
    clock, lines = Clock(), []
    health = Health(clock=clock, log=lines.append)
    for n in range(300):  # ten seconds at 30 Hz
        clock.now = 100 + n / 30
        health.report("depth", f"spoilt {n}")
    assert len(lines) == 1
    assert [problem.message for problem in health.current_problems()] == ["spoilt 299"]
    assert health.problems["depth"].count == 300
    clock.now += PROBLEM_LIFETIME + 1
    assert health.current_problems() == []
    health.report("depth", "again")
    assert lines == ["spoilt 0", "again"]
