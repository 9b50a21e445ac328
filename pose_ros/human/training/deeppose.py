"""What DeepPose learns from: crops of people, errors like those it makes, and how wrong it is.

Source: Toshev & Szegedy, "DeepPose", CVPR 2014: later stages learn from simulated errors of the earlier ones.
Here all stages learn at once: half of the time a stage starts from what the one before says, half of the time
from the truth, displaced as far as that stage says that it errs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pose_ros.config import option
from pose_ros.errors import SourceError
from pose_ros.eval.metrics import torso_size
from pose_ros.human.box_crops import BoxCrops
from pose_ros.human.training.augment import AugmentConfig, augmented, warped
from pose_ros.human.training.pictures import TrainingPicture
from pose_ros.nets.deeppose import HEIGHT, MARGIN, STAGES, WIDTH, DeepPoseNetwork
from pose_ros.nets.mobilenet import start_from_movenet, start_from_movenets_heat

NEAR = 0.2  # of the torso: a joint is right
FARTHEST = 0.15  # scale of simulated errors, in heights of the crop
SMALLEST = 0.1  # torso in heights of the crop, below which errors count no more
LEAST_JOINTS, LEAST_HEIGHT = 4, 24  # visible, and px of the box: people of whom less is seen teach nothing


@dataclass(frozen=True)
class DeepPoseTrainConfig:
    people: int = option(32, "crops a step", range=(1, 1024))
    frozen: int = option(13, "first blocks of the backbone that stay MoveNet's", range=(0, 17))
    shift: float = option(0.08, "how far boxes are off, in sides (standard deviation)", range=(0, 1))
    stretch: float = option(0.15, "how much boxes are too large or small (of the logarithm)", range=(0, 1))
    turn: float = option(20.0, "how far crops are turned (standard deviation)", unit="deg", range=(0, 180))
    half: float = option(0.15, "chance of a box about a part of the person", range=(0, 1))


@dataclass(frozen=True)
class Crops:
    """B crops. image: (B,3,224,160) uint8. xy: (B,17,2), in the network's unit. labelled: (B,17) bool.

    size: (B,) torsos in the same unit.
    """

    image: Tensor
    xy: Tensor
    labelled: Tensor
    size: Tensor

    def __len__(self) -> int:
        return len(self.size)


class DeepPoseObjective:
    name = "deeppose"
    about = (
        "DeepPose (Toshev & Szegedy 2014): regression of the 17 COCO joints from a crop of a person, then "
        "two stages that look at a window about each joint. A MobileNetV2 with a feature pyramid; that and "
        "the first maps of joints began as those of Google's MoveNet MultiPose (Apache-2.0)."
    )

    def __init__(
        self,
        config: DeepPoseTrainConfig | None = None,
        augment: AugmentConfig | None = None,
        network: DeepPoseNetwork | None = None,
    ) -> None:
        self.config = config = config or DeepPoseTrainConfig()
        self.augment = augment or AugmentConfig()
        if network is None:
            network = DeepPoseNetwork()
            start_from_movenet(network.pyramid)
            start_from_movenets_heat(network.evidence.look, network.evidence.heat)
        self.network = network.to(memory_format=torch.channels_last)
        self.settings = network.config
        backbone = network.pyramid.backbone
        for part in (backbone.stem, *backbone.blocks[: config.frozen]):
            part.requires_grad_(False)

    def batch(self, pictures: Sequence[TrainingPicture], rng: np.random.Generator) -> Crops:
        """As many crops as the config says, whatever the number of pictures."""
        if not any(teachers(picture) for picture in pictures):
            raise SourceError(f"nobody can be learnt from in {len(pictures)} pictures")
        crops: list[Crops] = []
        while len(crops) < self.config.people:
            for n in rng.permutation(len(pictures)):
                picture = augmented(pictures[n], rng, self.augment)
                crops += [self._crop(picture, person, rng) for person in teachers(picture)]
                if len(crops) >= self.config.people:
                    break
        return joined(crops[: self.config.people])

    def _crop(self, picture: TrainingPicture, person: int, rng: np.random.Generator) -> Crops:
        only = picture.select([person])
        x0, y0, x1, y1 = only.box_xyxy[0]
        if rng.random() < self.config.half:  # as if the lower or upper part were out of sight
            share = rng.uniform(0.45, 0.9) * (y1 - y0)
            y0, y1 = (y0, y0 + share) if rng.random() < 0.8 else (y1 - share, y1)
        side = np.array([x1 - x0, y1 - y0])
        middle = (np.array([x0 + x1, y0 + y1]) + rng.normal(0, self.config.shift, 2) * side) / 2
        half = side / 2 * np.exp(rng.normal(0, self.config.stretch, 2))
        window = BoxCrops.around(np.concatenate([middle - half, middle + half]), WIDTH / HEIGHT, MARGIN)
        matrix = _turned(window.crop_from_image(HEIGHT)[0], np.deg2rad(rng.normal(0, self.config.turn)))
        return _cut(only, matrix, tuple(rng.integers(0, 256, 3).tolist()))

    def losses(self, crops: Crops) -> dict[str, Tensor]:
        network = self.network
        device = next(network.parameters()).device
        crops = Crops(*(tensor.to(device) for tensor in vars(crops).values()))
        maps = network.maps(crops.image.float(), short=True)
        losses, start = {}, None
        for stage in range(STAGES):
            xy, log_scale, logit = network.first(maps) if stage == 0 else network.next(maps, start, stage)
            off = (xy - crops.xy).abs().sum(-1)
            unit = crops.size.clamp(min=SMALLEST)[:, None]
            law = off.detach() * torch.exp(-log_scale) + 2 * log_scale  # Laplace's, of x and y
            losses[f"place_{stage + 1}"] = _mean(off / unit, crops.labelled)
            losses[f"scale_{stage + 1}"] = 0.02 * _mean(law, crops.labelled)
            start = self._errant(xy.detach(), log_scale.detach(), crops)
        right = torch.linalg.vector_norm(xy.detach() - crops.xy, dim=-1) < NEAR * crops.size[:, None]
        right = (right & crops.labelled).float()
        losses["score"] = 0.1 * torch.nn.functional.binary_cross_entropy_with_logits(logit, right)
        return losses

    @staticmethod
    def _errant(xy: Tensor, log_scale: Tensor, crops: Crops) -> Tensor:
        """Where the next stage starts."""
        scale = log_scale.exp().clamp(max=FARTHEST)[..., None]
        displaced = crops.xy + torch.distributions.Laplace(0.0, scale.expand_as(xy)).sample()
        simulated = (torch.rand(len(xy), 1, device=xy.device) < 0.5) & crops.labelled
        return torch.where(simulated[..., None], displaced, xy)

    @torch.inference_mode()
    def validate(self, pictures: Sequence[TrainingPicture]) -> dict[str, float]:
        """PCK@0.2 of every stage given true boxes, and how far the score is off what comes true."""
        crops, device = true_crops(pictures), next(self.network.parameters()).device
        parts = [self.network(image.to(device).float(), short=True) for image in crops.image.split(16)]
        xy = torch.cat([part.xy for part in parts], 1).cpu().numpy()
        right = np.linalg.norm(xy - crops.xy.numpy(), axis=-1) < NEAR * crops.size.numpy()[:, None]
        score = torch.cat([part.logit for part in parts]).sigmoid().cpu().numpy()
        known = crops.labelled.numpy()
        found = {f"pck_{n + 1}": float(right[n][known].mean()) for n in range(STAGES)}
        return found | {"score_gap": float(score[known].mean() - right[-1][known].mean())}


def teachers(picture: TrainingPicture) -> list[int]:
    """The people of whom enough is seen."""
    box = picture.box_xyxy
    tall = box[:, 3] - box[:, 1] >= LEAST_HEIGHT  # NaN: nothing is in sight
    return np.flatnonzero(tall & (picture.visible.sum(1) >= LEAST_JOINTS)).tolist()


def true_crops(pictures: Sequence[TrainingPicture]) -> Crops:
    """Everyone of whom enough is seen, cut out by their true box."""
    crops = []
    for picture in pictures:
        people = teachers(picture)
        windows = BoxCrops.around(picture.box_xyxy[people], WIDTH / HEIGHT, MARGIN)
        for person, matrix in zip(people, windows.crop_from_image(HEIGHT), strict=True):
            crops.append(_cut(picture.select([person]), matrix, (0, 0, 0)))
    return joined(crops)


def joined(crops: Sequence[Crops]) -> Crops:
    return Crops(*(torch.cat(parts) for parts in zip(*(vars(c).values() for c in crops), strict=True)))


def _cut(only: TrainingPicture, matrix: np.ndarray, fill: tuple[int, int, int]) -> Crops:
    """One person's crop; `matrix` (2,3): px of the picture to px of the crop."""
    crop = warped(only, matrix, (WIDTH, HEIGHT), fill)
    # Measured in the picture, for the torso may reach beyond the crop.
    size = torso_size(only.xy, only.labelled) * np.sqrt(np.linalg.det(matrix[:, :2])) / HEIGHT
    unit = (crop.xy - (np.array([WIDTH, HEIGHT]) - 1) / 2) / HEIGHT
    return Crops(
        torch.from_numpy(crop.rgb).permute(2, 0, 1)[None],
        torch.from_numpy(unit).float(),
        torch.from_numpy(crop.labelled),
        torch.from_numpy(size).float(),
    )


def _turned(matrix: np.ndarray, angle: float) -> np.ndarray:
    """Followed by a turn (rad) about the crop's middle."""
    middle = (np.array([WIDTH, HEIGHT]) - 1) / 2
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn @ matrix[:, :2], turn @ (matrix[:, 2] - middle) + middle])


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Of what is known; the others may be NaN."""
    return torch.where(known, values, 0).sum() / known.sum().clamp(min=1)
