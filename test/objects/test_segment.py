"""Things are found from depth alone: on tables of any height and tilt, leaning, stacked, in bins, real."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
from tabletop import CAMERA, box, can, look, open_bin, overlap, picture, scattered, table

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import rasterize
from pose_ros.objects.segment import SegmentConfig, Segmenter
from pose_ros.types import RGBDFrame

SEEDS = range(4)


def frame_of(depth, camera=CAMERA) -> RGBDFrame:
    depth = np.asarray(depth, np.float32)
    return RGBDFrame(np.zeros((*depth.shape, 3), np.uint8), depth, camera, 0, "camera")


def overlaps(shown) -> np.ndarray:
    found = Segmenter()(shown.frame)
    return np.array([overlap(mask, found.mask) for mask in shown.masks])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noisy", [False, True])
def test_scattered_things_on_a_table_seen_askew(seed, noisy):
    rng = np.random.default_rng(seed)
    pose = look(rng.uniform(0.7, 1.1), rng.uniform(30, 65), rng.uniform(-40, 40), rng.uniform(-20, 20))
    shown = picture(scattered(rng, 7), [table()], pose, rng if noisy else None)
    assert len(shown.masks) >= 4
    found = overlaps(shown)
    assert found.min() > 0.7, found
    assert found.mean() > 0.87, found


@pytest.mark.parametrize("seed", SEEDS)
def test_two_tables_a_floor_and_a_wall(seed):
    rng = np.random.default_rng(seed)
    lower = [
        dataclasses.replace(thing, centre=thing.centre + [0.55, 0, -0.2])
        for thing in scattered(rng, 4, spread=0.2)
    ]
    scenery = [
        table(0, 0.55, 0.6),
        table(-0.2, 0.6, 0.6, 0.58),
        box(0, 1.0, -1, (4, 0.1, 3)),
        box(0, 0, -0.8, (6, 6, 0.05)),
    ]
    things = scattered(rng, 4, spread=0.2) + lower
    pose = look(1.3, 40, rng.uniform(-10, 10), at=(0.25, 0, 0))
    found = overlaps(picture(things, scenery, pose, rng))
    assert len(found) >= 5
    assert np.mean(found > 0.7) >= 0.85, found


@pytest.mark.parametrize("seed", SEEDS)
def test_touching_things_come_apart_and_together(seed):
    rng = np.random.default_rng(seed)
    things = [box(0, 0, 0, (0.08, 0.1, 0.12)), box(0.075, 0, 0, (0.07, 0.06, 0.05))]
    things += [can(-0.085, -0.01, 0, 0.09, 0.08)]
    pose = look(0.8, rng.uniform(30, 60), yaw=rng.uniform(-25, 25))
    shown = picture(things, [table()], pose, rng)
    found = Segmenter()(shown.frame)
    apart = [overlap(mask, found.mask) for mask in shown.masks]
    assert len(apart) == 3
    assert min(apart) > 0.75, apart
    assert overlap(shown.masks.any(0), found.mask) > 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_stacked_things(seed):
    rng = np.random.default_rng(seed)
    things = [box(0, 0, 0, (0.2, 0.15, 0.08), 0.2), box(0.02, 0, 0.08, (0.1, 0.08, 0.06), 0.5)]
    things += [can(0.02, 0, 0.14, 0.06, 0.08)]
    pose = look(0.8, rng.uniform(30, 55), yaw=rng.uniform(-25, 25))
    found = overlaps(picture(things, [table()], pose, rng))
    assert len(found) == 3
    assert found.min() > 0.65, found


@pytest.mark.parametrize("seed", SEEDS)
def test_things_in_a_bin(seed):
    rng = np.random.default_rng(seed)
    things = scattered(rng, 5, spread=0.12, apart=0.005)
    found = overlaps(picture(things, open_bin(), look(0.8, rng.uniform(55, 85)), rng))
    assert len(found) >= 2
    assert found.mean() > 0.75, found


@pytest.mark.parametrize(("height", "distance"), [(0.02, 0.6), (0.02, 0.9), (0.03, 1.2)])
@pytest.mark.parametrize("seed", SEEDS)
def test_low_things_are_kept(height, distance, seed):
    rng = np.random.default_rng(seed)
    shown = picture([box(0, 0, 0, (0.09, 0.075, height), 0.4)], [table()], look(distance, 50), rng)
    assert overlaps(shown).min() > 0.7


def test_the_top_of_a_large_box_is_no_table():
    shown = picture([box(0, 0, 0, (0.3, 0.22, 0.12), 0.3)], [table()], look(1.0, 60))
    assert overlaps(shown).min() > 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_tops_of_like_height_are_no_table(seed):
    rng = np.random.default_rng(seed)
    things = [
        box(x, y, 0, (0.1, 0.08, 0.03), rng.uniform(0, 3)) for x, y in ((-0.2, 0), (0, 0.08), (0.1, -0.12))
    ]
    shown = picture(things, [table(0, 3, 3)], look(0.8, 60), rng)
    found = Segmenter()(shown.frame)
    for mask in shown.masks:
        shared = (found.mask & mask).sum((1, 2)) / (found.mask | mask).sum((1, 2))
        assert shared.max() > 0.8
        assert found.score[shared.argmax()] > 0.6


def test_a_thing_as_high_as_a_board_elsewhere_is_no_part_of_it():
    scenery = [table(0, 3, 3), box(-0.35, 0, 0, (0.5, 0.6, 0.03))]
    shown = picture(
        [box(0.25, 0, 0, (0.1, 0.08, 0.03), 0.3)], scenery, look(1.0, 60), np.random.default_rng(0)
    )
    found = Segmenter()(shown.frame)
    shared = (found.mask & shown.masks[0]).sum((1, 2)) / (found.mask | shown.masks[0]).sum((1, 2))
    assert shared.max() > 0.8
    assert found.score[shared.argmax()] > 0.7


def test_what_is_seen_through_a_thing_is_not_the_thing():
    frame = [box(x, 0, 0.03, (0.03, 0.03, 0.06)) for x in (-0.035, 0.035)]
    frame += [box(0, 0, z, (0.1, 0.03, 0.03)) for z in (0, 0.09)]
    shown = picture(frame, [table(0, 3, 3)], look(0.6, 25))
    whole = shown.masks.any(0)
    found = Segmenter()(shown.frame)
    shared = (found.mask & whole).sum((1, 2)) / (found.mask | whole).sum((1, 2))
    best = found.mask[shared.argmax()]
    assert shared.max() > 0.8
    rows, columns = np.nonzero(whole)
    v, u = round((rows.min() + rows.max()) / 2), round((columns.min() + columns.max()) / 2)
    assert not whole[v - 8 : v + 9, u - 8 : u + 9].any()
    assert not best[v - 8 : v + 9, u - 8 : u + 9].any()


def hollow_cup(radius, height, foot, wall=0.003) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of an open cup or bowl that stands on its `foot`, a radius, on z = 0."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    rings = [(foot, 0), (radius, height), (radius - wall, height), (foot - wall, wall), (0, wall)]
    points = [np.stack([r * np.cos(turn), r * np.sin(turn), np.full(60, z)], axis=1) for r, z in rings]
    triangles = []
    for ring in range(len(rings) - 1):
        for k in range(60):
            a, b = 60 * ring + k, 60 * ring + (k + 1) % 60
            triangles += [(a, b, b + 60), (a, b + 60, a + 60)]
    return np.concatenate(points), np.array(triangles)


@pytest.mark.parametrize("shape", [(0.045, 0.09, 0.045), (0.08, 0.055, 0.045)], ids=["cup", "bowl"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_inside_of_a_cup_belongs_to_it(seed, shape):
    rng = np.random.default_rng(seed)
    pose = look(0.7, rng.uniform(35, 55), rng.uniform(-10, 10), rng.uniform(-180, 180))
    empty = picture([], [table(0, 3, 3)], pose)
    vertices, triangles = hollow_cup(*shape)
    seen = pose.inverse().apply(vertices)
    hits = rasterize(CAMERA.project(seen), seen[:, 2], triangles, 480, 640)
    depth = empty.frame.depth.copy().ravel()
    depth[hits.pixel] = hits.depth
    mask = np.zeros(480 * 640, bool)
    mask[hits.pixel] = True
    depth = depth + rng.normal(0, 0.0005, depth.shape).astype(np.float32)
    found = Segmenter()(frame_of(depth.reshape(480, 640)))
    assert mask.sum() > 5000
    assert overlap(mask.reshape(480, 640), found.mask) > 0.85


@pytest.mark.parametrize("size", [(320, 240), (848, 480), (1280, 720)])
def test_any_resolution(size):
    width, height = size
    camera = PinholeCamera(0.9 * width, 0.9 * width, width / 2 - 0.5, height / 2 - 0.5, width, height)
    rng = np.random.default_rng(5)
    things = [box(-0.1, 0, 0, (0.1, 0.07, 0.1), 0.5), can(0.1, 0.02, 0, 0.08, 0.12)]
    shown = picture(things, [table()], look(0.9, 45), rng, camera)
    found = overlaps(shown)
    assert len(found) == 2
    assert found.min() > 0.8, found


def test_what_the_border_cuts_is_kept_with_a_lower_score():
    things = [box(0, 0, 0, (0.1, 0.1, 0.1), 0.4), box(-0.29, 0, 0, (0.12, 0.1, 0.1), 0.0)]
    shown = picture(things, [table()], look(0.6, 45))
    assert shown.masks[1][:, 0].any()
    found = Segmenter()(shown.frame)
    scores = []
    for mask in shown.masks:
        both, either = (found.mask & mask).sum((1, 2)), (found.mask | mask).sum((1, 2))
        assert (both / either).max() > 0.8
        scores.append(found.score[(both / either).argmax()])
    assert scores[1] < scores[0] - 0.1, scores


def test_holes_in_depth_are_filled():
    shown = picture([can(0, 0, 0, 0.12, 0.12)], [table()], look(0.7, 30))
    rows, columns = np.nonzero(shown.masks[0])
    v, u = int(rows.mean()), int(columns.mean())
    depth = shown.frame.depth.copy()
    depth[v - 4 : v + 5, u - 4 : u + 5] = np.nan
    depth[v + 20 : v + 24, u - 20 : u + 21] = np.nan
    found = Segmenter()(frame_of(depth))
    best = found.mask[np.argmax((found.mask & shown.masks[0]).sum((1, 2)))]
    assert best[v - 4 : v + 5, u - 4 : u + 5].all()
    assert best[v + 20 : v + 24, u - 20 : u + 21].all()


def test_scores_and_masks_are_well_formed():
    rng = np.random.default_rng(3)
    found = Segmenter()(picture(scattered(rng, 6), [table()], look(), rng).frame)
    assert (np.diff(found.score) <= 0).all()
    assert found.score.min() >= 0
    assert found.score.max() <= 1
    assert found.mask.any((1, 2)).all()
    assert set(found.label) == {""}


def test_the_same_frame_gives_the_same_masks():
    rng = np.random.default_rng(3)
    frame = picture(scattered(rng, 6), [table()], look(), rng).frame
    first, second = Segmenter()(frame), Segmenter()(frame)
    assert (first.mask == second.mask).all()
    assert (first.score == second.score).all()


def test_size_limits():
    shown = picture([box(0, 0, 0, (0.3, 0.1, 0.1))], [table()], look(0.9, 50))
    for limits in ({"max_size": 0.2}, {"min_size": 0.4}):
        found = Segmenter(SegmentConfig(**limits))(shown.frame)
        assert overlap(shown.masks[0], found.mask) < 0.7


def wall(slope=0.0) -> np.ndarray:
    return (1.2 + slope * CAMERA.ray_grid[..., 0]).astype(np.float32)


@pytest.mark.parametrize(
    "depth",
    [
        np.full((480, 640), np.nan),
        np.zeros((480, 640)),
        np.full((480, 640), np.inf),
        np.full((480, 640), 100.0),
        wall(),
        wall(0.4),
        np.minimum(wall(0.6), wall(-0.6)),  # a corner, seen from within
    ],
    ids=["nan", "zero", "infinite", "far", "wall", "slanted wall", "corner"],
)
def test_nothing_is_found_where_nothing_is(depth):
    assert len(Segmenter()(frame_of(depth))) == 0


def test_a_noisy_floor_and_wall_hold_nothing_that_scores():
    rng = np.random.default_rng(0)
    scenery = [box(0, 0, -0.1, (6, 6, 0.1)), box(0, 1.2, 0, (6, 0.1, 3))]
    found = Segmenter()(picture([], scenery, look(1.5, 25, at=(0, 0.5, 0.2)), rng).frame)
    assert found.score.max(initial=0) < 0.5


def test_a_few_pixels_of_depth_do_no_harm():
    depth = np.full((480, 640), np.nan)
    depth[200:203, 300:303] = 0.8
    depth[0, 0] = 0.5
    assert len(Segmenter()(frame_of(depth))) == 0


def test_a_picture_smaller_than_any_block():
    camera = PinholeCamera(5.0, 5.0, 2.0, 1.5, 5, 4)
    assert len(Segmenter()(frame_of(np.full((4, 5), 0.7), camera))) == 0


def _real(folder, name: str) -> RGBDFrame:
    camera = json.loads((folder / "scene_camera.json").read_text())[str(int(name))]
    fx, _, cx, _, fy, cy, *_ = camera["cam_K"]
    depth = cv2.imread(str(folder / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    depth = depth * (camera["depth_scale"] / 1000)
    height, width = depth.shape
    return frame_of(np.where(depth > 0, depth, np.nan), PinholeCamera(fx, fy, cx, cy, width, height))


@pytest.mark.parametrize("number", range(1, 11))
def test_real_box_mug_and_brick(data, number):
    folder = data / "ycbv" / "test" / "000000"
    truth = cv2.imread(str(folder / "label" / f"{number:06d}.png"), cv2.IMREAD_UNCHANGED)
    found = Segmenter()(_real(folder, f"{number:06d}"))
    scores = {name: overlap(truth == name, found.mask) for name in (8, 14, 21)}
    assert min(scores.values()) >= 0.85, scores


def test_real_cans_that_lean_on_each_other_come_apart_and_together(data):
    depth = cv2.imread(str(data / "ycbv" / "demo" / "000002-depth.png"), cv2.IMREAD_UNCHANGED) / 10000
    camera = PinholeCamera(1066.778, 1067.487, 312.9869, 241.3109, 640, 480)
    found = Segmenter()(frame_of(np.where(depth > 0, depth, np.nan), camera))
    coffee, soup = found.mask[:, 265, 375], found.mask[:, 308, 440]
    for chosen, least, most in (
        (coffee & ~soup, 11e3, 16e3),
        (soup & ~coffee, 7e3, 11e3),
        (coffee & soup, 19e3, 26e3),
    ):
        area = found.mask[chosen].sum((1, 2))
        assert ((area > least) & (area < most)).any(), area


@pytest.mark.parametrize("index", [0, 7, 19])
def test_real_people_do_no_harm(data, index):
    folder = data / "human_rgbd"
    numbers = json.loads((folder / "camera.json").read_text())
    camera = PinholeCamera(*(numbers[k] for k in ("fx", "fy", "cx", "cy", "width", "height")))
    file = sorted((folder / "depth").iterdir())[index]
    depth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) * numbers["depth_scale"]
    found = Segmenter(SegmentConfig(far=6.0))(frame_of(np.where(depth > 0, depth, np.nan), camera))
    assert len(found) <= SegmentConfig().max_candidates
