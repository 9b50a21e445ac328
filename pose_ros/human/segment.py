"""The pixels of each person: their own depth, not that of the occluder, the wall or the neighbour.

Each limb is a capsule about its two joints. A pixel inside it whose depth lies where the limb's skin may be
is a candidate of the person it fits best. Jumps of depth cut the candidates into pieces; a piece counts where
some of it lies close about a bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.skeleton import COCO_17, Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, RGBDFrame

# First joint, second joint, radius at both (m). Joints in brackets of a tuple are averaged.
_TRUNK = (
    (("left_shoulder",), ("left_hip",), 0.11, 0.12), (("right_shoulder",), ("right_hip",), 0.11, 0.12),
    (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), 0.13, 0.14),
    (("left_shoulder",), ("right_shoulder",), 0.09, 0.09), (("left_hip",), ("right_hip",), 0.13, 0.13),
    (("left_shoulder", "right_shoulder"), ("left_ear", "right_ear"), 0.09, 0.1),
    (("left_ear", "right_ear"), ("left_eye", "right_eye"), 0.13, 0.13),
)  # fmt: skip
_LIMBS = (
    ("shoulder", "elbow", 0.07, 0.055), ("elbow", "wrist", 0.055, 0.045),
    ("hip", "knee", 0.11, 0.08), ("knee", "ankle", 0.075, 0.05),
    ("wrist", "index", 0.055, 0.055), ("wrist", "pinky", 0.055, 0.055),
    ("ankle", "foot_index", 0.055, 0.045), ("ankle", "heel", 0.055, 0.045),
)  # fmt: skip


FLOOR = 0.08  # m; what lies lower above a person's soles may be the floor


@dataclass(frozen=True)
class SegmentConfig:
    stride: int = option(2, "every so-manieth pixel is looked at", unit="px", range=(1, 8))
    margin: float = option(1.4, "limbs are taken for so much thicker than usual", range=(1.0, 3.0))
    tolerance: float = option(
        0.13, "depth may lie so far behind where the skin is expected", unit="m", range=(0.02, 0.5)
    )
    reach: float = option(
        0.4, "and so far before it: a limb that points at the camera", unit="m", range=(0.02, 1.0)
    )
    jump: float = option(
        0.04, "a larger step of depth between neighbours is an edge at 0 m", unit="m", range=(0.005, 0.5)
    )
    grow: float = option(
        0.5, "what hangs on a person may end so far from what was found", unit="m", range=(0.0, 2.0)
    )
    core: float = option(0.6, "a piece must reach so close to a bone, in radii", range=(0.1, 1.0))
    min_pixels: int = option(12, "smaller pieces are dropped", unit="px", range=(1, 10000))


class Segment:
    """Finds the people's pixels for one skeleton; holds no state between frames."""

    def __init__(self, config: SegmentConfig, skeleton: Skeleton) -> None:
        self.config, self.skeleton = config, skeleton
        self._torso = skeleton.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
        self._coco = skeleton.indices(*COCO_17.joints)
        limbs = [
            ((f"{side}_{a}",), (f"{side}_{b}",), ra, rb)
            for side in ("left", "right")
            for a, b, ra, rb in _LIMBS
        ]
        known = set(skeleton.joints)
        self._capsules = [
            (skeleton.indices(*a), skeleton.indices(*b), ra, rb)
            for a, b, ra, rb in (*_TRUNK, *limbs)
            if known.issuperset((*a, *b))
        ]

    def __call__(
        self,
        frame: RGBDFrame,
        keypoints: Keypoints2D,
        rough: Keypoints3D,
        expected: np.ndarray | None = None,
    ) -> np.ndarray:
        """(h,w) int16 at every `stride`-th pixel: the person's number, -1 for nobody.

        rough: where the joints are about, of the same people; who is all unknown gets no pixel. expected:
        optional (N,17,3) m, COCO's joints where they were a moment ago; a limb may be there, too.
        """
        stride = self.config.stride
        depth = frame.depth[::stride, ::stride]
        nearest = np.full(depth.shape, np.inf, np.float32)
        owner = np.full(depth.shape, -1, np.int16)
        for n in range(len(keypoints)):
            self._claim(n, depth, keypoints.xy[n] / stride, rough.xyz[n, :, 2], frame, nearest, owner)
            if expected is not None and np.isfinite(expected[n]).all():
                xyz = np.full((len(self.skeleton), 3), np.nan)
                xyz[self._coco] = expected[n]
                self._claim(n, depth, frame.camera.project(xyz) / stride, xyz[:, 2], frame, nearest, owner)
        result, smooth = self._connected(depth, owner, nearest)
        rays = frame.camera.ray_grid[::stride, ::stride]
        for n in np.unique(result[result >= 0]):
            self._grow(n, depth, owner, smooth, result, rays, self._down(rough.xyz[n]))
        return result

    def _down(self, xyz: np.ndarray) -> np.ndarray:
        """Unit vector (3,) from shoulders to hips of joints (K,3): about down, for who stands or sits."""
        shoulders, hips = xyz[self._torso[:2]].mean(0), xyz[self._torso[2:]].mean(0)
        return ((hips - shoulders) / max(np.linalg.norm(hips - shoulders), 1e-6)).astype(np.float32)

    def _claim(self, n, depth, xy, z, frame, nearest, owner) -> None:
        """Write person n wherever they fit better than those before."""
        config = self.config
        focal = frame.camera.fx / config.stride
        height, width = depth.shape
        for first, second, ra, rb in self._capsules:
            a, b, za, zb = xy[first].mean(0), xy[second].mean(0), z[first].mean(), z[second].mean()
            if not np.isfinite([*a, *b, za, zb]).all() or min(za, zb) <= 0.1:
                continue
            reach = config.margin * focal * max(ra / za, rb / zb)
            low = np.maximum(np.floor(np.minimum(a, b) - reach), 0).astype(int)
            high = np.minimum(np.ceil(np.maximum(a, b) + reach) + 1, (width, height)).astype(int)
            if np.any(low >= high):
                continue
            box = slice(low[1], high[1]), slice(low[0], high[0])
            u = np.arange(low[0], high[0], dtype=np.float32)[None] - np.float32(a[0])
            v = np.arange(low[1], high[1], dtype=np.float32)[:, None] - np.float32(a[1])
            way = (b - a).astype(np.float32)
            along = np.clip((u * way[0] + v * way[1]) / max(float(way @ way), 1e-6), 0, 1)
            middle, radius = za + along * np.float32(zb - za), ra + along * np.float32(rb - ra)
            aside = np.hypot(u - along * way[0], v - along * way[1])
            aside *= middle / (focal * config.margin) / radius  # 1 at the capsule's edge
            skin = middle - radius * np.sqrt(np.clip(1 - aside * aside, 0, 1))
            behind = depth[box] - skin
            off = np.where(behind > 0, behind / (config.tolerance + radius / 2), -behind / config.reach)
            misfit = np.maximum(aside, off)
            better = (misfit < 1) & (misfit < nearest[box])  # False where depth is NaN
            nearest[box][better] = misfit[better]
            owner[box][better] = n

    def _connected(
        self, depth: np.ndarray, owner: np.ndarray, misfit: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The pixels that count, and where depth has no edge."""
        config = self.config
        kernel = np.ones((3, 3), np.uint8)
        seen = np.nan_to_num(depth, nan=0.0)
        far = cv2.dilate(seen, kernel)
        near = -cv2.dilate(np.where(seen > 0, -seen, -99.0).astype(np.float32), kernel)
        smooth = (far - near) < config.jump + 0.008 * seen**2  # its noise grows as the square
        result = np.full(owner.shape, -1, np.int16)
        for n in np.unique(owner[owner >= 0]):
            mine = (owner == n) & smooth
            count, pieces, statistics, _ = cv2.connectedComponentsWithStats(
                mine.astype(np.uint8), connectivity=4
            )
            core = np.bincount(pieces[mine & (misfit < config.core)], minlength=count)
            kept = (statistics[:, cv2.CC_STAT_AREA] >= config.min_pixels) & (
                core >= 0.15 * statistics[:, cv2.CC_STAT_AREA]
            )
            kept[0] = False
            result[kept[pieces]] = n
        return result, smooth

    def _grow(self, n, depth, owner, smooth, result, rays, down) -> None:
        """Add what hangs on person n without a jump and ends near them: a limb that the network missed.

        What goes on and on, as floors, walls and tables do, reaches the border of the search and is left out.
        """
        middle = float(np.median(depth[result == n]))
        reach = int(min(self.config.grow / (rays[0, 1, 0] - rays[0, 0, 0]) / middle, 120))
        if reach < 3:
            return
        rows, columns = np.flatnonzero((result == n).any(1)), np.flatnonzero((result == n).any(0))
        box = (
            slice(max(rows[0] - reach - 1, 0), rows[-1] + reach + 2),
            slice(max(columns[0] - reach - 1, 0), columns[-1] + reach + 2),
        )
        mine = result[box] == n
        away = cv2.distanceTransform((~mine).astype(np.uint8), cv2.DIST_L2, 3)
        height = (rays[box] @ down) * depth[box]
        sole = np.percentile(height[mine], 98) - FLOOR
        free = (owner[box] < 0) & smooth[box] & (away < reach) & (np.abs(depth[box] - middle) < 0.7)
        free &= height < sole
        count, pieces, statistics, _ = cv2.connectedComponentsWithStats(free.astype(np.uint8), connectivity=4)
        touching = cv2.dilate(mine.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0
        hangs = np.bincount(pieces[touching & free], minlength=count) >= 3
        endless = np.bincount(pieces[free & (away > reach - 2)], minlength=count) > 0
        small = statistics[:, cv2.CC_STAT_AREA] < 0.5 * mine.sum()
        grown = hangs & ~endless & small
        grown[0] = False
        result[box][grown[pieces]] = n
