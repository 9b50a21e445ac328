"""What surrounds the objects: a cloud, the direction of up, and the plane that things stand on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.apps.grasp.errors import GraspError
from pose_ros.shapes import check_shape

VOXEL = 0.004  # m; of a cloud one point is kept in each cube of this size
PLANE_VOXEL = 0.01  # m, for the support plane
GUESSES = 300  # planes through three points that are tried
ON_PLANE = 0.006  # m
LEAST_SHARE = 0.08  # of the points around that must lie on a plane to be believed
LEAST_SPREAD = 0.035  # m, sigma of them across: a table 12 cm wide; less is the side of some other object
TILT = np.deg2rad(15)  # support planes are level within this
SUNK = 0.02  # m that an object may seem to lie within what it stands on
SEED = 0


@dataclass(frozen=True)
class Plane:
    """Points X with ``normal @ X == offset`` (m); the unit normal points to where the objects are."""

    normal: np.ndarray
    offset: float

    def height(self, points: np.ndarray) -> np.ndarray:
        """(…) m of points (…,3) above it."""
        return points @ self.normal - self.offset


@dataclass(frozen=True)
class Scene:
    """What is seen, in the root frame.

    points (N,3) m; owner (N,): id of the object each is of, "" for none. up (3,): against gravity, None where
    nobody knows. plane: what things stand on, None where it is to be found.
    """

    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    owner: np.ndarray | None = None
    up: np.ndarray | None = None
    plane: Plane | None = None

    def __post_init__(self) -> None:
        points = check_shape("points", np.asarray(self.points, float), ("N", 3))
        owner = np.full(len(points), "") if self.owner is None else np.asarray(self.owner).astype(str)
        check_shape("owner", owner, (len(points),))
        good = np.isfinite(points).all(1)
        object.__setattr__(self, "points", points[good])
        object.__setattr__(self, "owner", owner[good])
        if self.up is not None:
            up = check_shape("up", np.asarray(self.up, float), (3,))
            length = float(np.linalg.norm(up))
            if not np.isfinite(length) or length < 1e-6:
                raise GraspError(f"up is {self.up}, must be a direction")
            object.__setattr__(self, "up", up / length)

    def thinned(self, voxel: float = VOXEL) -> Scene:
        """One point for each cube of `voxel` m and owner."""
        if not len(self.points):
            return self
        cells = np.floor((self.points - self.points.min(0)) / voxel).astype(np.int64)
        number = np.zeros(len(cells), int)
        if (self.owner != self.owner[0]).any():
            number = np.unique(self.owner, return_inverse=True)[1]
        key = number  # one number a cell: sorting rows takes ten times as long
        for column in cells.T:
            key = key * (column.max() + 1) + column
        chosen = np.unique(key, return_index=True)[1]
        return Scene(self.points[chosen], self.owner[chosen], self.up, self.plane)

    def near(self, place: np.ndarray, radius: float) -> Scene:
        chosen = np.linalg.norm(self.points - place, axis=1) < radius
        return Scene(self.points[chosen], self.owner[chosen], self.up, self.plane)


def support_plane(
    points: np.ndarray, body: np.ndarray, up: np.ndarray | None, viewpoint: np.ndarray | None = None
) -> Plane | None:
    """The plane an object stands on, from points (N,3) of its surroundings; None where none can be told.

    body (S,3): its surface. With `up` the plane is level within 15 degrees; without, it is the plane that
    touches the object, its normal towards the viewpoint (default: the origin). The one with most points wins
    (RANSAC with a fixed seed; Fischler and Bolles 1981), then it is fitted to them.
    """
    points = Scene(points).thinned(PLANE_VOXEL).points
    if len(points) < 30:
        return None
    rng = np.random.default_rng(SEED)
    a, b, c = points[rng.integers(len(points), size=(3, GUESSES))]
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1)
    normals, a = normals[length > 1e-6] / length[length > 1e-6, None], a[length > 1e-6]
    towards = up if up is not None else (np.zeros(3) if viewpoint is None else viewpoint) - body.mean(0)
    normals *= np.where(normals @ towards < 0, -1, 1)[:, None]
    offsets = (normals * a).sum(1)
    lowest = (body[:: len(body) // 2000 + 1] @ normals.T).min(0) - offsets
    level = normals @ up > np.cos(TILT) if up is not None else lowest < SUNK
    fits = level & (lowest > -SUNK)
    count = (np.abs(points @ normals.T - offsets) < ON_PLANE).sum(0) * fits
    if not len(count) or count.max() < max(LEAST_SHARE * len(points), 20):
        return None
    best = count.argmax()
    plane = Plane(normals[best], float(offsets[best]))
    for _ in range(2):
        on = points[np.abs(plane.height(points)) < ON_PLANE]
        spread, axes = np.linalg.eigh(np.cov(on.T))
        normal = axes[:, 0]
        normal = normal if normal @ plane.normal > 0 else -normal
        plane = Plane(normal, float(on.mean(0) @ normal))
    return plane if spread[1] > LEAST_SPREAD**2 else None
