"""Smoothing: rest looks at rest, motion is not late, laws in seconds whatever the rate, honest covariance."""

import time

import numpy as np
import pytest

from pose_ros.eval.metrics import jitter
from pose_ros.human.smooth import SmoothConfig, Smoother, SmoothState
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints3D, Origin

K = len(COCO_17)
JITTER = 0.008  # m RMS in 3D, as lifted joints of a person who stands were measured to tremble


def keypoints(xyz, sigma=0.02, origin=Origin.MEASURED):
    """(N,K,3) m -> Keypoints3D; sigma m a coordinate."""
    known = ~np.isnan(xyz).any(-1)
    covariance = np.where(known[..., None, None], np.eye(3) * sigma**2, np.nan)
    return Keypoints3D(xyz, known * 0.9, covariance, np.where(known, origin, Origin.UNKNOWN), COCO_17)


def run(signal, stamps, config=None, sigma=0.02):
    """signal (T,3) or (T,K,3) of one person -> smoothed (T,K,3), covariance (T,K,3,3)."""
    smoother, state = Smoother(config), SmoothState()
    signal = np.broadcast_to(signal[:, None] if signal.ndim == 2 else signal, (len(stamps), K, 3))
    out = [
        smoother([state], keypoints(x[None], sigma), round(t * 1e9))
        for x, t in zip(signal, stamps, strict=True)
    ]
    return np.array([k.xyz[0] for k in out]), np.array([k.covariance[0] for k in out])


def stamps_of(rate, seconds=6.0, jittered=False, seed=0):
    stamps = np.arange(0, seconds, 1 / rate)
    wobble = np.random.default_rng(seed).uniform(-0.3, 0.3, len(stamps)) / rate
    return 1.0 + stamps + jittered * wobble


def wave(stamps):
    """A wrist to and fro, 1 m/s at most, at 0.8 Hz."""
    return np.outer(np.sin(2 * np.pi * 0.8 * stamps) / (2 * np.pi * 0.8), [0.6, 0.0, 0.8])


def lag_of(smoothed, stamps, signal_of):
    """Shift in s that explains the smoothed (T,3) best."""
    shifts = np.arange(-0.03, 0.1, 0.001)
    late = stamps > stamps[0] + 1.0
    error = [np.sum((smoothed - signal_of(stamps - shift))[late] ** 2) for shift in shifts]
    return shifts[np.argmin(error)]


def test_rest_looks_at_rest_and_its_mean_stays():
    stamps = stamps_of(30)
    noise = np.random.default_rng(0).normal(scale=JITTER / np.sqrt(3), size=(len(stamps), K, 3))
    smoothed, _ = run(noise + [0.1, 0.2, 2.0], stamps)
    assert 1e3 * jitter(smoothed[30:]) < 2.0 < 4.0 < 1e3 * jitter(noise[30:])
    np.testing.assert_allclose(smoothed[60:].mean((0, 1)), [0.1, 0.2, 2.0], atol=5e-4)


@pytest.mark.parametrize(("rate", "jittered"), [(15, False), (30, False), (30, True), (60, False)])
def test_a_moving_wrist_is_followed_with_the_stated_lag_at_any_rate(rate, jittered):
    stamps = stamps_of(rate, jittered=jittered)
    noise = np.random.default_rng(1).normal(scale=JITTER / np.sqrt(3), size=(len(stamps), K, 3))
    smoothed, _ = run(wave(stamps)[:, None] + noise, stamps)
    lags = [lag_of(smoothed[:, k], stamps, wave) for k in range(K)]
    assert -0.005 < np.mean(lags) < 0.025
    error = np.linalg.norm(smoothed - wave(stamps)[:, None], axis=-1)[stamps > 2.0]
    assert error.mean() < 0.03
    speed = np.ptp(smoothed[stamps > 2.0] @ [0.6, 0, 0.8], axis=0) / np.ptp(wave(stamps) @ [0.6, 0, 0.8])
    assert speed.min() > 0.95  # not damped


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_steady_motion_is_followed_without_lag(rate):
    stamps = stamps_of(rate)
    signal = stamps[:, None] * [1.0, 0, 0]
    smoothed, _ = run(signal, stamps)
    assert np.abs(smoothed[-1, 0] - signal[-1]).max() < 0.003
    late, _ = run(signal, stamps, SmoothConfig(make_up_lag=0.0))
    assert signal[-1, 0] - late[-1, 0, 0] > 0.01  # what is made up


def test_all_axes_are_alike():
    stamps = stamps_of(30)
    rng = np.random.default_rng(2)
    signal = wave(stamps)[:, None] + rng.normal(scale=0.01, size=(len(stamps), K, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(run(signal @ turn, stamps)[0], run(signal, stamps)[0] @ turn, atol=1e-9)


def test_unknown_joints_stay_unknown_and_start_anew():
    stamps = stamps_of(30, 1.0)
    signal = np.tile(stamps[:, None, None] * [1.0, 0, 0], (1, K, 1))
    signal[10:20, 3] = np.nan
    smoothed, covariance = run(signal, stamps)
    assert np.isnan(smoothed[10:20, 3]).all()
    assert np.isfinite(np.delete(smoothed, 3, axis=1)).all()
    np.testing.assert_array_equal(smoothed[20, 3], signal[20, 3])
    assert np.isfinite(covariance[20:]).all()


def test_gaps_start_anew_repeated_and_late_frames_change_nothing():
    smoother, state = Smoother(), SmoothState()
    see = lambda x, t: smoother([state], keypoints(np.full((1, K, 3), x)), round(t * 1e9))  # noqa: E731
    for n in range(10):
        see(0.1 * n, 1 + n / 30)
    again = see(0.9, 1 + 9 / 30)
    before = state.motion.copy()
    np.testing.assert_array_equal(see(5.0, 1 + 9 / 30).xyz, again.xyz)  # repeated
    late = see(7.0, 1 + 8 / 30)
    np.testing.assert_array_equal(state.motion, before)
    assert np.all(late.xyz < again.xyz)  # where the person was then
    np.testing.assert_array_equal(see(9.0, 3.0).xyz, 9.0)  # gap
    np.testing.assert_array_equal(see(2.0, 1.0).xyz, 2.0)  # the clock was set back


def test_uncertain_joints_are_smoothed_more():
    stamps = stamps_of(30)
    noise = np.random.default_rng(3).normal(scale=0.03, size=(len(stamps), K, 3))
    trembling = [jitter(run(noise, stamps, sigma=sigma)[0][30:]) for sigma in (0.01, 0.03, 0.1)]
    assert trembling[0] >= trembling[1] > 1.5 * trembling[2]


def test_a_prediction_follows_the_motion_dies_down_and_is_less_and_less_certain():
    stamps = stamps_of(30, 2.0)
    smoother, state = Smoother(), SmoothState()
    for t in stamps:
        smoother([state], keypoints(np.tile([t, 0, 2.0], (1, K, 1))), round(t * 1e9))
    ahead = [
        smoother.predict([state], round((stamps[-1] + dt) * 1e9), COCO_17) for dt in (0.0, 0.03, 0.3, 9.0)
    ]
    x = np.array([k.xyz[0, 0, 0] for k in ahead]) - stamps[-1]
    assert abs(x[1] - 0.03) < 0.005
    assert x[1] < x[2] < 0.3
    assert x[3] < 0.65
    volume = [np.linalg.det(k.covariance[0, 0]) for k in ahead]
    assert volume == sorted(volume)
    assert all(np.all(k.origin == Origin.PREDICTED) for k in ahead)
    assert ahead[2].score.max() < ahead[0].score.min()


def test_of_a_prediction_the_body_goes_on_and_a_limb_does_not():
    stamps = stamps_of(30, 2.0)
    smoother, state = Smoother(), SmoothState()
    for t in stamps:
        xyz = np.tile([t, 0, 2.0], (1, K, 1))
        xyz[0, 9] += [t, 0, 0]  # the left wrist overtakes
        smoother([state], keypoints(xyz), round(t * 1e9))
    later = smoother.predict([state], round((stamps[-1] + 0.3) * 1e9), COCO_17).xyz[0] - xyz[0]
    assert 0.2 < later[0, 0] < 0.3
    assert later[0, 0] < later[9, 0] < later[0, 0] + 0.15


def test_people_do_not_mix_and_may_have_been_seen_at_different_times():
    stamps = stamps_of(30, 1.0)
    rng = np.random.default_rng(4)
    signal = rng.normal(scale=0.01, size=(len(stamps), 2, K, 3))
    smoother, states, alone = Smoother(), [SmoothState(), SmoothState()], SmoothState()
    for n, t in enumerate(stamps):
        here = [0] if n % 3 == 0 else [0, 1]
        both = smoother([states[i] for i in here], keypoints(signal[n, here]), round(t * 1e9))
        if 1 in here:
            one = smoother([alone], keypoints(signal[n, [1]]), round(t * 1e9))
            np.testing.assert_allclose(both.xyz[1], one.xyz[0])
    with pytest.raises(ValueError, match="as many states"):
        smoother([alone], keypoints(signal[0]), 0)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("claimed", [0.02, 0.01])
def test_the_covariance_covers_the_truth_though_errors_last(moving, claimed):
    """Errors as the fit was measured to make: little trembles, the rest lasts a second; claimed or not."""
    stamps = stamps_of(30, 40.0)
    rng, sigma, trembles = np.random.default_rng(5), 0.02, 0.03
    stays = np.exp(-1 / 30)
    bias = rng.normal(size=(len(stamps), K, 3))
    for n in range(1, len(stamps)):
        bias[n] = stays * bias[n - 1] + np.sqrt(1 - stays**2) * bias[n]
    noise = np.sqrt(1 - trembles) * bias + np.sqrt(trembles) * rng.normal(size=bias.shape)
    truth = (wave(stamps) if moving else np.zeros((len(stamps), 3)))[:, None]
    smoothed, covariance = run(truth + sigma * noise, stamps, sigma=claimed)
    error = (smoothed - truth)[30:]
    distance = np.einsum("tki,tkij,tkj->tk", error, np.linalg.inv(covariance[30:]), error)
    covered = np.mean(distance < 7.815)
    assert covered > 0.90
    if not moving:  # what moves was measured to be more wrong than here
        assert covered < 0.98


def test_four_people_take_well_under_a_millisecond():
    smoother, states = Smoother(), [SmoothState() for _ in range(4)]
    people = keypoints(np.random.default_rng(0).normal(size=(4, K, 3)))
    times = []
    for n in range(200):
        started = time.perf_counter()
        smoother(states, people, 10**9 + n * 33_000_000)
        times.append(time.perf_counter() - started)
    assert np.median(times) < 1e-3
