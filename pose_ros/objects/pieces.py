"""Pieces of surface that hang together, how they touch, and how much of their outline is seen."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from pose_ros.objects.depth_grid import DepthGrid

LEAST_SEED = 12  # cells a piece starts from
NECK = 5  # cells; pieces that hang together by less are parted
GROWTH = 8  # cells a piece may grow to take up what was cut away
CONTACT = 0.012  # m between points of pieces that touch, beside the noise
LEAST_CONTACT = 6  # pairs of points
LOCAL = 0.03  # m around a contact where its fold is judged


def cut_apart(grid: DepthGrid, above: np.ndarray, maybe: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(h,w) int32 numbers of pieces, 0 = none, of the cells that are `above` all planes.

    Cut at jumps and at inward folds; then the cells `maybe` above a plane, and those cut away, go to the
    nearest piece where they hang together with it.
    """
    keep = above & ~folds
    right, down = grid.linked
    valid = grid.valid
    keep[:, :-1] &= right | ~valid[:, 1:] | ~valid[:, :-1]
    keep[:-1] &= down | ~valid[1:] | ~valid[:-1]
    return _grown(grid, _seeds(keep), maybe | above)


def _seeds(keep: np.ndarray) -> np.ndarray:
    """Connected parts, also cut where they hang together by a few cells only: a fold is never seen complete."""
    cells = keep.view(np.uint8)
    thick = cv2.erode(cells, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (NECK, NECK)))
    labels = _numbered(thick, 0)
    # What is too thin to have a core is a part of its own, if it is not the rim of one.
    rims = cv2.dilate((labels > 0).view(np.uint8), np.ones((NECK + 4, NECK + 4), np.uint8))
    thin = _numbered(cells & (1 - rims), int(labels.max()))
    return np.where(thin > 0, thin, labels)


def _numbered(cells: np.ndarray, start: int) -> np.ndarray:
    """Connected parts of at least LEAST_SEED cells, numbered from start + 1; 0 = none."""
    count, labels = cv2.connectedComponents(cells, connectivity=4, ltype=cv2.CV_32S)
    large = np.bincount(labels.ravel(), minlength=count) >= LEAST_SEED
    large[0] = False
    return np.where(large, np.cumsum(large) + start, 0).astype(np.int32)[labels]


def _grown(grid: DepthGrid, labels: np.ndarray, into: np.ndarray) -> np.ndarray:
    if not labels.any():
        return labels
    distance, nearest = cv2.distanceTransformWithLabels(
        (labels == 0).view(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    seeded = labels > 0
    source = np.zeros(nearest.max() + 1, np.int64)
    source[nearest[seeded]] = np.flatnonzero(seeded)
    source = source[nearest]
    z = grid.depth
    reach = 0.006 + 2.5 * distance * z / grid.focal + 4 * grid.noise * z**2
    near = np.abs(z - z.ravel()[source]) < reach
    return np.where(seeded | (into & near & (distance <= GROWTH)), labels.ravel()[source], 0)


def unions(grid: DepthGrid, labels: np.ndarray) -> list[frozenset[int]]:
    """Sets of pieces that may be one thing: each alone, and what comes of joining those that touch.

    The two that fit best are joined first, then the next, until nothing touches: a tree, whose every node is
    returned. Sides of one box fit well, things that lean on each other badly.
    """
    nodes = [frozenset([int(k)]) for k in np.unique(labels[labels > 0])]
    affinity, weight = _contacts(grid, labels)
    roots = set(nodes)
    while affinity:
        best = max(affinity, key=affinity.__getitem__)
        joined = best[0] | best[1]
        nodes.append(joined)
        roots -= set(best)
        sums: dict[frozenset[int], list[tuple[float, float]]] = {}
        for pair in [pair for pair in affinity if set(pair) & set(best)]:
            value, count = affinity.pop(pair), weight.pop(pair)
            for other in set(pair) - set(best):
                sums.setdefault(other, []).append((value, count))
        for other, values in sums.items():
            count = sum(n for _, n in values)
            affinity[joined, other] = sum(value * n for value, n in values) / count
            weight[joined, other] = count
        roots.add(joined)
    return nodes


def _contacts(grid: DepthGrid, labels: np.ndarray) -> tuple[dict, dict]:
    """How well pieces fit that touch: points on their borders lie near each other, whatever lies between.

    By pair of sets of one piece each: fit in [-1,1.5], and the number of points that touch.
    """
    border = _borders(labels)
    points, owner = grid.points[border], labels[border]
    if len(points) < 2:
        return {}, {}
    reach = CONTACT + 3 * grid.noise * float(np.median(points[:, 2])) ** 2
    near = cKDTree(points).query_pairs(reach, output_type="ndarray")
    near = near[owner[near[:, 0]] != owner[near[:, 1]]]
    if not len(near):
        return {}, {}
    names = np.sort(owner[near], axis=1)
    pairs, index, counts = np.unique(names, axis=0, return_inverse=True, return_counts=True)
    index = index.reshape(-1)
    lengths = np.bincount(owner)
    affinity, weight = {}, {}
    for k in np.flatnonzero(counts >= LEAST_CONTACT):
        a, b = (int(name) for name in pairs[k])
        touching = near[index == k]
        share = len(np.unique(touching)) / (2 * min(lengths[a], lengths[b]))
        pair = frozenset([a]), frozenset([b])
        affinity[pair] = _outwardness(grid, labels, a, b, points[touching].mean((0, 1))) + share / 2
        weight[pair] = float(counts[k])
    return affinity, weight


def _outwardness(grid: DepthGrid, labels: np.ndarray, a: int, b: int, middle: np.ndarray) -> float:
    """1 where, around their contact, two pieces face away from each other as the sides of a box do; -1: inwards."""
    normals, places = [], []
    for piece in (a, b):
        cells = labels == piece
        points = grid.points[cells]
        near = ((points - middle) ** 2).sum(1) < LOCAL**2
        if not near.any():
            return 0.0
        places.append(points[near].mean(0))
        normals.append(grid.normals[cells][near].mean(0))
    across = places[0] - places[1]
    return float((normals[0] - normals[1]) @ across / max(2 * np.linalg.norm(across), 1e-6))


def _borders(labels: np.ndarray) -> np.ndarray:
    as_float = labels.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    return (labels > 0) & (cv2.erode(as_float, kernel) != cv2.dilate(as_float, kernel))


def openness(grid: DepthGrid, mask: np.ndarray, others: np.ndarray) -> float:
    """How much of a mask's outline is its own: 1 where what lies around is behind it or what it stands on.

    0 where the image ends or something nearer hides it, a third where it touches one of the `others`.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    h, w = mask.shape
    part = (
        slice(max(rows[0] - 3, 0), min(rows[-1] + 4, h)),
        slice(max(columns[0] - 3, 0), min(columns[-1] + 4, w)),
    )
    inside = mask[part].view(np.uint8)
    kernel = np.ones((5, 5), np.uint8)
    ring = (cv2.dilate(inside, kernel) > 0) & (inside == 0)
    own = cv2.dilate(np.where(inside > 0, grid.depth[part], 0), kernel)  # the farthest of its own nearby
    around = grid.depth[part]
    slack = 0.008 + 4 * grid.noise * around**2
    known = ring & (around > 0)
    hidden = known & (around < own - slack)
    beside = known & ~hidden & (np.abs(around - own) <= slack) & others[part]
    border = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    total = ring.sum() / 2 + border  # the ring is two cells wide
    return float((ring.sum() / 2 - hidden.sum() / 2 - beside.sum() / 3) / max(total, 1))
