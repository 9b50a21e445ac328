"""Pieces of surface that hang together, how they touch, and how much of their outline is seen."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from pose_ros.objects.depth_grid import DepthGrid

LEAST_SEED = 12  # cells a piece starts from
NECK = 5  # cells; pieces that hang together by less are parted
GROWTH = 8  # cells a piece may grow to take up what was cut away
TOUCH = 0.008  # m between points of pieces that touch, beside the noise
REACH = 0.025  # m over which pieces with a gap between them may still be one
THINNED = 0.006  # m: of points on borders that are nearer to each other one is enough
SPLINTER = 300  # cells; what is larger is a piece in its own right
GOOD_FIT = 0.2  # of pieces that surely belong together
GOOD_JOINT, LEAST_JOINT = 0.8, 0.3  # fit of a joint: of one that is level, of the worst
LEAST_CONTACT = 1  # points of the piece that has fewer
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
    """Connected parts, cut also where a few cells only link them: a fold is never seen complete."""
    cells = keep.view(np.uint8)
    thick = cv2.erode(cells, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (NECK, NECK)))
    labels = _numbered(thick, 0)
    # What is too thin to have a core is a piece of its own: not the mere rim of one.
    rest = cells & (1 - cv2.dilate((labels > 0).view(np.uint8), np.ones((NECK + 4, NECK + 4), np.uint8)))
    thin = _numbered(rest, int(labels.max()))
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


def absorbed(grid: DepthGrid, labels: np.ndarray) -> np.ndarray:
    """The same pieces, but splinters are part of the larger piece that they fit best, if they fit one at all.

    Noise and flying pixels break splinters off the rims of things, and they touch everything.
    """
    count = int(labels.max())
    cells = np.bincount(labels.ravel(), minlength=count + 1)
    best: dict[int, tuple[float, int]] = {}
    for (a, b), (fit, _) in _contacts(grid, labels).items():
        small, large = (a, b) if cells[a] < cells[b] else (b, a)
        if cells[small] < min(SPLINTER, cells[large] / 4) and fit > max(GOOD_FIT, best.get(small, (0.0,))[0]):
            best[small] = fit, large
    number = np.arange(count + 1)
    for small in sorted(best, key=cells.__getitem__, reverse=True):  # larger ones know where they went
        number[small] = number[best[small][1]]
    return np.unique(number, return_inverse=True)[1].reshape(-1).astype(np.int32)[labels]


def unions(grid: DepthGrid, labels: np.ndarray) -> dict[frozenset[int], float]:
    """Sets of pieces that may be one thing, each alone and what comes of joining those that touch.

    With how well they fit: 1 for one piece, less the worse the worst of the joints is.

    The two that fit best are joined first, then the next, until nothing touches: a tree, whose every node is
    returned. Sides of one box fit well, things that lean on each other badly: where none fits well any more,
    all the pairs that touch are returned, too.
    """
    nodes = {frozenset([int(k)]): 1.0 for k in np.unique(labels[labels > 0])}
    contacts = {(frozenset([a]), frozenset([b])): found for (a, b), found in _contacts(grid, labels).items()}
    doubtful: dict[frozenset[int], float] = {}

    def union_of(pair: tuple[frozenset[int], frozenset[int]]) -> float:
        joint = min(max(GOOD_JOINT + contacts[pair][0], LEAST_JOINT), 1.0)
        return min(joint, nodes[pair[0]], nodes[pair[1]])

    while contacts:
        best = max(contacts, key=lambda pair: contacts[pair][0])
        if contacts[best][0] < GOOD_FIT and not doubtful:
            doubtful = {pair[0] | pair[1]: union_of(pair) for pair in contacts}
        joined = best[0] | best[1]
        nodes[joined] = union_of(best)
        merged: dict[frozenset[int], tuple[float, float]] = {}
        for pair in [pair for pair in contacts if best[0] in pair or best[1] in pair]:
            fit, size = contacts.pop(pair)
            for other in set(pair) - set(best):
                before, count = merged.get(other, (0.0, 0.0))
                merged[other] = (before * count + fit * size) / (count + size), count + size
        contacts |= {(joined, other): contact for other, contact in merged.items()}
    return doubtful | nodes


def _contacts(grid: DepthGrid, labels: np.ndarray) -> dict[tuple[int, int], tuple[float, float]]:
    """How well pieces fit that touch: points on their borders lie near each other, whatever lies between.

    Two pieces -> fit in [-1.5,1.5], and the number of points that touch.
    """
    points, owner = _border_points(grid, labels)
    if len(points) < 2:
        return {}
    noise = 3 * grid.noise * float(np.median(points[:, 2])) ** 2
    near = cKDTree(points).query_pairs(REACH + noise, output_type="ndarray")
    ends = owner[near]
    apart = ends[:, 0] != ends[:, 1]
    near, ends = near[apart], ends[apart]
    if not len(near):
        return {}
    swapped = ends[:, 0] > ends[:, 1]
    near[swapped], ends[swapped] = near[swapped, ::-1], ends[swapped, ::-1]
    name = ends[:, 0].astype(np.int64) * (int(labels.max()) + 1) + ends[:, 1]
    order = np.argsort(name, kind="stable")
    near, ends, name = near[order], ends[order], name[order]
    gaps = ((points[near[:, 0]] - points[near[:, 1]]) ** 2).sum(1)
    starts = np.flatnonzero(np.diff(name, prepend=-1))
    lengths = np.bincount(owner)
    pieces = _points_of(grid, labels)
    found = {}
    for start, end in zip(starts, [*starts[1:], len(name)], strict=True):
        first, second = np.unique(near[start:end, 0]), np.unique(near[start:end, 1])
        size = min(len(first), len(second))
        if size < LEAST_CONTACT:
            continue
        a, b = ends[start].tolist()
        place = (end - start) // 10
        gap = float(np.sqrt(np.partition(gaps[start:end], place)[place]))
        gap = max(gap - TOUCH - noise, 0) / REACH
        share = size / min(lengths[a], lengths[b])
        middle = (points[first].mean(0) + points[second].mean(0)) / 2
        fit = _outwardness(pieces[a], pieces[b], middle) + share / 2 - gap
        found[a, b] = fit, float(size)
    return found


def _border_points(grid: DepthGrid, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (B,3) on the borders of pieces, thinned out, and whose they are (B,)."""
    border = _borders(labels)
    points, owner = grid.points[border], labels[border]
    if not len(points):
        return points, owner
    voxel = np.floor(points / THINNED).astype(np.int64) & 0xFFFF
    name = ((voxel[:, 0] << 32) | (voxel[:, 1] << 16) | voxel[:, 2]) * (int(labels.max()) + 1) + owner
    first = np.unique(name, return_index=True)[1]
    return points[first], owner[first]


def _points_of(grid: DepthGrid, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points and normals of every piece, by its number."""
    flat = labels.ravel()
    cells = np.flatnonzero(flat)
    cells = cells[np.argsort(flat[cells], kind="stable")]
    parts = np.split(cells, np.searchsorted(flat[cells], np.arange(1, flat.max() + 1)))
    points, normals = grid.points.reshape(-1, 3), grid.normals.reshape(-1, 3)
    return [(points[part], normals[part]) for part in parts]


def _outwardness(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...], middle: np.ndarray) -> float:
    """Around their contact, do two pieces face away from each other (1: sides of a box) or inwards (-1)?"""
    normals, places = [], []
    for points, directions in (a, b):
        near = ((points - middle) ** 2).sum(1) < LOCAL**2
        if not near.any():
            return 0.0
        places.append(points[near].mean(0))
        normals.append(directions[near].mean(0))
    across = places[0] - places[1]
    return float((normals[0] - normals[1]) @ across / max(2 * np.linalg.norm(across), 1e-6))


def _borders(labels: np.ndarray) -> np.ndarray:
    as_float = labels.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    return (labels > 0) & (cv2.erode(as_float, kernel) != cv2.dilate(as_float, kernel))


def openness(mask: np.ndarray, depth: np.ndarray, others: np.ndarray, noise: float, border: int) -> float:
    """How much of a mask's outline is its own: 1 where what lies around is behind it or what it stands on.

    0 where the image ends (at `border` cells of it) or something nearer hides it, a third where it touches
    one of the `others`. All (h,w): a part of the grid that holds the mask and two cells around it.
    """
    kernel = np.ones((5, 5), np.uint8)
    ring = (cv2.dilate(mask.view(np.uint8), kernel) > 0) & ~mask
    own = cv2.dilate(np.where(mask, depth, 0), kernel)[ring]  # the farthest of its own nearby
    around = depth[ring]
    slack = 0.008 + 4 * noise * around**2
    hidden = (around > 0) & (around < own - slack)
    beside = (around > 0) & ~hidden & (np.abs(around - own) <= slack) & others[ring]
    length = len(around) / 2  # the ring is two cells wide
    return float((length - hidden.sum() / 2 - beside.sum() / 3) / max(length + border, 1))
