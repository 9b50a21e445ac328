"""One RGB-D frame on the device, as hypotheses look at it; lens distortion is taken out before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.types import RGBDFrame

DEPTH_SIGMA = 1.2e-3  # m of noise at 1 m; stereo and structured light grow with the square
DEPTH_STEP = 0.6e-3  # m that even near measurements are off by
BLUR = 1.5  # px: colours are compared at the scale of the model's samples


@dataclass(frozen=True)
class View:
    """depth (H,W) m, 0 = none. color (H,W,3) uint8, slightly blurred. focal, center: (2,) px."""

    depth: torch.Tensor
    color: torch.Tensor
    focal: torch.Tensor
    center: torch.Tensor

    @classmethod
    def of(cls, frame: RGBDFrame, device: torch.device) -> View:
        camera = frame.camera
        depth = np.nan_to_num(frame.depth, posinf=0.0, neginf=0.0).clip(0)
        return cls(
            torch.as_tensor(depth, device=device),
            torch.as_tensor(cv2.GaussianBlur(frame.rgb, (0, 0), BLUR), device=device),
            torch.tensor([camera.fx, camera.fy], dtype=torch.float32, device=device),
            torch.tensor([camera.cx, camera.cy], dtype=torch.float32, device=device),
        )

    def project(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels (…,2) of points (…,3), their places in the flat image (…) and whether they lie in it."""
        height, width = self.depth.shape
        depth = points[..., 2].clamp_min(1e-3)
        pixel = points[..., :2] / depth[..., None] * self.focal + self.center
        column, row = pixel.round().unbind(-1)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (points[..., 2] > 1e-3)
        place = torch.where(inside, row * width + column, torch.zeros_like(row)).long()
        return pixel, place, inside

    def slope(self, place: torch.Tensor) -> torch.Tensor:
        """Change (…,2) of brightness (mean of the channels) for each pixel to the right and down."""
        height, width = self.depth.shape
        gray = self.color.reshape(-1, 3)
        right, left = (place + 1).clamp_max(height * width - 1), (place - 1).clamp_min(0)
        down, up = (place + width).clamp_max(height * width - 1), (place - width).clamp_min(0)
        around = gray[torch.stack([right, left, down, up])].float().mean(-1)
        return torch.stack([around[0] - around[1], around[2] - around[3]], -1) / 2


def depth_sigma(depth: torch.Tensor) -> torch.Tensor:
    """Standard deviation (…) m of a measurement at `depth` (…) m."""
    return DEPTH_STEP + DEPTH_SIGMA * depth**2


def rectified(frame: RGBDFrame) -> RGBDFrame:
    """The frame as a lens without distortion shows it, same intrinsics; the frame itself if it has none."""
    camera = frame.camera
    if not camera.is_distorted:
        return frame
    rgb = straight_image(frame.rgb, camera, cv2.INTER_LINEAR)
    depth = straight_image(frame.depth, camera)
    depth[depth <= 0] = np.nan
    return RGBDFrame(rgb, depth, _straight(camera), frame.stamp_ns, frame.frame_id)


def straight_image(image: np.ndarray, camera: PinholeCamera, how: int = cv2.INTER_NEAREST) -> np.ndarray:
    """An image (H,W,…) of a camera as it would be without lens distortion; 0 where nothing was seen."""
    x, y = np.moveaxis(camera.project(_straight(camera).ray_grid).astype(np.float32), -1, 0)
    return cv2.remap(image, x, y, how)


def unrectified(image: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """The reverse for labels (H,W): as the camera with its lens sees them."""
    if not camera.is_distorted:
        return image
    x, y = np.moveaxis(_straight(camera).project(camera.ray_grid).astype(np.float32), -1, 0)
    return cv2.remap(image, x, y, cv2.INTER_NEAREST)


@lru_cache(maxsize=4)
def _straight(camera: PinholeCamera) -> PinholeCamera:
    return PinholeCamera(camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
