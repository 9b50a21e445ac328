"""From maps to people: against plain loops in the same precision, which must agree exactly; drawn truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pose_ros.human.estimators.heatmap_peaks import find_peaks
from pose_ros.human.estimators.openpose_layouts import BODY_25, COCO
from pose_ros.human.estimators.paf import SAMPLES, Limits, assemble, limb_scores, match

F = np.float32
LIMITS = Limits()


# The same, loop by loop, in single precision.


def plain_peaks(heat, threshold, most):
    """[[(x, y, score)] of each map]."""
    maps = []
    for one in heat:
        height, width = one.shape
        found = []
        for y in range(height):
            for x in range(width):
                if is_peak(one, y, x, threshold):
                    left, right = at(one, y, x - 1), at(one, y, x + 1)
                    above, below = at(one, y - 1, x), at(one, y + 1, x)
                    top = F(x) + offset(left, one[y, x], right), F(y) + offset(above, one[y, x], below)
                    found.append((*top, one[y, x]))
        maps.append(sorted(found, key=lambda peak: -peak[2])[:most])
    return maps


def at(one, y, x):
    return one[y, x] if 0 <= y < one.shape[0] and 0 <= x < one.shape[1] else F(-np.inf)


def is_peak(one, y, x, threshold):
    if not one[y, x] > F(threshold):
        return False
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            other = at(one, y + dy, x + dx)
            if (dy, dx) < (0, 0) and not one[y, x] > other:
                return False
            if (dy, dx) > (0, 0) and not one[y, x] >= other:
                return False
    return True


def offset(before, here, after):
    if not (np.isfinite(before) and np.isfinite(after)):
        return F(0)
    bend = before - F(2) * here + after
    return np.clip(F(0.5) * (before - after) / bend, F(-0.5), F(0.5)) if bend < 0 else F(0)


def plain_limb(a, b, field, limits):
    """The score of one pair of peaks (x, y) on one limb's field (2,H,W)."""
    _, height, width = field.shape
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = np.sqrt(dx * dx + dy * dy)
    if length == 0:
        return F(0)
    total, good = None, 0
    for s in range(SAMPLES):
        part = F(s) / F(SAMPLES - 1)
        x = np.clip(a[0] + dx * part, F(0), F(width - 1))
        y = np.clip(a[1] + dy * part, F(0), F(height - 1))
        across, down = (between(component, x, y) for component in field)
        along = across * (dx / length) + down * (dy / length)
        total = along if total is None else total + along
        good += along > F(limits.field)
    score = total / F(SAMPLES) + min(F(0.5 * height) / length - F(1), F(0))
    return score if good >= limits.share * SAMPLES and score > 0 else F(0)


def between(one, x, y):
    left, top = int(np.floor(x)), int(np.floor(y))
    right, bottom = min(left + 1, one.shape[1] - 1), min(top + 1, one.shape[0] - 1)
    fx, fy = x - F(left), y - F(top)
    upper = one[top, left] * (F(1) - fx) + one[top, right] * fx
    lower = one[bottom, left] * (F(1) - fx) + one[bottom, right] * fx
    return upper * (F(1) - fy) + lower * fy


def plain_people(scores, limbs):
    """{frozenset of (joint, peak)}, with limbs and affinity."""
    connections = []
    for limb, one in enumerate(scores):
        pairs = [(one[a, b], a, b) for a in range(len(one)) for b in range(len(one)) if one[a, b] > 0]
        used = set()
        for score, a, b in sorted(pairs, key=lambda pair: -pair[0]):
            if ("a", a) not in used and ("b", b) not in used:
                used |= {("a", a), ("b", b)}
                connections.append((float(score), limb, a, b))
    groups = []  # [set of (joint, peak), limbs, affinity]
    for score, limb, a, b in sorted(connections, key=lambda c: (-c[0], *c[1:])):
        ends = [(limbs[limb][0], a), (limbs[limb][1], b)]
        owners = [next((g for g in groups if end in g[0]), None) for end in ends]
        one, other = (g if g else [{end}, 0, 0.0] for g, end in zip(owners, ends, strict=True))
        if one is not other and {j for j, _ in one[0]} & {j for j, _ in other[0]}:
            continue
        merged = one if one is other else [one[0] | other[0], one[1] + other[1], one[2] + other[2]]
        groups = [g for g in groups if g is not one and g is not other]
        groups.append([merged[0], merged[1] + 1, merged[2] + score])
    return {frozenset(parts): (count, affinity) for parts, count, affinity in groups}


def as_sets(people):
    return {
        frozenset((int(j), int(p.parts[j])) for j in np.flatnonzero(p.parts >= 0)): (p.limbs, p.affinity)
        for p in people
    }


def noisy_maps(seed, layout, size=(14, 18)):
    """Maps of noise, with ties, plateaus, fields that point everywhere: many candidates, many conflicts."""
    rng = np.random.default_rng(seed)
    heat = rng.uniform(0, 1, (len(layout.skeleton), *size)).round(rng.integers(1, 4)).astype(F)
    angle = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.6, (len(layout.limbs), 1, *size))
    fields = np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype(F)
    return heat, fields


@pytest.mark.parametrize("layout", [COCO, BODY_25], ids=lambda layout: layout.skeleton.name)
@pytest.mark.parametrize("seed", range(4))
def test_the_batched_decoder_agrees_exactly_with_plain_loops(seed, layout):
    heat, fields = noisy_maps(seed, layout)
    peaks = find_peaks(torch.from_numpy(heat), 0.6, 6)
    plain = plain_peaks(heat, 0.6, 6)
    assert peaks.count.tolist() == [len(one) for one in plain]
    for joint, one in enumerate(plain):
        found = torch.cat([peaks.xy[joint], peaks.score[joint, :, None]], -1)[: len(one)].numpy()
        np.testing.assert_array_equal(found, np.array(one, F).reshape(-1, 3))
    scores = limb_scores(peaks, torch.from_numpy(fields), layout.limbs, LIMITS).numpy()
    expected = np.zeros_like(scores)
    for limb, (a, b) in enumerate(layout.limbs):
        for i, start in enumerate(plain[a]):
            for j, end in enumerate(plain[b]):
                expected[limb, i, j] = plain_limb(start[:2], end[:2], fields[limb], LIMITS)
    np.testing.assert_array_equal(scores, expected)
    assert (scores > 0).sum() > 20
    people = as_sets(assemble(scores, layout.limbs, len(layout.skeleton)))
    oracle = plain_people(scores, layout.limbs)
    assert people.keys() == oracle.keys()
    for parts, (count, affinity) in oracle.items():
        assert people[parts][0] == count
        assert people[parts][1] == pytest.approx(affinity, abs=1e-12)


# Peaks.


def test_peaks_between_the_cells():
    """The top of a wide bell, wherever it lies, within a twentieth of a cell."""
    y, x = np.mgrid[:20, :30]
    for cx, cy in np.random.default_rng(0).uniform(4, 15, (20, 2)):
        heat = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 2.5**2)).astype(F)
        peaks = find_peaks(torch.from_numpy(heat)[None], 0.1, 5)
        assert peaks.count.tolist() == [1]
        np.testing.assert_allclose(peaks.xy[0, 0], (cx, cy), atol=0.05)


def test_a_plateau_is_one_peak_and_a_flat_map_has_at_most_one():
    heat = torch.zeros(2, 8, 8)
    heat[0, 2:4, 3:6] = 0.7
    heat[1] = 0.5
    assert find_peaks(heat, 0.1, 5).count.tolist() == [1, 1]
    assert find_peaks(heat, 0.7, 5).count.tolist() == [0, 0]


def test_only_the_highest_peaks_are_kept():
    heat = torch.zeros(1, 3, 40)
    heat[0, 1, ::4] = torch.linspace(0.1, 1, 10)
    peaks = find_peaks(heat, 0.05, 3)
    np.testing.assert_allclose(peaks.score[0], [1, 0.9, 0.8], atol=1e-6)


def test_no_peaks_at_all_and_values_that_are_no_numbers():
    peaks = find_peaks(torch.full((3, 5, 5), float("nan")), 0.1, 4)
    assert peaks.count.tolist() == [0, 0, 0]
    scores = limb_scores(peaks, torch.zeros(1, 2, 5, 5), [(0, 1)], LIMITS)
    assert assemble(scores.numpy(), [(0, 1)], 3) == []


# Matching and people.


def test_no_peak_is_in_two_limbs_of_one_kind():
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores = rng.uniform(-1, 1, (5, 7)).clip(0)
        pairs = match(scores)
        assert len({a for _, a, _ in pairs}) == len({b for *_, b in pairs}) == len(pairs)
        left = np.delete(np.delete(scores, [a for _, a, _ in pairs], 0), [b for *_, b in pairs], 1)
        assert not left.any()  # nothing that could still be a limb is left over


def test_a_person_never_has_two_of_one_joint_and_no_peak_is_in_two_people():
    rng = np.random.default_rng(2)
    for _ in range(50):
        scores = rng.uniform(-1, 1, (len(COCO.limbs), 4, 4)).clip(0)
        people = assemble(scores, COCO.limbs, 18)
        parts = [(j, p.parts[j]) for p in people for j in range(18) if p.parts[j] >= 0]
        assert len(set(parts)) == len(parts)


# COCO-18 in cells of the maps, facing the camera.
STANDING = np.array(
    [(12, 4), (12, 9), (8, 9), (5, 15), (4, 22), (16, 9), (19, 15), (20, 22), (10, 24)]
    + [(9, 33), (9, 42), (14, 24), (15, 33), (15, 42), (11, 3), (13, 3), (9, 4), (15, 4)]
)


def drawn(people, layout, size):
    """Maps as the networks are trained to give them, of people (N,K,2)."""
    y, x = np.mgrid[: size[0], : size[1]]
    heat = np.zeros((len(layout.skeleton), *size), F)
    fields = np.zeros((len(layout.limbs), 2, *size), F)
    for person in people:
        for joint, (cx, cy) in enumerate(person):
            bell = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 2)
            heat[joint] = np.maximum(heat[joint], bell)
        for limb, (a, b) in enumerate(layout.limbs):
            way = person[b] - person[a]
            length = np.linalg.norm(way)
            unit = way / length
            along = (x - person[a, 0]) * unit[0] + (y - person[a, 1]) * unit[1]
            across = abs((x - person[a, 0]) * unit[1] - (y - person[a, 1]) * unit[0])
            fields[limb][:, (along > -1) & (along < length + 1) & (across < 1.2)] = unit[:, None]
    return torch.from_numpy(heat), torch.from_numpy(fields)


@pytest.mark.parametrize("seed", range(6))
def test_drawn_people_come_back_each_whole(seed):
    """Three people side by side whose limbs cross those of their neighbours now and then."""
    rng = np.random.default_rng(seed)
    people = []
    for n in range(3):
        people.append(STANDING + rng.normal(0, 0.4, STANDING.shape) + (20 * n, rng.uniform(0, 3)))
    heat, fields = drawn(people, COCO, (52, 72))
    peaks = find_peaks(heat, 0.1, 20)
    found = assemble(limb_scores(peaks, fields, COCO.limbs, LIMITS).numpy(), COCO.limbs, 18)
    whole = [p for p in found if (p.parts >= 0).all()]
    assert len(found) == len(whole) == 3
    for person in whole:
        xy = peaks.xy[np.arange(18), person.parts].numpy()
        assert min(np.abs(xy - truth).max() for truth in people) < 0.6
        assert person.limbs == len(COCO.limbs)


@pytest.mark.parametrize("layout", [COCO, BODY_25], ids=lambda layout: layout.skeleton.name)
def test_layouts_use_every_field_once_and_reach_every_joint(layout):
    assert sorted(layout.fields) == list(range(len(layout.limbs)))
    reached = {0}
    for _ in layout.limbs:
        reached |= {end for limb in layout.limbs if set(limb) & reached for end in limb}
    assert reached == set(range(len(layout.skeleton)))
