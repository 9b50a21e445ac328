"""People grown along a tree: the batch against plain loops, and people whose maps are drawn here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from pose_ros.errors import GraphError, WeightsError
from pose_ros.human.estimators.personlab import REFINED, Maps, Trees, choose, grow
from pose_ros.human.estimators.posenet import EDGES, TREE, PoseNet, PoseNetConfig
from pose_ros.skeleton import COCO_17

CPU = torch.device("cpu")
JOINTS, STRIDE = len(COCO_17), 16


def random_maps(seed, height=9, width=11):
    rng = np.random.default_rng(seed)
    shapes = (JOINTS,), (JOINTS, 2), (len(EDGES), 2), (len(EDGES), 2)
    heat, *fields = (rng.normal(size=(*shape, height, width)).astype(np.float32) for shape in shapes)
    heat = 1 / (1 + np.exp(-2 * heat))
    return heat, fields[0] * 6, fields[1] * 40, fields[2] * 40


def plain_trees(heat, offset, forward, backward, threshold):
    """As the paper has it, one candidate and one edge after the other."""
    _, height, width = heat.shape

    def cell(point):
        return tuple(
            int(np.clip(np.round(np.float32(v) / STRIDE), 0, n - 1))
            for v, n in zip(point, (height, width), strict=True)
        )

    found = []
    for k in range(JOINTS):
        for y in range(height):
            for x in range(width):
                around = heat[k, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                if heat[k, y, x] > threshold and heat[k, y, x] == around.max():
                    found.append((heat[k, y, x], k, y, x))
    found.sort(key=lambda one: -one[0])
    trees = []
    for top, k, y, x in found:
        points = {k: np.array([y, x], np.float32) * STRIDE + offset[k, :, y, x]}
        edges = [(c, p, backward[e]) for e, (p, c) in reversed(list(enumerate(EDGES)))]
        edges += [(p, c, forward[e]) for e, (p, c) in enumerate(EDGES)]
        for source, target, field in edges:
            if source not in points or target in points:
                continue
            point = points[source] + field[(slice(None), *cell(points[source]))]
            for _ in range(REFINED):
                at = cell(point)
                point = np.array(at, np.float32) * STRIDE + offset[(target, slice(None), *at)]
            points[target] = point
        scores = [heat[(j, *cell(points[j]))] for j in range(JOINTS)]
        scores[k] = top
        trees.append((k, np.stack([points[j] for j in range(JOINTS)]), np.array(scores)))
    return trees


def plain_choice(trees, radius, min_score):
    people = []
    for n, (k, points, scores) in enumerate(trees):
        near = [np.hypot(*(trees[m][1][k] - points[k])) <= radius for m, _ in people]
        if any(near):
            continue
        total = 0.0
        for j in range(JOINTS):
            if not any(np.hypot(*(trees[m][1][j] - points[j])) <= radius for m, _ in people):
                total += scores[j]
        if total / JOINTS >= min_score:
            people.append((n, total / JOINTS))
    return people


@pytest.mark.parametrize("seed", range(6))
def test_the_batch_is_the_plain_loops(seed):
    maps = random_maps(seed)
    trees = grow(Maps(*map(torch.from_numpy, maps), STRIDE), EDGES, 0.8, 1000)
    expected = plain_trees(*maps, 0.8)
    assert len(trees.joint) == len(expected) > 20
    np.testing.assert_array_equal(trees.joint, [k for k, _, _ in expected])
    np.testing.assert_array_equal(trees.yx.astype(np.float32), [points for _, points, _ in expected])
    np.testing.assert_array_equal(trees.score.astype(np.float32), [scores for *_, scores in expected])
    chosen, scores = choose(trees, 30.0, 0.3)
    people = plain_choice(expected, 30.0, 0.3)
    np.testing.assert_array_equal(chosen, [n for n, _ in people])
    np.testing.assert_allclose(scores, [score for _, score in people], rtol=1e-5)
    assert 0 < len(chosen) < len(expected)


def drawn(people, height=15, width=21):
    """Perfect maps of people (N,17,2) y, x: each cell knows the person nearest to it."""
    cells = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1) * STRIDE
    away = np.linalg.norm(cells[None, None] - people[:, :, None, None], axis=-1)  # (N,17,H,W)
    heat = np.exp(-((away / STRIDE) ** 2)).max(0)
    own = away.argmin(0)  # (17,H,W)
    offset = np.stack([people[own[k], k] - cells for k in range(JOINTS)]).transpose(0, 3, 1, 2)
    forward = np.stack([people[own[p], c] - people[own[p], p] for p, c in EDGES]).transpose(0, 3, 1, 2)
    backward = np.stack([people[own[c], p] - people[own[c], c] for p, c in EDGES]).transpose(0, 3, 1, 2)
    return Maps(*(torch.from_numpy(m.astype(np.float32)) for m in (heat, offset, forward, backward)), STRIDE)


@pytest.mark.parametrize("seed", range(4))
def test_people_come_back_from_their_maps(seed):
    rng = np.random.default_rng(seed)
    people = (
        rng.uniform((40, 20), (200, 90), (3, JOINTS, 2)) + np.array([[0, 0], [0, 110], [0, 210]])[:, None]
    )
    trees = grow(drawn(people), EDGES, 0.5, 1000)
    chosen, scores = choose(trees, 20.0, 0.2)
    assert len(chosen) == 3
    found = trees.yx[chosen][np.argsort(trees.yx[chosen][..., 1].mean(1))]
    np.testing.assert_allclose(found, people, atol=1e-3)
    assert (scores > 0.5).all()


def test_joints_of_earlier_people_count_nothing():
    """Two trees that share all but the joint they started with are one person and a poor one."""
    yx = np.zeros((2, JOINTS, 2))
    yx[:] = np.arange(JOINTS)[:, None] * 50.0
    yx[1, 3] += 100
    trees = Trees(np.array([0, 3]), yx, np.full((2, JOINTS), 0.9))
    assert choose(trees, 20.0, 0.2)[0].tolist() == [0]
    chosen, scores = choose(trees, 20.0, 0.05)
    assert chosen.tolist() == [0, 1]
    np.testing.assert_allclose(scores, [0.9, 0.9 / JOINTS])


def test_nothing_above_the_threshold_is_nobody():
    maps = Maps(*map(torch.from_numpy, random_maps(1)), STRIDE)
    trees = grow(maps, EDGES, 0.9999, 1000)
    assert trees.yx.shape == (0, JOINTS, 2)
    assert len(choose(trees, 20.0, 0.1)[0]) == 0


def test_the_tree_reaches_every_joint_once_from_the_nose():
    reached = ["nose"]
    for parent, child in TREE:
        assert parent in reached
        assert child not in reached
        reached.append(child)
    assert sorted(reached) == sorted(COCO_17.joints)
    mirrored = {tuple(end.replace("left", "right") for end in edge) for edge in TREE if "left" in edge[1]}
    assert mirrored == {edge for edge in TREE if "right" in edge[1]}


def test_at_most_so_many_people(weights_of, data):
    weights_of("posenet")
    rgb = cv2.cvtColor(cv2.imread(str(data / "human_rgbd" / "color" / "00024.png")), cv2.COLOR_BGR2RGB)
    people = PoseNet(PoseNetConfig(max_people=1, long_side=384), CPU).estimate(rgb, 0)
    assert len(people) == 1


def test_files_that_are_no_posenet(tmp_path):
    with pytest.raises(WeightsError, match="no weights file"):
        PoseNet(PoseNetConfig(weights=str(tmp_path / "gone.json")), CPU)
    (tmp_path / "own.json").write_text("{}")
    with pytest.raises(GraphError, match=r"own\.json"):
        PoseNet(PoseNetConfig(weights=str(tmp_path / "own.json")), CPU)
