"""Planning: each filter takes what it should and says so; poses before and after; what is ranked how."""

from dataclasses import replace

import numpy as np
import pytest
from shapes_to_grasp import FEW, PANDA, grasps_of, in_box, known, standing

from pose_ros.apps.grasp.errors import GraspError
from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.onboard import onboard
from pose_ros.apps.grasp.plan import PlanConfig, Target, plan
from pose_ros.apps.grasp.scene import Plane, Scene, support_plane
from pose_ros.errors import ShapeError
from pose_ros.geometry.rigid import RigidTransform, rotation_exp

UP = np.array([0.0, 0, 1])
FLOOR = Plane(UP, 0.0)
BASE = RigidTransform.identity()
ALL = PlanConfig(ranked=1000, draws=2, least_chance=0.0)


def planned(name, scene=None, pose=None, config=ALL, **options):
    pose = pose or standing(known(name)[0])
    (found,) = plan(
        [Target(f"{name}_1", name, pose)], {name: grasps_of(name)}, scene, PANDA, config, **options
    )
    return found


def indices(found):
    return {grasp.index for grasp in found.grasps}


def patch(low, high, step=0.003):
    """(N,3) points on the faces' grid of a thin box."""
    axes = [np.arange(a, b + step / 2, step) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def test_without_surroundings_all_can_be_done_in_the_order_of_quality():
    grasps = grasps_of("block")
    found = planned("block")
    assert len(found.grasps) == found.candidates == len(grasps)
    assert [g.quality for g in found.grasps] == sorted((g.quality for g in found.grasps), reverse=True)
    assert all(g.probability == 1 and g.score == g.quality for g in found.grasps)
    pose = standing(known("block")[0])
    for g in found.grasps:
        tcp = pose @ RigidTransform(
            grasps.object_from_grasp.rotation[g.index], grasps.object_from_grasp.translation[g.index]
        )
        np.testing.assert_allclose(g.root_from_tcp.translation, tcp.translation)
        np.testing.assert_allclose(g.root_from_tcp.rotation, tcp.rotation)


def test_before_and_after_a_grasp():
    config = PlanConfig(standoff=0.07, lift=0.2)
    for g in planned("mug", Scene(up=UP), config=config).grasps:
        approach = g.root_from_tcp.rotation[:, 2]
        np.testing.assert_allclose(
            g.root_from_tcp.translation - g.root_from_pregrasp.translation, 0.07 * approach, atol=1e-12
        )
        np.testing.assert_allclose(g.root_from_lift.translation - g.root_from_tcp.translation, [0, 0, 0.2])
        np.testing.assert_array_equal(g.root_from_lift.rotation, g.root_from_tcp.rotation)
        np.testing.assert_array_equal(g.root_from_pregrasp.rotation, g.root_from_tcp.rotation)
        np.testing.assert_allclose(
            (g.root_from_link @ PANDA.link_from_tcp).translation, g.root_from_tcp.translation
        )
    back = planned("mug", config=config).grasps[0]  # nobody knows what is up: back the way it came
    way = back.root_from_lift.translation - back.root_from_tcp.translation
    np.testing.assert_allclose(way, -0.2 * back.root_from_tcp.rotation[:, 2])


def test_only_the_best_are_ranked_and_the_rest_is_counted():
    found = planned("block", config=PlanConfig(ranked=7, draws=2))
    assert len(found.grasps) == 7
    assert found.taken["are left aside, being less good"] == found.candidates - 7
    indices_ = [g.index for g in found.grasps]
    assert indices_ == sorted(indices_)
    assert set(range(4)) <= set(indices_)  # the best of all
    axes = np.array([g.root_from_tcp.rotation[:, 2] for g in found.grasps])
    assert (axes @ axes.T).min() < np.cos(np.radians(40))  # and others that are unlike them


@pytest.mark.parametrize("most", [20.0, 61.0, 100.0, 180.0])
def test_the_angle_of_approach(most):
    found = planned("block", Scene(up=UP), config=PlanConfig(ranked=1000, draws=2, approach_angle=most))
    pose, grasps = standing(known("block")[0]), grasps_of("block")
    down = -(pose @ grasps.object_from_grasp).rotation[:, 2, 2]
    expected = {
        n for n in range(len(grasps)) if np.degrees(np.arccos(np.clip(down[n], -1, 1))) <= most + 1e-9
    }
    assert indices(found) == expected
    assert found.taken["approach from below"] == len(grasps) - len(expected)


def test_reach_by_distance_and_by_whoever_knows_better():
    mesh = known("block")[0]
    near, far = PlanConfig(reach_most=0.4), PlanConfig(reach_least=0.7)
    for config in (near, far):
        found = planned("block", Scene(plane=FLOOR, up=UP), config=config, root_from_base=BASE)
        assert not found.grasps
        assert f"none of {len(grasps_of('block'))} grasps can be done" in found.reason
        assert "are out of reach" in found.reason
        assert sum(found.taken.values()) == found.candidates
    pose = standing(mesh)
    link = (pose @ grasps_of("block").object_from_grasp @ PANDA.link_from_tcp.inverse()).translation
    found = planned("block", reach=lambda links: links.translation[:, 0] < 0.5)
    assert indices(found) == set(np.flatnonzero(link[:, 0] < 0.5))
    assert found.taken["cannot be reached by the arm"] == (link[:, 0] >= 0.5).sum()


def test_the_hand_is_turned_so_that_x_points_away_from_the_base():
    pose = standing(known("block")[0], (0.4, 0.3, 0.0))
    found = planned("block", pose=pose, root_from_base=BASE)
    plain = {g.index: g for g in planned("block", pose=pose).grasps}
    turned = 0
    for g in found.grasps:
        assert g.root_from_tcp.rotation[:, 0] @ g.root_from_tcp.translation >= 0
        same = plain[g.index].root_from_tcp.rotation
        np.testing.assert_allclose(np.abs(same.T @ g.root_from_tcp.rotation), np.eye(3), atol=1e-9)
        turned += not np.allclose(same, g.root_from_tcp.rotation)
    assert 0 < turned < len(found.grasps)


def corners_of_hand(grasp, back):
    """Lowest corner's height of the open hand, `back` m before the grasp; boxes written down here."""
    g, half = PANDA, grasp.opening / 2
    places = []
    for x, y, z in (
        (g.pad_width / 2, half + g.finger_thickness, g.tip),
        (g.root_width / 2, half + g.root_thickness, g.tip - g.pad_length),
        (g.palm_width / 2, g.palm_span / 2, -g.palm),
        (g.palm_width / 2, g.palm_span / 2, -g.palm - g.palm_depth),
    ):
        places += [(sx * x, sy * y, z - back) for sx in (-1, 1) for sy in (-1, 1)]
    return min(grasp.root_from_tcp.apply(np.array(place))[2] for place in places)


def lowest(grasp):
    return min(corners_of_hand(grasp, back) for back in (0.0, 0.05, 0.1))


@pytest.mark.parametrize("name", ["block", "mug", "l_bracket", "frame"])
def test_the_support_takes_the_hands_that_dip_into_it_even_drawn_back(name):
    """Each hand that is left is free of the floor, where it was or drawn back on its approach with the
    contacts between the pads; each that is taken would dip in wherever it were drawn back to."""
    everything, grasps, pose = planned(name), grasps_of(name), standing(known(name)[0])
    config = replace(ALL, approach_angle=180.0)
    found = {g.index: g for g in planned(name, Scene(plane=FLOOR), config=config).grasps}
    drawn = 0
    for g in everything.grasps:
        contact = g.root_from_tcp.inverse().apply(pose.apply(grasps.contacts[g.index].mean(0)))[2]
        room = PANDA.tip - 0.0015 - contact
        if g.index in found:
            there = found[g.index]
            assert lowest(there) >= ALL.plane_clearance - 1e-9
            back = g.root_from_tcp.inverse().apply(there.root_from_tcp.translation)
            np.testing.assert_allclose(back[:2], 0, atol=1e-9)
            assert -room - 1e-9 <= back[2] <= 1e-9
            assert (back[2] < -1e-9) == (lowest(g) < ALL.plane_clearance)
            drawn += back[2] < -1e-9
            continue
        approach = g.root_from_tcp.rotation[:, 2]
        steep = -approach[2] > 0.3
        for share in (0.0, 0.5, 1.0) if steep and room > 0 else (0.0,):
            higher = RigidTransform(
                g.root_from_tcp.rotation, g.root_from_tcp.translation - share * room * approach
            )
            assert lowest(replace(g, root_from_tcp=higher)) < ALL.plane_clearance + 1e-6
    assert 0 < len(found) < len(everything.grasps)
    assert drawn > 0 or name != "frame"  # it lies flat, 15 mm high


@pytest.mark.parametrize("side", [-1, 1])
def test_a_wall_beside_the_object_takes_exactly_the_grasps_through_it(side):
    """A wall 4 cm beside a mug, as points: who goes is told by a plain loop over boxes and points."""
    mesh = known("mug")[0]
    pose = standing(mesh)
    edge = side * 0.04 + (mesh.bounds[1, 1] if side > 0 else mesh.bounds[0, 1])
    wall = patch((0.35, edge, 0.02), (0.65, edge, 0.2), step=0.006)
    before, after = planned("mug", pose=pose), planned("mug", Scene(wall), pose)
    widths = grasps_of("mug").width
    openings = {}
    for grasp in before.grasps:
        tight = min(grasp.opening, widths[grasp.index] + 2 * ALL.room)
        free = [opening for opening in (grasp.opening, tight) if not meets(wall, grasp, opening)]
        openings |= {grasp.index: free[0]} if free else {}
    assert 0 < len(openings) < len(before.grasps)
    assert {grasp.index: grasp.opening for grasp in after.grasps} == pytest.approx(openings)
    assert after.taken["meet something else"] == len(before.grasps) - len(openings)


def meets(points, grasp, opening):
    """Whether any of the points is in the way of the hand, there or on its straight way."""
    c, g, half = ALL.scene_clearance, PANDA, opening / 2
    wide, span = g.palm_width / 2 + c, g.palm_span / 2 + c
    there = grasp.root_from_tcp.inverse().apply(points)
    fingers = []
    for s in (-1, 1):
        for width, thick, top in (
            (g.pad_width, g.finger_thickness, g.tip),
            (g.root_width, g.root_thickness, g.tip - g.pad_length),
        ):
            y = sorted((s * (half - c / 2), s * (half + thick + c)))
            low, high = (-width / 2 - c, y[0], -g.palm - ALL.standoff), (width / 2 + c, y[1], top + c)
            fingers.append((low, high))
    palm = (-wide, -span, -g.palm - g.palm_depth - ALL.standoff), (wide, span, c - g.palm)
    return any(in_box(p, *solid) for p in there for solid in (palm, *fingers))


def test_points_of_the_object_itself_are_in_nobodys_way():
    mesh = known("mug")[0]
    pose = standing(mesh, yaw=0.7)
    rng = np.random.default_rng(0)
    own = pose.apply(mesh.points(*mesh.sample(4000, rng))) + rng.normal(scale=0.002, size=(4000, 3))
    free = planned("mug", pose=pose)
    assert indices(planned("mug", Scene(own), pose)) == indices(free)
    far_off = own + [0, 0.0, 0.03]  # a segmentation that bleeds
    owner = np.full(len(own), "mug_1")
    assert indices(planned("mug", Scene(far_off, owner), pose)) == indices(free)
    other = Scene(far_off, np.full(len(own), "cup_1"), plane=FLOOR)
    assert len(planned("mug", other, pose).grasps) < 0.5 * len(free.grasps)


def test_points_that_are_no_numbers_are_left_out():
    broken = np.full((50, 3), np.nan)
    assert len(planned("block", Scene(broken, up=UP)).grasps) > 0


@pytest.mark.parametrize("tilt", [0.0, 0.1])
@pytest.mark.parametrize("knows_up", [True, False])
def test_the_support_plane_is_found_in_noise(tilt, knows_up):
    rng = np.random.default_rng(3)
    floor = np.column_stack([rng.uniform(-0.4, 0.4, (6000, 2)), rng.normal(scale=0.002, size=6000)])
    wall = np.column_stack([rng.uniform(-0.4, 0.4, 2500), np.full(2500, 0.4), rng.uniform(0, 0.5, 2500)])
    strewn = rng.uniform(-0.4, 0.4, (800, 3)) + [0, 0, 0.4]
    motion = RigidTransform(rotation_exp(np.array([tilt, 0.5 * tilt, 0])), np.array([0.1, 0.2, 1.0]))
    body = motion.apply(standing(known("mug")[0], (0, 0, 0)).apply(grasps_of("mug").skin.points))
    points = motion.apply(np.concatenate([floor, wall, strewn]))
    eye = motion.apply(np.array([0.3, -0.8, 0.9]))
    plane = support_plane(points, body, UP if knows_up else None, eye)
    normal = motion.rotation[:, 2]
    assert np.degrees(np.arccos(plane.normal @ normal)) < 0.5
    assert abs(plane.height(motion.translation)) < 0.002
    assert plane.height(body).min() > -0.004


def test_no_support_is_made_up():
    rng = np.random.default_rng(0)
    body = standing(known("mug")[0], (0, 0, 0)).apply(grasps_of("mug").skin.points)
    assert support_plane(np.zeros((0, 3)), body, UP) is None
    assert support_plane(rng.uniform(-0.3, 0.3, (3000, 3)), body, UP) is None
    beside = rng.uniform(-0.03, 0.03, (3000, 3)) + [0.09, 0, 0.03]
    beside[:, 0] = 0.06  # a side of some other thing
    assert support_plane(beside, body, None, np.array([0.3, -0.8, 0.9])) is None
    ceiling = np.column_stack([rng.uniform(-0.4, 0.4, (3000, 2)), np.full(3000, 0.5)])
    assert support_plane(ceiling, body, UP) is None


def test_uncertain_poses_are_ranked_by_what_grasps_bear():
    """Wrong along one direction only: grasps that close along it, with room at the pads, come first."""
    mesh = known("block")[0]
    pose = standing(mesh)
    for axis in (0, 1):
        covariance = np.zeros((6, 6))
        covariance[axis, axis] = 0.02**2
        target = Target("block_1", "block", pose, covariance)
        config = PlanConfig(ranked=1000, draws=32, least_chance=0.0)
        (found,) = plan([target], {"block": grasps_of("block")}, config=config)
        along = np.array([abs(g.root_from_tcp.rotation[axis, 1]) for g in found.grasps])
        chance = np.array([g.probability for g in found.grasps])
        score = np.array([g.score for g in found.grasps])
        assert np.all(np.diff(score) <= 0)
        assert chance[along > 0.99].mean() != pytest.approx(chance[along < 0.1].mean(), abs=0.02)
        assert len({g.index for g in found.grasps}) == len(found.grasps)


def test_a_pose_that_is_nowhere_near_certain_leaves_nothing_and_says_so():
    target = Target("block_1", "block", standing(known("block")[0]), np.diag([0.3**2] * 3 + [0.5**2] * 3))
    (found,) = plan([target], {"block": grasps_of("block")}, config=PlanConfig(least_chance=0.5))
    assert not found.grasps
    assert "would miss, as the pose is too uncertain" in found.reason


def test_reasons_where_there_are_no_grasps_at_all():
    cube = grasps_of("wide_cube")
    targets = [Target("tea_1", "tea", BASE), Target("cube_1", "cube", BASE), Target("no_1", "no", BASE)]
    known_sets = {"cube": cube, "no": GraspSet.empty(cube.skin)}
    tea, wide, none = plan(targets, known_sets)
    assert tea.reason == "tea_1: no grasps of 'tea' are known"
    assert "cube_1: cube has no grasps" in wide.reason
    assert "0.100 m wide" in wide.reason
    assert "its set of grasps is empty" in none.reason
    assert not tea.grasps + wide.grasps + none.grasps
    assert plan([], {}) == []


def test_counts_add_up():
    mesh = known("mug")[0]
    rng = np.random.default_rng(1)
    floor = np.column_stack([rng.uniform(0.2, 0.8, 5000), rng.uniform(-0.3, 0.3, 5000), np.zeros(5000)])
    box = patch((0.45, 0.06, 0.0), (0.55, 0.12, 0.1), 0.01)
    found = planned(
        "mug", Scene(np.concatenate([floor, box]), up=UP), standing(mesh), root_from_base=BASE, config=ALL
    )
    assert found.candidates == len(found.grasps) + sum(found.taken.values())
    assert found.plane is not None
    for what, count in found.taken.items():
        assert (f"{count} {what}" in found.reason) == (count > 0)


def test_bad_input_is_refused():
    with pytest.raises(GraspError, match="must be a direction"):
        Scene(up=np.zeros(3))
    with pytest.raises(ShapeError):
        Scene(np.zeros((4, 2)))
    with pytest.raises(ShapeError):
        Scene(np.zeros((4, 3)), owner=np.array(["a"]))
    with pytest.raises(ShapeError):
        plan([Target("a", "block", BASE, np.zeros((3, 3)))], {"block": grasps_of("block")})


def test_thinning_keeps_a_point_of_every_cube_and_owner():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 0.1, (5000, 3))
    owner = rng.choice(["", "a"], 5000)
    thin = Scene(points, owner).thinned(0.02)
    cell = lambda p: np.floor((p - points.min(0)) / 0.02).astype(int)  # noqa: E731
    there = {(*c, o) for c, o in zip(cell(points).tolist(), owner, strict=True) for c in [tuple(c)]}
    kept = [(*c, o) for c, o in zip(cell(thin.points).tolist(), thin.owner, strict=True) for c in [tuple(c)]]
    assert set(kept) == there
    assert len(kept) == len(there)


def test_many_seeds_make_no_difference_of_kind():
    mesh = known("block")[0]
    for seed in range(1, 4):
        grasps = onboard(mesh, PANDA, None, replace(FEW, seed=seed, samples=200, pairs=40, grasps=30))
        (found,) = plan([Target("b", "b", standing(mesh))], {"b": grasps}, Scene(up=UP, plane=FLOOR))
        assert len(found.grasps) > 3
        assert found.grasps[0].root_from_tcp.rotation[2, 2] < 0.2  # not from below
