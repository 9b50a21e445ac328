"""Where points of a depth image touch a person's flesh, and what that says of the joints.

Arrays are of N people, P points, C capsules (`PART` names what each is of), K joints of FITTED.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.flesh import CHAINS, FITTED, GIRTHS, mixes
from pose_ros.human.twist import cross

_KNOTS = [knot for chain in CHAINS for knot in chain.knots]
_MIX, _OFFSET = mixes([knot.mix for knot in _KNOTS]), np.array([knot.offset for knot in _KNOTS])
_FRAMES = ["trunk", *dict.fromkeys(chain.frame for chain in CHAINS if chain.frame != "trunk")]
_FRAME_OF = np.array([_FRAMES.index(chain.frame) for chain in CHAINS for _ in chain.knots])
_BONE_OF_FRAME = np.array([FITTED.indices(*frame) for frame in _FRAMES[1:]])
_FIRST = np.cumsum([0] + [len(chain.knots) for chain in CHAINS])
_PIECES = [
    (chain, f + n, n) for chain, f in zip(CHAINS, _FIRST, strict=False) for n in range(len(chain.knots) - 1)
]
_BEGIN = np.array([first for _, first, _ in _PIECES])

PART = tuple(chain.part for chain, _, _ in _PIECES)
RADII = np.array([[_KNOTS[first].radius, _KNOTS[first + 1].radius] for _, first, _ in _PIECES])
GIRTH = np.array([GIRTHS.index(chain.girth) for chain, _, _ in _PIECES])
# Where a limb goes on there is no round end: what would touch it is the next part's.
_OPEN_START = np.array([n == 0 and not chain.ends[0] for chain, _, n in _PIECES])
_OPEN_END = np.array([n == len(chain.knots) - 2 and not chain.ends[1] for chain, _, n in _PIECES])
# How each joint moves a capsule's start and end (C,2,K), and products of that: (C*4, K*K).
_MOVES = np.stack([_MIX[_BEGIN], _MIX[_BEGIN + 1]], axis=1)
_MOVES_BOTH = np.einsum("cak,cbj->cabkj", _MOVES, _MOVES).reshape(4 * len(PART), -1)
_MOVES_ONE = _MOVES.reshape(2 * len(PART), -1)
_GIRTH_OF = np.eye(len(GIRTHS))[GIRTH]
_GIRTH_OF_ENDS = np.repeat(_GIRTH_OF, 2, axis=0).T

# Where a capsule is looked at: shares of the way along it, and of the way to MARGIN beyond its outline.
_ALONG, _ACROSS = np.array([0.15, 0.5, 0.85]), np.linspace(-1, 1, 6)
MARGIN = 0.02  # m
BEHIND = 0.02  # m; what is seen lies before the middle line, give or take so much


def trunk_frame(xyz: np.ndarray) -> np.ndarray:
    """Rotation (N,3,3) of the trunk: x forward, y left, z from hips to shoulders."""
    left_shoulder, right_shoulder, left_hip, right_hip = (xyz[:, k] for k in _TRUNK)
    z = unit(left_shoulder + right_shoulder - left_hip - right_hip)
    x = unit(cross(left_shoulder - right_shoulder + left_hip - right_hip, z))
    return np.stack([x, cross(z, x), z], axis=-1)


def bone_frames(xyz: np.ndarray, bones: np.ndarray, trunk: np.ndarray) -> np.ndarray:
    """Rotations (N,B,3,3) of bones (B,2): z up along each, y as near to the trunk's as can be."""
    z = unit(xyz[:, bones[:, 0]] - xyz[:, bones[:, 1]])
    x = unit(cross(np.broadcast_to(trunk[:, None, :, 1], z.shape), z))
    return np.stack([x, cross(z, x), z], axis=-1)


def ends(xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end (N,C,3) of every capsule of people with these joints (N,K,3)."""
    trunk = trunk_frame(xyz)
    frames = np.concatenate([trunk[:, None], bone_frames(xyz, _BONE_OF_FRAME, trunk)], axis=1)
    knots = _MIX @ xyz + (frames[:, _FRAME_OF] @ _OFFSET[..., None])[..., 0]
    return knots[:, _BEGIN], knots[:, _BEGIN + 1]


def look(xyz: np.ndarray, depth: np.ndarray, camera: PinholeCamera) -> tuple[np.ndarray, np.ndarray]:
    """Depth points (N,P,3) on people with these joints, NaN where none was measured, and unit rays (N,P,3).

    Pixels are chosen across every capsule from outline to outline and a little beyond, so that thin limbs get
    as many as the broad trunk.
    """
    start, end = ends(xyz)
    middle = start[:, :, None] + _ALONG[:, None] * (end - start)[:, :, None]
    way = camera.project(end) - camera.project(start)
    aside = unit(np.stack([-way[..., 1], way[..., 0]], axis=-1))
    reach = camera.fx * (RADII.mean(1) + MARGIN) / np.maximum(middle[..., 2].mean(-1), 0.2)
    across = (aside * reach[..., None])[:, :, None, None] * _ACROSS[:, None]
    pixels = (camera.project(middle)[:, :, :, None] + across).reshape(len(xyz), -1, 2)
    pixels = np.rint(np.nan_to_num(pixels, nan=-1.0).clip(-1, 1 << 20)).astype(int)
    seen = depth_at(depth, pixels)
    rays = camera.rays(pixels.clip(0, [camera.width - 1, camera.height - 1]))
    return rays * seen[..., None], unit(rays)


def depth_at(depth: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Depth (…) at pixels (…,2) int, NaN outside the image and where none was measured."""
    (height, width), (u, v) = depth.shape, np.moveaxis(pixels, -1, 0)
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    found = depth[v.clip(0, height - 1), u.clip(0, width - 1)]
    return np.where(inside & (found > 0) & (found < np.inf), found, np.nan)


def nearest(
    start: np.ndarray, end: np.ndarray, girths: np.ndarray, points: np.ndarray, rays: np.ndarray
) -> np.ndarray:
    """The capsule (N,P) whose front each point touches, or misses by least."""
    start, end, points, rays = (np.float32(array) for array in (start, end, np.nan_to_num(points), rays))
    along = end - start
    squared = np.einsum("ncx,ncx->nc", along, along)[:, None] + np.float32(1e-9)
    across, begin = np.swapaxes(along, -1, -2), np.swapaxes(start, -1, -2)
    from_start = points @ across
    from_start -= np.einsum("ncx,ncx->nc", start, along)[:, None]
    u = (from_start / squared).clip(0, 1)
    # |p - c|² and its part along the ray, for the nearest point c of every capsule's middle line.
    distance = (points**2).sum(-1)[..., None] + (start**2).sum(-1)[:, None] - 2 * (points @ begin)
    distance += u * (u * squared - 2 * from_start)
    ahead = np.einsum("npx,npx->np", points, rays)[..., None] - rays @ begin - u * (rays @ across)
    thick = (np.float32(RADII[:, 0]) + u * np.float32(RADII[:, 1] - RADII[:, 0])) * np.float32(
        girths[:, GIRTH]
    )[:, None]
    return np.argmin(_miss(np.maximum(distance, 0), ahead, thick)[1], axis=-1)


def _miss(distance: np.ndarray, ahead: np.ndarray, thick: np.ndarray) -> tuple[np.ndarray, ...]:
    """How far the front of the flesh is off a point, and how far the point misses the flesh at all.

    distance: squared, from the middle line. ahead: how far the point lies behind that along its ray. A point
    beside the outline is off by the way to it; if it also lies far behind it misses by more than that.
    Returns also the sine of the angle between the front's normal and the ray.
    """
    aside = np.sqrt(np.maximum(distance - ahead**2, 0))
    sine = np.minimum(aside / thick, 1)
    off = sine * aside - np.sqrt(1 - sine**2) * ahead - thick
    return off, np.maximum(np.abs(off), np.abs(np.sqrt(distance) - thick)), sine


class Touch:
    """Points (N,P,3) and the capsules (N,P) they touch.

    off (N,P): how far the capsule's front is off, m, > 0 where the point is outside; 0 where unknown. miss
    (N,P): how far the point is from the flesh at all; infinite where it says nothing. radius (N,P): of the
    usual flesh. normal (N,P,3): of the front. share (N,P): of the way from the capsule's start.
    """

    def __init__(
        self, xyz: np.ndarray, girths: np.ndarray, points: np.ndarray, rays: np.ndarray, capsule: np.ndarray
    ) -> None:
        start, end = ends(xyz)
        people = np.arange(len(xyz))[:, None]
        first, along = start[people, capsule], (end - start)[people, capsule]
        away = points - first
        squared = np.einsum("npx,npx->np", along, along) + 1e-9
        straight = np.einsum("npx,npx->np", away, along) / squared
        u = np.nan_to_num(straight).clip(0, 1)
        away = away - u[..., None] * along
        ahead = np.einsum("npx,npx->np", away, rays)
        thin, wide = RADII[capsule, 0], RADII[capsule, 1]
        radius = thin + u * (wide - thin)
        distance = np.einsum("npx,npx->np", away, away)
        off, miss, sine = _miss(distance, ahead, radius * girths[people, GIRTH[capsule]])
        beyond = (_OPEN_START[capsule] & (straight <= 0)) | (_OPEN_END[capsule] & (straight >= 1))
        aside = unit(away - ahead[..., None] * rays)
        normal = sine[..., None] * aside - np.sqrt(1 - sine**2)[..., None] * rays
        self.capsule, self.share, self.radius = capsule, u, radius
        self.off, self.normal = np.nan_to_num(off), np.nan_to_num(normal)
        self.miss = np.where(beyond | np.isnan(off), np.inf, miss)
        self.ahead = np.nan_to_num(ahead)
        flat = (capsule + len(PART) * people).ravel()
        self._sum = csc_matrix(
            (np.ones(flat.size), flat, np.arange(flat.size + 1)), (len(xyz) * len(PART), flat.size)
        )

    def count(self, chosen: np.ndarray) -> np.ndarray:
        """For each point (N,P) how many of the chosen (N,P) touch its capsule."""
        return self._summed(chosen[..., None].astype(float))[np.arange(len(chosen))[:, None], self.capsule, 0]

    def support(self, chosen: np.ndarray) -> np.ndarray:
        """How many of the chosen points lie about each joint (N,K)."""
        shares = np.stack([1 - self.share, self.share], axis=-1) * chosen[..., None]
        return self._summed(shares).reshape(len(chosen), -1) @ _MOVES_ONE.clip(0)

    def normal_equations(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,3K+G,3K+G) and (N,3K+G): least squares of `off` in the joints and girths, weighed (N,P)."""
        count, joints = len(weight), len(FITTED)
        shares = np.stack([1 - self.share, self.share], axis=-1)
        moves = (-shares[..., None] * self.normal[..., None, :]).reshape(*weight.shape, 6)
        rows = np.concatenate([moves, -self.radius[..., None], self.off[..., None]], axis=-1)
        products = (rows * weight[..., None])[..., :, None] * rows[..., None, :]
        summed = self._summed(products.reshape(*weight.shape, 64)).reshape(count, -1, 8, 8)
        both = summed[..., :6, :6].reshape(count, -1, 2, 3, 2, 3).transpose(0, 3, 5, 1, 2, 4)
        blocks = both.reshape(count, 9, -1) @ _MOVES_BOTH
        size = 3 * joints + len(GIRTHS)
        matrix, right = np.empty((count, size, size)), np.empty((count, size))
        matrix[:, : 3 * joints, : 3 * joints] = (
            blocks.reshape(count, 3, 3, joints, joints)
            .transpose(0, 3, 1, 4, 2)
            .reshape(count, 3 * joints, -1)
        )
        single = summed[..., :6, 6:].reshape(count, -1, 2, 3, 2)  # with radius, with off
        thick = single[..., 0].transpose(0, 3, 1, 2).reshape(count, 3, 1, -1) * _GIRTH_OF_ENDS
        girth = (thick @ _MOVES_ONE).transpose(0, 3, 1, 2)
        matrix[:, : 3 * joints, 3 * joints :] = girth.reshape(count, 3 * joints, -1)
        matrix[:, 3 * joints :, : 3 * joints] = np.swapaxes(girth.reshape(count, 3 * joints, -1), 1, 2)
        matrix[:, 3 * joints :, 3 * joints :] = np.einsum(
            "nc,cg,ch->ngh", summed[..., 6, 6], _GIRTH_OF, _GIRTH_OF
        )
        pulls = single[..., 1].reshape(count, -1, 3)
        right[:, : 3 * joints] = -(_MOVES_ONE.T @ pulls).reshape(count, -1)
        right[:, 3 * joints :] = -summed[..., 6, 7] @ _GIRTH_OF
        return matrix, right

    def _summed(self, values: np.ndarray) -> np.ndarray:
        """Values (N,P,F) summed over the points of each capsule (N,C,F)."""
        return (self._sum @ values.reshape(-1, values.shape[-1])).reshape(len(values), len(PART), -1)


def unit(vector: np.ndarray) -> np.ndarray:
    """Of length 1; the zero vector stays zero."""
    length = np.sqrt(np.einsum("...x,...x->...", vector, vector))[..., None]
    return vector / np.maximum(length, 1e-9)


_TRUNK = FITTED.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
