"""What one frame shows of each body, ready for the fit: key points, points of depth, the person's outline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from scipy.spatial import cKDTree

from pose_ros.body.posing import Posed, Poser
from pose_ros.human.body_terms import Normal, Slopes, robust
from pose_ros.types import Keypoints2D, Keypoints3D, RGBDFrame

if TYPE_CHECKING:
    from pose_ros.human.body_solve import BodyFitConfig

ASTRAY = 0.025  # share of points of depth that far from the skin that the fit is doubted
BEHIND = 0.08  # m; where the camera looks so far past the skin, the skin is wrong
PIXEL = 0.004  # m; what a pixel of a usual camera is worth at 2.5 m


@dataclass(frozen=True)
class BodyView:
    """N people. rays (N,17,2) of their key points (x/z, y/z), score (N,17), rough (N,17,3) m with NaN.

    points (N,M,3) m, NaN beyond each one's number. depth (h,w) m at every so-manieth pixel; nearest (N,h,w):
    flat index of the nearest pixel of the person's own. camera: fx fy cx cy of the small image, no lens.
    """

    rays: torch.Tensor
    score: torch.Tensor
    rough: torch.Tensor
    points: torch.Tensor
    depth: torch.Tensor
    nearest: torch.Tensor
    camera: tuple[float, float, float, float]

    @classmethod
    def of(
        cls, frame: RGBDFrame, keypoints: Keypoints2D, rough: Keypoints3D, labels: np.ndarray,
        numbers: np.ndarray, coco: list[int], count: int, device: torch.device,
    ) -> BodyView:  # fmt: skip
        """labels: of Segment; `numbers` (N,): these people's in it. coco: COCO's joints in the skeleton."""
        stride = max(1, round(frame.depth.shape[0] / labels.shape[0]))
        depth = frame.depth[::stride, ::stride]
        rays = frame.camera.ray_grid[::stride, ::stride]
        points = np.full((len(numbers), count, 3), np.nan, np.float32)
        nearest = np.zeros((len(numbers), *labels.shape), np.int64)
        for n, number in enumerate(numbers):
            mine = labels == number
            pixels = np.flatnonzero(mine)
            if not len(pixels):
                continue
            taken = pixels[np.unique(np.linspace(0, len(pixels) - 1, count).astype(int))]
            points[n, : len(taken)] = rays.reshape(-1, 3)[taken] * depth.ravel()[taken, None]
            _, zone = cv2.distanceTransformWithLabels(
                (~mine).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
            )
            home = np.zeros(zone.max() + 1, np.int64)
            home[zone.ravel()[pixels]] = pixels
            nearest[n] = home[zone]
        camera = frame.camera
        small = camera.fx / stride, camera.fy / stride, camera.cx / stride, camera.cy / stride

        def tensor(values):
            return torch.as_tensor(values, device=device)

        return cls(
            tensor(frame.camera.rays(keypoints.xy[:, coco])[..., :2].astype(np.float32)),
            tensor(keypoints.score[:, coco].astype(np.float32)),
            tensor(rough.xyz[:, coco].astype(np.float32)),
            tensor(points), tensor(np.ascontiguousarray(depth)), tensor(nearest), small,
        )  # fmt: skip

    def select(self, chosen: list[int]) -> BodyView:
        at = torch.as_tensor(chosen, device=self.rays.device)
        return BodyView(
            self.rays[at],
            self.score[at],
            self.rough[at],
            self.points[at],
            self.depth,
            self.nearest[at],
            self.camera,
        )

    def match(
        self, posed: Posed, poser: Poser, cloth: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The nearest skin (N,M) that faces the camera, its normal, and the way from it to each point."""
        cover = posed.vertices + cloth * poser.clothed[:, None] * posed.normals
        facing = (posed.normals * posed.vertices).sum(-1) < 0
        points = torch.nan_to_num(self.points)
        chosen = nearest(points, cover, facing)
        index = chosen[..., None].expand(*chosen.shape, 3)
        normal = torch.nn.functional.normalize(torch.gather(posed.normals, 1, index), dim=-1)
        offset = points - torch.gather(cover, 1, index)
        return chosen, normal, offset

    def surface_error(self, posed: Posed, poser: Poser, cloth: float) -> np.ndarray:
        """Median distance (N,) m of the points from the skin."""
        _, normal, offset = self.match(posed, poser, cloth)
        distance = (offset * normal).sum(-1).abs()
        distance = torch.where(torch.isfinite(self.points[..., 0]), distance, torch.nan)
        return distance.nanmedian(dim=1).values.cpu().numpy()

    def misfit(
        self, posed: Posed, poser: Poser, biased: torch.Tensor, config: BodyFitConfig
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How badly bodies agree with the picture (N,), and whether that is suspicious (N,) bool.

        Key points off their place, points of depth off the skin, skin where there is nothing.
        """
        off = (biased[..., :2] - self.rays * biased[..., 2:]).norm(dim=-1)
        missed = (self.score * torch.log1p((off / 0.05) ** 2)).sum(-1)
        known = torch.isfinite(self.points[..., 0])
        aside = self.match(posed, poser, config.cloth)[2].norm(dim=-1) / (5 * self.depth_sigma(config))
        count = known.sum(-1).clamp_min(1)
        apart = (known * (1 - robust(aside, 1.0))).sum(-1) / count
        astray = (known & (aside > 1)).sum(-1) / count
        suspicious = ((off > 0.1) & (self.score > 0.5)).any(-1) | (astray > ASTRAY)
        return missed + 60 * apart, suspicious

    def depth_sigma(self, config: BodyFitConfig) -> torch.Tensor:
        """Standard deviation (N,M) m of the points from the skin."""
        z = torch.nan_to_num(self.points[..., 2])
        return torch.hypot(torch.full_like(z, config.depth_sigma), config.depth_noise * z.square())

    def is_seen(self, posed: Posed) -> np.ndarray:
        """(N,17): depth of this person was measured about the joint, at most 0.12 m from it."""
        apart = torch.cdist(posed.joints, torch.nan_to_num(self.points, nan=99.0))
        return ((apart < 0.12).sum(-1) >= 3).cpu().numpy()


def nearest(points: torch.Tensor, vertices: torch.Tensor, usable: torch.Tensor) -> torch.Tensor:
    """Index (N,M) of the nearest usable vertex (N,P,3), (N,P) to each point (N,M,3)."""
    # On a CPU a tree is ten times as fast as all pairs, on a GPU all pairs are no work.
    search = nearest_by_tree if points.device.type == "cpu" else nearest_of_all
    return search(points, vertices, usable)


def nearest_by_tree(points: torch.Tensor, vertices: torch.Tensor, usable: torch.Tensor) -> torch.Tensor:
    chosen = np.zeros(points.shape[:2], np.int64)
    for n in range(len(points)):
        indices = np.flatnonzero(usable[n].numpy())
        if len(indices):
            tree = cKDTree(vertices[n].numpy()[indices], balanced_tree=False, compact_nodes=False)
            chosen[n] = indices[tree.query(points[n].numpy())[1]]
    return torch.from_numpy(chosen)


def nearest_of_all(points: torch.Tensor, vertices: torch.Tensor, usable: torch.Tensor) -> torch.Tensor:
    apart = vertices.square().sum(-1)[:, None] - 2 * points @ vertices.transpose(-1, -2)
    return torch.where(usable[:, None], apart, torch.inf).argmin(-1)


def add_view(
    normal: Normal, view: BodyView, posed: Posed, slopes: Slopes, of_joints: torch.Tensor,
    biased: torch.Tensor, config: BodyFitConfig, depth: bool, loose: float,
) -> None:  # fmt: skip
    """All that the frame says. biased (N,17,3) m: where the network would
    see the joints. loose: robust scales are so much wider."""
    _add_keypoints(normal, view, posed, of_joints, biased, config, loose)
    if depth:
        _add_depth(normal, view, posed, slopes, config, loose)
        _add_outline(normal, view, posed, slopes, config)


def _add_keypoints(normal, view, posed, of_joints, biased, config, loose) -> None:
    n = len(view.rays)
    z = biased[..., 2:].clamp_min(0.2)
    off = biased[..., :2] - view.rays * z  # m beside the ray, at the joint's own depth
    rows = of_joints[..., :2, :] - view.rays[..., None] * of_joints[..., 2:, :]
    sigma = config.pixel_sigma * PIXEL / view.score.clamp(0.1, 1.0)
    weight = (
        1 / (1 + (off.norm(dim=-1) / (2 * loose * sigma)) ** 2) / sigma**2
    )  # Cauchy's: far ones still pull
    weight = weight * (view.score > 0.1)
    normal.add(rows.reshape(n, 34, -1), off.reshape(n, 34), weight[..., None].expand(n, 17, 2).reshape(n, 34))
    rough = posed.joints - view.rough
    known = torch.isfinite(rough).all(-1)
    rough = torch.nan_to_num(rough)
    trust = view.score.clamp(0.1, 1.0)
    weight = known * trust * robust(rough.norm(dim=-1), 4 * config.rough_sigma) / config.rough_sigma**2
    normal.add(
        of_joints.reshape(n, 51, -1), rough.reshape(n, 51), weight[..., None].expand(n, 17, 3).reshape(n, 51)
    )


def _add_depth(normal, view, posed, slopes, config, loose) -> None:
    chosen, direction, offset = view.match(posed, slopes.poser, config.cloth)
    known = torch.isfinite(view.points[..., 0])
    off = -(offset * direction).sum(-1)
    sigma = view.depth_sigma(config)
    aside = offset.norm(dim=-1)
    weight = known * robust(off, 3 * loose * sigma) * robust(aside, 5 * loose * sigma) / sigma**2
    weight = weight * (config.independent / view.points.shape[1])
    normal.add(slopes.of_vertices(chosen, direction), off, weight)


def _add_outline(normal, view, posed, slopes, config) -> None:
    """Skin where the camera looks past it is drawn towards the nearest pixel of the person."""
    fx, fy, cx, cy = view.camera
    n, count = posed.vertices.shape[:2]
    some = torch.arange(0, count, 4, device=posed.vertices.device)
    vertices = posed.vertices[:, some]
    z = vertices[..., 2].clamp_min(0.2)
    u, v = fx * vertices[..., 0] / z + cx, fy * vertices[..., 1] / z + cy
    height, width = view.depth.shape
    column, row = u.round().long(), v.round().long()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    flat = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    past = view.depth.reshape(-1)[flat] - z
    home = torch.gather(view.nearest.view(n, -1), 1, flat)
    du, dv = u - (home % width), v - (home // width)
    off = torch.hypot(du, dv).clamp_min(1e-3)
    beyond = inside & (past > BEHIND) & (home > 0)
    direction = torch.stack([du / off, dv / off, -(du * (u - cx) / fx + dv * (v - cy) / fy) / off], -1)
    metres = off * z / fx
    weight = beyond * robust(metres, 0.1) / (2 * config.depth_sigma) ** 2
    weight = weight * (config.outline * config.independent / view.points.shape[1])
    chosen = some.expand(n, -1)
    # The worst ones are enough: rows cost time.
    worst = min(100, len(some))
    order = (weight * metres).topk(worst, dim=1).indices
    direction = torch.gather(direction, 1, order[..., None].expand(n, worst, 3))
    rows = slopes.of_vertices(torch.gather(chosen, 1, order), direction)
    normal.add(rows, torch.gather(metres, 1, order), torch.gather(weight, 1, order))
