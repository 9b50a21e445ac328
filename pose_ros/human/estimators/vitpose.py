"""ViTPose through `transformers`: a plain vision transformer and a heat map of each joint; top-down.

Source: Xu et al., "ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation", 2022. Crop,
colours and the reading of heat maps are theirs, as `transformers`' image processor has them, in batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from pose_ros.config import option
from pose_ros.errors import ConfigError, WeightsError
from pose_ros.human.estimators.dark import decode
from pose_ros.human.estimators.estimator import About
from pose_ros.human.estimators.optional import needed
from pose_ros.human.estimators.top_down import TopDown, TopDownConfig, extent, person_boxes
from pose_ros.types import Keypoints2D

PADDING = 1.25  # how much wider than the person a crop is
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, in [0,1]
SEEN = 0.3


@dataclass(frozen=True)
class ViTPoseConfig(TopDownConfig):
    weights: str = option(
        "usyd-community/vitpose-base-simple", "a local folder of config and weights, or their name at the hub"
    )


class ViTPose(TopDown):
    about = About(
        "top-down: a vision transformer's heat map of each joint",
        "their authors', Apache-2.0",
        "published weights: tested with small random networks only",
    )

    def __init__(self, config: ViTPoseConfig, device: torch.device) -> None:
        super().__init__(config, device)
        self.network = load_vitpose(config.weights).to(device)
        backbone = self.network.config.backbone_config
        self._height, self._width = backbone.image_size
        self._mixes = backbone.num_experts > 1

    def warm_up(self) -> None:
        super().warm_up()
        self._heat(np.zeros((1, self._height, self._width, 3), np.uint8))

    @torch.inference_mode()
    def look(self, rgb: np.ndarray, people: Keypoints2D) -> Keypoints2D:
        boxes = crop_boxes(person_boxes(people, SEEN), self._width / self._height)
        heat = self._heat(crop(rgb, boxes, self._height, self._width))
        at, score = decode(heat.float())
        cells = np.array([heat.shape[3] - 1, heat.shape[2] - 1])
        size = boxes[:, None, 2:] - boxes[:, None, :2]
        xy = boxes[:, None, :2] + at.double().cpu().numpy() / cells * size
        score = score.clamp(0, 1).double().cpu().numpy()
        return Keypoints2D(xy, score, extent(xy, score, SEEN), self.skeleton)

    @torch.inference_mode()
    def _heat(self, crops: np.ndarray) -> torch.Tensor:
        mean, spread = (torch.tensor(v, device=self.device)[:, None, None] for v in (MEAN, SPREAD))
        image = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        # Networks trained on several data sets at once (ViTPose+) have COCO as their first.
        which = torch.zeros(len(crops), dtype=torch.long, device=self.device) if self._mixes else None
        return self.network((image - mean) / spread, dataset_index=which).heatmaps


def load_vitpose(weights: str) -> nn.Module:
    """The network of COCO's joints, from a folder or the hub's cache on this machine; nothing is downloaded.

    ConfigError where `transformers` is missing, WeightsError where weights are, or are of other joints.
    """
    transformers = needed("transformers", "vitpose")
    folder = Path(weights).expanduser()
    try:
        network = transformers.VitPoseForPoseEstimation.from_pretrained(
            str(folder) if folder.is_dir() else weights, local_files_only=True
        )
    except AttributeError as error:
        version = transformers.__version__
        raise ConfigError(f"the estimator vitpose needs transformers 4.48 or newer, not {version}") from error
    except Exception as error:  # the library has errors of many kinds
        raise WeightsError(
            f"the weights {weights} of ViTPose are not on this machine, or broken ({type(error).__name__}): "
            f"run `hf download {weights}`, or give the path of a folder in vitpose.weights"
        ) from error
    if network.config.num_labels != len(TopDown.skeleton):
        raise WeightsError(
            f"the weights {weights} are of {network.config.num_labels} joints; vitpose takes COCO's 17"
        )
    return network.eval()


def crop_boxes(boxes: np.ndarray, aspect: float) -> np.ndarray:
    """Boxes (N,4) about the same middles, widened, and grown to width / height = aspect."""
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    width = np.maximum(size[:, 0], size[:, 1] * aspect) * PADDING
    half = np.stack([width, width / aspect], -1) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def crop(rgb: np.ndarray, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N,height,width,3) uint8, black outside the image; outermost pixels look at the boxes' edges (UDP)."""
    crops = np.empty((len(boxes), height, width, 3), np.uint8)
    for (x0, y0, x1, y1), one in zip(boxes, crops, strict=True):
        affine = np.array([[(x1 - x0) / (width - 1), 0, x0], [0, (y1 - y0) / (height - 1), y0]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(rgb, affine, (width, height), dst=one, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return crops
