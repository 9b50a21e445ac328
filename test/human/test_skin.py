"""Points and the flesh they touch: against plain loops, finite differences, and a person seen exactly."""

import numpy as np
import pytest
from fleshy import CAMERA, depth_of, person

from pose_ros.human import skin
from pose_ros.human.flesh import CHAINS, FITTED, GIRTHS, LENGTHS

RNG = np.random.default_rng(0)
PEOPLE = np.stack([person(0.1, 2.5), person(-0.2, 3.0, 0.9, turn=0.7)])


def touch(people: np.ndarray, girths: np.ndarray, points, rays, capsule) -> skin.Touch:
    return skin.Touch(people, girths, points, rays, capsule)


@pytest.fixture(scope="module")
def seen():
    depth = depth_of(PEOPLE)
    points, rays = skin.look(PEOPLE, depth, CAMERA)
    girths = np.ones((2, len(GIRTHS)))
    return points, rays, girths, skin.nearest(*skin.ends(PEOPLE), girths, points, rays)


def test_the_mirrored_person_has_mirrored_flesh():
    mirrored = PEOPLE * [-1, 1, 1]
    twin = [
        FITTED.joints.index(j.replace("left", "~").replace("right", "left").replace("~", "right"))
        for j in FITTED.joints
    ]
    start, _ = skin.ends(PEOPLE)
    other, _ = skin.ends(mirrored[:, twin])
    parts = list(skin.PART)
    sides = [p.replace("left", "~").replace("right", "left").replace("~", "right") for p in parts]
    order = [
        [n for n, p in enumerate(parts) if p == side][parts[:k].count(parts[k])]
        for k, side in enumerate(sides)
    ]
    np.testing.assert_allclose(other[:, order] * [-1, 1, 1], start, atol=1e-3)  # the table is to 1 mm


def test_of_a_person_who_is_where_they_are_said_to_be_nothing_is_off(seen):
    points, rays, girths, capsule = seen
    on = touch(PEOPLE, girths, points, rays, capsule)
    near = on.miss < 0.05
    assert near.mean() > 0.5  # the rest of the pixels are beyond the outline, or on what lies before
    assert np.abs(on.off[near]).mean() < 0.004
    assert np.median(np.abs(on.off[near])) < 0.002


def test_a_person_pushed_away_is_off_by_as_much_towards_the_camera(seen):
    points, rays, girths, capsule = seen
    pushed = touch(PEOPLE + [0, 0, 0.02], girths, points, rays, capsule)
    facing = (pushed.miss < 0.05) & (pushed.normal[..., 2] < -0.95)
    assert facing.sum() > 20
    assert pushed.off[facing].mean() == pytest.approx(0.02, abs=0.003)


def test_the_nearest_capsule_is_that_of_a_plain_loop():
    people, girths = PEOPLE[:1], np.full((1, len(GIRTHS)), 1.1)
    points = people[0][RNG.integers(0, 21, 60)] + RNG.normal(0, 0.1, (60, 3))
    rays = skin.unit(points)
    start, end = skin.ends(people)
    best = []
    for p, ray in zip(points, rays, strict=True):
        misses = []
        for a, b, radii, girth in zip(start[0], end[0], skin.RADII, skin.GIRTH, strict=True):
            u = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            away, thick = p - a - u * (b - a), (radii[0] + u * (radii[1] - radii[0])) * girths[0, girth]
            ahead = away @ ray
            aside = np.linalg.norm(away - ahead * ray)
            sine = min(aside / thick, 1)
            off = sine * aside - np.sqrt(1 - sine**2) * ahead - thick
            misses.append(max(abs(off), abs(np.linalg.norm(away) - thick)))
        best.append(misses)
    best = np.array(best)
    found = skin.nearest(start, end, girths, points[None], rays[None])[0]
    np.testing.assert_allclose(best[np.arange(60), found], best.min(1), atol=1e-4)


def test_the_step_follows_finite_differences(seen):
    """Right side and matrix against numeric derivatives of `off`, where the trunk's axes hardly turn."""
    points, rays, girths, capsule = seen
    limbs = np.array([part.endswith(("arm", "neck", "head")) for part in skin.PART])
    moved = PEOPLE + np.random.default_rng(1).normal(0, 0.003, PEOPLE.shape)
    at = touch(moved, girths, points, rays, capsule)
    facing = -np.einsum("npx,npx->np", at.normal, rays) > 0.5  # the outline's own slope is infinite
    weight = ((at.miss < 0.01) & limbs[capsule] & facing).astype(float)
    assert weight.sum() > 50
    matrix, right = at.normal_equations(weight)
    count = 3 * len(FITTED)
    rows = np.zeros((*weight.shape, count + len(GIRTHS)))
    for k in range(count):
        step = np.zeros(count)
        step[k] = 1e-6
        there = touch(moved + step.reshape(-1, 3), girths, points, rays, capsule)
        rows[..., k] = (there.off - at.off) / 1e-6
    for g in range(len(GIRTHS)):
        there = touch(moved, girths + 1e-6 * np.eye(len(GIRTHS))[g], points, rays, capsule)
        rows[..., count + g] = (there.off - at.off) / 1e-6
    weighed = rows * weight[..., None]
    # How the front's normal turns as the point wanders over it is left out, as Gauss-Newton may.
    numeric = np.swapaxes(weighed, 1, 2) @ rows
    assert np.linalg.norm(matrix - numeric) < 0.3 * np.linalg.norm(numeric)
    expected = -np.einsum("npu,np->nu", weighed, at.off)
    for mine, numeric in zip(right, expected, strict=True):
        assert mine @ numeric > 0.97 * np.linalg.norm(mine) * np.linalg.norm(numeric)


def test_what_is_not_measured_or_not_in_the_picture_says_nothing():
    depth = np.full((CAMERA.height, CAMERA.width), np.nan, np.float32)
    points, rays = skin.look(PEOPLE + [5.0, 0, 0], depth, CAMERA)
    girths = np.ones((2, len(GIRTHS)))
    on = touch(PEOPLE, girths, points, rays, np.zeros(points.shape[:2], int))
    assert np.isnan(points).all()
    assert np.isinf(on.miss).all()
    matrix, right = on.normal_equations(1 / (1 + on.miss**2))
    assert not matrix.any()
    assert not right.any()
    assert not on.support(on.miss < 1).any()


def test_counts_and_support_are_those_of_a_plain_loop(seen):
    points, rays, girths, capsule = seen
    on = touch(PEOPLE, girths, points, rays, capsule)
    chosen = RNG.random(capsule.shape) < 0.4
    counts = on.count(chosen)
    for n, p in ((0, 0), (0, 100), (1, 7), (1, 300)):
        assert counts[n, p] == (chosen[n] & (capsule[n] == capsule[n, p])).sum()
    support = on.support(chosen)
    forearm = chosen[0] & np.isin(
        capsule[0], [n for n, part in enumerate(skin.PART) if part == "left_forearm"]
    )
    assert support[0, FITTED.index("left_wrist")] >= 0.3 * forearm.sum()


def test_every_mix_is_a_point_and_every_length_has_joints():
    for chain in CHAINS:
        for knot in chain.knots:
            assert sum(knot.mix.values()) == pytest.approx(1.0)
            assert set(knot.mix) <= set(FITTED.joints)
            assert 0.01 < knot.radius < 0.15
    for length in LENGTHS:
        assert set(length.joints) <= set(FITTED.joints)
