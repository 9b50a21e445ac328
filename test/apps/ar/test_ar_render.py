"""Drawing: every pixel against a ray caster, hidden exactly where depth says so, untouched elsewhere."""

import numpy as np
import pytest
from ar_scene import (
    AMBIENT,
    CAMERA,
    CAMERAS,
    HEIGHT,
    WIDTH,
    at,
    blob,
    cast_picture,
    cast_rays,
    frame,
    placed,
    textured_box,
)

from pose_ros.apps.ar.colour import to_light, to_rgb
from pose_ros.apps.ar.light import Light
from pose_ros.apps.ar.render import RenderConfig, draw
from pose_ros.apps.ar.shapes import box
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp

CONFIG = RenderConfig()
FAR = RenderConfig(reach=0.0)


def changed(seen, picture):
    return (picture != seen.rgb).any(-1)


def white(mesh):
    return Mesh.plain(mesh.vertices, mesh.triangles, np.uint8([255, 255, 255]))


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_a_cube_lies_where_the_camera_projects_its_corners(camera):
    seen = frame(camera)
    seen.rgb[:] = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        pose = at(rng.uniform(0.5, 1.2), rng.normal(size=3), *rng.uniform(-0.15, 0.15, 2))
        picture = draw(seen, [placed(white(box(0.2)), pose)], AMBIENT)
        rows, columns = np.nonzero(picture[..., 0] > 127)
        corners = camera.project(pose.apply(box(0.2).vertices))
        low, high = corners.min(0), corners.max(0)
        assert low.min() > 0
        np.testing.assert_allclose([columns.min(), rows.min()], low, atol=1)
        np.testing.assert_allclose([columns.max(), rows.max()], high, atol=1)


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("make", [blob, textured_box])
def test_colours_are_those_of_a_ray_caster(camera, make):
    """In perspective and through the lens; large triangles near the camera are the hard ones."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        mesh, pose = make(seed), at(rng.uniform(0.45, 0.9), rng.normal(size=3), *rng.uniform(-0.1, 0.1, 2))
        seen, across = frame(camera, 9.0, seed), 2 + seed % 2
        config = RenderConfig(samples=across)
        picture = draw(seen, [placed(mesh, pose)], AMBIENT, config)
        expected, hit = cast_picture(seen, mesh, pose, across)
        assert 0.05 < hit.mean() < 1
        whole, none = hit.all(2), ~hit.any(2)
        np.testing.assert_array_equal(picture[none][:, None].any(1), seen.rgb[none][:, None].any(1))
        error = np.abs(picture.astype(int) - expected).max(-1)
        # Neighbours have colours of their own: samples on their edges may fall to either.
        assert (error[whole] <= 3).mean() > 0.93
        assert np.median(error[whole]) <= 1
        assert (error[~whole & ~none] <= 16).mean() > 0.85


def test_light_is_lamberts():
    light = Light(np.array([-0.6, -0.48, -0.64]), np.array([0.2, 0.25, 0.3]), np.array([0.7, 0.6, 0.5]))
    seen, mesh, pose = frame(depth=9.0), box(0.3), at(0.9, (0.5, 0.7, 0.2))
    picture = draw(seen, [placed(mesh, pose)], light)
    expected, hit = cast_picture(seen, mesh, pose, 2, light)
    error = np.abs(picture.astype(int) - expected).max(-1)[hit.all(2)]
    assert (error <= 1).mean() > 0.99
    assert len(np.unique(picture[hit.all(2)], axis=0)) >= 3


def test_edges_are_covered_in_part():
    """A white square on black: the light of all pixels is its area."""
    seen = frame()
    seen.rgb[:] = 0
    corners = np.array([[-0.1, -0.1, 0], [0.1, -0.1, 0], [0.1, 0.1, 0], [-0.1, 0.1, 0.0]])
    square = Mesh.plain(corners, np.array([[0, 2, 1], [0, 3, 2]]), np.uint8([255, 255, 255]))
    for seed in range(5):
        pose = at(0.8, (0, 0, np.random.default_rng(seed).uniform(0, 1)))
        picture = draw(seen, [placed(square, pose)], AMBIENT, RenderConfig(samples=4))
        area = 0.2**2 * CAMERA.fx * CAMERA.fy / 0.8**2
        assert to_light(picture)[..., 0].sum() == pytest.approx(area, rel=0.005)
        assert 50 < ((picture > 0) & (picture < 255)).all(-1).sum() < 300


def test_a_wall_before_its_half_hides_exactly_that_half():
    depth = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    depth[:, :80] = 0.6
    for mesh in (blob(1), textured_box(1)):
        thing = placed(mesh, at(1.0))
        alone, halved = draw(frame(), [thing], AMBIENT), draw(frame(depth=depth), [thing], AMBIENT)
        assert changed(frame(), alone)[:, :80].sum() > 200
        np.testing.assert_array_equal(halved[:, :80], frame().rgb[:, :80])
        np.testing.assert_array_equal(halved[:, 80:], alone[:, 80:])


def test_what_is_real_cuts_through_what_is_virtual():
    """A tilted wall through a blob: seen is what the ray caster has before the wall."""
    mesh, pose = blob(2), at(1.0, (0.3, 0.2, 0))
    wall = np.broadcast_to(np.linspace(0.7, 1.1, WIDTH, dtype=np.float32), (HEIGHT, WIDTH))
    picture = draw(frame(depth=wall), [placed(mesh, pose)], AMBIENT)
    alone = draw(frame(), [placed(mesh, pose)], AMBIENT)
    _, _, depth = cast_rays(mesh, pose, CAMERA, 1)
    gap = wall - depth[..., 0]
    band = CONFIG.noise * CONFIG.soft * wall**2
    inner = np.isfinite(depth[..., 0])
    inner = (
        inner & np.roll(inner, 1, 0) & np.roll(inner, -1, 0) & np.roll(inner, 1, 1) & np.roll(inner, -1, 1)
    )
    before, behind = inner & (gap > 0.02), inner & (gap < -band - 0.02)
    assert before.sum() > 200
    assert behind.sum() > 200
    np.testing.assert_array_equal(picture[before], alone[before])
    np.testing.assert_array_equal(picture[behind], frame().rgb[behind])


def test_what_is_a_little_behind_fades_by_the_noise_of_depth():
    """The band grows with the square of the distance."""
    seen = frame()
    seen.rgb[:] = 0
    for distance in (0.5, 1.0, 2.0):
        band = CONFIG.noise * CONFIG.soft * distance**2
        plate = white(box(distance))
        light = []
        for behind in (0.0, 0.25, 0.5, 0.75, 1.0):
            # The real surface is nearer than the plate's front by that share of the band.
            pose = at(distance + distance / 2 + behind * band)
            depth = np.full((HEIGHT, WIDTH), distance, np.float32)
            picture = draw(frame(depth=depth), [placed(plate, pose)], AMBIENT)
            black = draw(type(seen)(seen.rgb, depth, CAMERA, 0, "camera"), [placed(plate, pose)], AMBIENT)
            light.append(float(to_light(black)[HEIGHT // 2, WIDTH // 2, 0]))
            assert picture.shape == black.shape
        np.testing.assert_allclose(light, [1, 0.75, 0.5, 0.25, 0], atol=0.02)


def test_tolerance_lets_what_is_a_little_nearer_not_hide_it():
    thing = lambda tolerance: placed(box(0.2), at(1.0), tolerance=tolerance)  # noqa: E731
    seen = frame(depth=0.85)  # 5 cm before the cube's front
    assert not changed(seen, draw(seen, [thing(0.0)], AMBIENT)).any()
    np.testing.assert_array_equal(draw(seen, [thing(0.06)], AMBIENT), draw(frame(), [thing(0.06)], AMBIENT))


def test_what_replaces_something_is_not_hidden_by_it_but_by_others():
    """The real thing bulges 4 cm out of its replacement; a hand is before both."""
    depth = np.full((HEIGHT, WIDTH), 0.88, np.float32)
    depth[:50] = 0.5
    bounds = box(0.2).bounds + [[-0.05], [0.05]]
    seen = frame(depth=depth)
    picture = draw(seen, [placed(box(0.2), at(1.0), replaced=bounds)], AMBIENT)
    alone = draw(frame(), [placed(box(0.2), at(1.0))], AMBIENT)
    assert changed(frame(), alone)[:50].sum() > 100
    np.testing.assert_array_equal(picture[:50], seen.rgb[:50])
    np.testing.assert_array_equal(picture[50:], alone[50:])
    assert not changed(seen, draw(seen, [placed(box(0.2), at(1.0))], AMBIENT)).any()


def test_unknown_depth_is_the_nearest_known_one_and_else_hides_nothing():
    thing = placed(box(0.3), at(1.0))
    depth = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    everything = draw(frame(), [thing], AMBIENT)
    np.testing.assert_array_equal(draw(frame(depth=depth), [thing], AMBIENT), everything)
    depth[:, :60] = 0.5  # a wall, and then 100 columns of nothing
    picture = draw(frame(depth=depth), [thing], AMBIENT, RenderConfig(reach=10.0))
    hidden = ~changed(frame(), picture) & changed(frame(), everything)
    assert hidden[:, 60:69].sum() > 100
    np.testing.assert_array_equal(picture[:, 71:], everything[:, 71:])
    np.testing.assert_array_equal(picture[:, :69], frame().rgb[:, :69])
    zero = np.nan_to_num(depth)  # zeros are no depth, either
    np.testing.assert_array_equal(
        draw(frame(depth=zero), [thing], AMBIENT, RenderConfig(reach=10.0)), picture
    )


def test_of_two_neighbours_the_nearer_known_depth_counts_pixel_by_pixel():
    depth = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    depth[40:80, 60:80] = 0.5
    depth[40:80, 78:84] = np.nan  # between the near thing and the wall
    picture = draw(frame(depth=depth), [placed(box(0.3), at(1.0))], AMBIENT)
    drawn = changed(frame(), picture)
    assert not drawn[45:75, 60:80].any()
    assert drawn[45:75, 81:90].mean() > 0.9


def test_single_wrong_pixels_of_depth_hide_nothing_and_show_nothing():
    thing, rng = placed(box(0.3), at(1.0)), np.random.default_rng(0)
    for wall, wrong in ((3.0, 0.4), (0.4, 3.0)):
        depth = np.full((HEIGHT, WIDTH), wall, np.float32)
        depth[rng.integers(0, HEIGHT // 4, 60) * 4 + 1, rng.integers(0, WIDTH // 4, 60) * 4 + 1] = wrong
        np.testing.assert_array_equal(
            draw(frame(depth=depth), [thing], AMBIENT), draw(frame(depth=wall), [thing], AMBIENT)
        )


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_what_crosses_the_near_plane_is_cut_there(camera):
    """A long bar from behind the camera to far before it; the ray caster has it from the near plane on."""
    bar = Mesh.plain(box(1.0).vertices * [0.08, 0.08, 4.0], box(1.0).triangles, box(1.0).corner_rgb)
    pose = RigidTransform(rotation_exp(np.array([0.0, 0.15, 0])), np.array([-0.1, 0.12, 0.5]))
    picture = draw(frame(camera, 9.0), [placed(bar, pose)], AMBIENT)
    expected, hit = cast_picture(frame(camera, 9.0), bar, pose, 2)
    _, _, depth = cast_rays(bar, pose, camera, 2)
    before = (depth > 0.11).all(2)
    assert (hit.all(2) & before).sum() > 300
    error = np.abs(picture.astype(int) - expected).max(-1)[before]
    assert (error <= 2).mean() > 0.985


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize(
    "pose",
    [at(-1.0), at(0.0), at(-0.2, (1, 2, 3)), at(1.0, x=30), at(1.0, y=-30), at(1e6)],
    ids=["behind", "in the lens", "turned behind", "to the right", "above", "endlessly far"],
)
def test_what_cannot_be_seen_changes_no_byte(camera, pose):
    seen = frame(camera)
    small = Mesh.plain(box(0.1).vertices, box(0.1).triangles)
    np.testing.assert_array_equal(draw(seen, [placed(small, pose)], AMBIENT), seen.rgb)


def test_nothing_to_draw_gives_the_picture_itself():
    seen = frame()
    before = seen.rgb.copy()
    np.testing.assert_array_equal(draw(seen, [], AMBIENT), before)
    picture = draw(seen, [placed(box(0.2), at(1.0))], AMBIENT)
    np.testing.assert_array_equal(seen.rgb, before)  # the frame is not drawn upon
    assert changed(seen, picture).sum() > 500


def test_virtual_things_hide_each_other():
    near, far = placed(box(0.2), at(0.8)), placed(blob(0), at(1.4))
    seen = frame()
    both = draw(seen, [far, near], AMBIENT)
    np.testing.assert_array_equal(both, draw(seen, [near, far], AMBIENT))
    cover = changed(frame(seed=1), draw(frame(seed=1), [near], AMBIENT)) & changed(
        seen, draw(seen, [near], AMBIENT)
    )
    inner = (
        cover & np.roll(cover, 1, 0) & np.roll(cover, -1, 0) & np.roll(cover, 1, 1) & np.roll(cover, -1, 1)
    )
    np.testing.assert_array_equal(both[inner], draw(seen, [near], AMBIENT)[inner])
    assert (both != draw(seen, [near], AMBIENT)).any()
    assert (both != draw(seen, [far], AMBIENT)).any()


def test_textured_and_plain_things_may_overlap():
    a, b = placed(textured_box(3), at(1.2, (0.4, 0.5, 0))), placed(box(0.2), at(0.7, x=0.1))
    both, seen = draw(frame(), [a, b], AMBIENT), frame()
    first, second = draw(seen, [a], AMBIENT), draw(seen, [b], AMBIENT)
    only_a = (first != seen.rgb).any(-1) & ~changed(seen, second)
    np.testing.assert_array_equal(both[only_a], first[only_a])


def test_an_open_surface_is_seen_from_both_sides():
    corners = np.array([[-0.1, -0.1, 0], [0.1, -0.1, 0], [0.0, 0.1, 0]])
    flat = Mesh.plain(corners, np.array([[0, 1, 2]]), np.uint8([250, 10, 10]))
    for turn in (0.0, np.pi):
        assert changed(frame(), draw(frame(), [placed(flat, at(0.8, (0, turn, 0)))], AMBIENT)).sum() > 300


def test_light_is_stored_by_a_curve_that_is_its_own_inverse():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_rgb(to_light(every)), every)
    assert to_rgb(np.array([-1.0, 2.0])).tolist() == [0, 255]
    assert to_light(np.uint8(188)) == pytest.approx(0.5, abs=0.005)  # sRGB's middle
