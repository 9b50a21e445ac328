"""Laws of augmentation: joints, masks and pixels move together."""

import cv2
import numpy as np
import pytest

from pose_ros.human.training.augment import (
    AugmentConfig,
    augmented,
    blurred,
    compressed,
    flipped,
    grained,
    occluded,
    recoloured,
    warped,
)
from pose_ros.human.training.pictures import TrainingPicture
from pose_ros.skeleton import COCO_17

OFF = AugmentConfig(0, 0, 0, 0, 0, 0)


def dotted(seed: int = 0, width: int = 120, height: int = 90) -> TrainingPicture:
    """Two people whose joints are white dots on black, in a field of pixels of their own."""
    rng = np.random.default_rng(seed)
    xy = np.stack([rng.uniform((12, 12), (50, 75), (17, 2)), rng.uniform((66, 12), (105, 75), (17, 2))])
    owner = np.zeros((height, width), np.uint8)
    owner[8:80, 8:55], owner[8:80, 62:110] = 1, 2
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    away = np.hypot(x - xy[..., 0, None, None], y - xy[..., 1, None, None]).min((0, 1))
    rgb = np.repeat((255 * np.exp(-((away / 1.5) ** 2) / 2))[..., None], 3, axis=-1).astype(np.uint8)
    return TrainingPicture.of(rgb, xy, rng.random((2, 17)) < 0.8, owner)


def nobody() -> tuple[np.ndarray, ...]:
    return np.zeros((0, 17, 2)), np.zeros((0, 17), bool), np.zeros((0, 17), bool)


def brightness(picture: TrainingPicture) -> np.ndarray:
    """Of the picture at every labelled joint, between pixels."""
    at = picture.xy[picture.labelled].astype(np.float32)
    grey = picture.rgb[..., 0].astype(np.float32)
    return cv2.remap(grey, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0]


def own_share(picture: TrainingPicture) -> float:
    """Share of labelled joints on a pixel of their own person."""
    at = np.rint(picture.xy).astype(int)
    hits = [
        picture.owner[v, u] == n + 1
        for n, (joints, known) in enumerate(zip(at, picture.labelled, strict=True))
        for u, v in joints[known]
    ]
    return float(np.mean(hits))


def same(one: TrainingPicture, other: TrainingPicture) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_two_flips_are_none():
    made = dotted()
    twice = flipped(flipped(made))
    np.testing.assert_allclose(twice.xy, made.xy)
    assert same(TrainingPicture(**vars(twice) | {"xy": made.xy}), made)
    assert not np.array_equal(flipped(made).rgb, made.rgb)


def test_a_flip_swaps_left_and_right():
    made = dotted()
    mirror = flipped(made)
    assert brightness(mirror).min() > 200
    assert own_share(mirror) == 1
    for left, right in COCO_17.mirror_pairs:
        (a, b), width = COCO_17.indices(left, right), made.owner.shape[1]
        np.testing.assert_allclose(mirror.xy[:, a, 0], width - 1 - made.xy[:, b, 0])
        np.testing.assert_allclose(mirror.xy[:, b, 1], made.xy[:, a, 1])
        np.testing.assert_array_equal(mirror.visible[:, a], made.visible[:, b])
    nose = COCO_17.index("nose")
    np.testing.assert_allclose(mirror.xy[:, nose, 1], made.xy[:, nose, 1])


@pytest.mark.parametrize("seed", range(4))
def test_an_affine_map_moves_joints_as_it_moves_pixels(seed):
    rng, made = np.random.default_rng(seed), dotted(seed)
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.9, 2.0)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, np.array([80, 70]) - turn @ [60, 45]])
    moved = warped(made, matrix, (160, 140))
    assert moved.rgb.shape == (140, 160, 3)
    assert moved.labelled.sum() > 10
    assert brightness(moved).min() > 180
    assert own_share(moved) > 0.97  # the nearest pixel at an outline may be another's
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    np.testing.assert_allclose(moved.xy @ back[:, :2].T + back[:, 2], made.xy, atol=1e-9)


@pytest.mark.parametrize("shrink", [1.5, 2, 3, 4.6])
def test_shrinking_keeps_pixels_under_joints(shrink):
    """Averaging over areas before the map may not shift the picture by a part of a pixel."""
    x, y = np.meshgrid(np.arange(125), np.arange(125))
    rgb = np.stack([2 * x, 2 * y, x], -1).astype(np.uint8)  # even: no mean of pixels is rounded
    ramp = TrainingPicture(rgb, *nobody(), np.zeros((125, 125), np.uint8))
    moved = warped(ramp, np.array([[1 / shrink, 0, 3.0], [0, 1 / shrink, 2.0]]), (90, 90))
    last = int(118 / shrink)
    u, v = np.meshgrid(np.arange(6, last), np.arange(6, last))
    error = moved.rgb[v, u, :2] / 2 - np.stack([(u - 3) * shrink, (v - 2) * shrink], -1)
    assert np.abs(error).max() < 0.6
    assert abs(error.mean()) < 0.2  # px of the large picture


def test_what_leaves_the_picture_is_no_longer_labelled():
    made = dotted()
    moved = warped(made, np.array([[1.0, 0, -60], [0, 1, 0]]), (60, 90), fill=(9, 8, 7))
    assert not moved.labelled[0].any()
    assert moved.labelled[1].any()
    assert not (moved.visible & ~moved.labelled).any()
    assert np.isnan(moved.box_xyxy[0]).all()
    beyond = warped(made, np.array([[1.0, 0, 30], [0, 1, 0]]), (150, 90), fill=(9, 8, 7))
    assert (beyond.rgb[:, :29] == (9, 8, 7)).all()
    assert not beyond.owner[:, :29].any()


def test_what_was_not_labelled_does_not_become_so():
    made = dotted()
    unknown = TrainingPicture(
        **vars(made) | {"labelled": made.labelled & False, "visible": made.visible & False}
    )
    assert not warped(unknown, np.eye(2, 3), (120, 90)).labelled.any()
    np.testing.assert_array_equal(warped(made, np.eye(2, 3), (120, 90)).rgb, made.rgb)


@pytest.mark.parametrize("seed", range(5))
def test_occluders_hide_joints_and_pixels_alike(seed):
    made = dotted(seed)
    covered = occluded(made, np.random.default_rng(seed))
    np.testing.assert_array_equal(covered.xy, made.xy)
    np.testing.assert_array_equal(covered.labelled, made.labelled)
    assert set(np.unique(covered.owner[covered.owner != made.owner])) <= {0}
    changed = (covered.rgb != made.rgb).any(-1)
    assert changed.any()
    at = np.rint(made.xy).astype(int)
    on_own = covered.owner[at[..., 1], at[..., 0]] > 0
    np.testing.assert_array_equal(covered.visible, made.visible & on_own)
    assert not (changed & (covered.owner > 0)).any()
    assert covered.mask.sum() > 0.3 * made.mask.sum()


def test_occluders_without_people():
    rgb = np.zeros((30, 40, 3), np.uint8)
    empty = TrainingPicture(rgb, *nobody(), rgb[..., 0])
    assert len(augmented(empty, np.random.default_rng(0), AugmentConfig(1, 1, 1, 1, 1, 1))) == 0


@pytest.mark.parametrize("step", [recoloured, blurred, grained, compressed])
def test_colours_change_and_nothing_else(step):
    made = dotted()
    for seed in range(6):
        changed = step(made, np.random.default_rng(seed))
        assert changed.rgb.dtype == np.uint8
        assert changed.rgb.shape == made.rgb.shape
        assert same(changed.repainted(made.rgb), made)
    assert not np.array_equal(changed.rgb, made.rgb)


@pytest.mark.parametrize("step", [recoloured, blurred, grained, compressed, occluded, augmented])
def test_the_same_seed_gives_the_same_picture(step):
    made = dotted()
    one, again, other = (step(made, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert same(one, again)
    assert not same(one, other)


def test_nothing_is_done_by_chance_0():
    made = dotted()
    assert same(augmented(made, np.random.default_rng(1), OFF), made)
