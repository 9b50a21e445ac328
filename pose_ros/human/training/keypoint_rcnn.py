"""Training the compact key-point R-CNN: proposals, boxes, masks and joints at once.

Source: He et al., "Mask R-CNN", 2017, section 3. The features that know real photos stay as they are, so what
is learnt on synthetic people is only to read them. The heads of masks and joints learn from the truth's
boxes, moved a little, and from the proposals that found someone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pose_ros.human.training.augment import AugmentConfig
from pose_ros.human.training.keypoint_rcnn_score import score_network
from pose_ros.human.training.keypoint_rcnn_truth import Truth, on_canvas, truth_of
from pose_ros.human.training.pictures import TrainingPicture
from pose_ros.nets.boxes import area, clip, encode, grown, iou
from pose_ros.nets.keypoint_rcnn.compact import CODE, MARGIN, CompactKeypointRCNN, best_middles
from pose_ros.nets.keypoint_rcnn.features import STRIDES, Seen
from pose_ros.nets.keypoint_rcnn.heads import HEAT, MASK, STRIDE
from pose_ros.nets.roi import RoIAlign

CANVASES = ((256, 192), (192, 256), (256, 256), (320, 256))  # width, height
PROPOSALS = 12  # of a picture that the box head learns from
JITTERED = 2  # boxes beside each true one
SPREAD = (0.05, 0.1, 0.2)  # how far they are off, in sides
SHAPES = 3  # boxes a picture, on the mean, that masks and joints are learnt from
FOUND = 0.5  # IoU from which on a box is that person's
MASK_BINS = RoIAlign(MASK, sampling=3, level=0)
WEIGHT = {"middle": 1.0, "reach": 1.0, "person": 1.0, "box": 1.0, "joints": 1.0, "mask": 2.0}


class KeypointRCNNObjective:
    name = "keypoint_rcnn"
    settings: ClassVar[dict[str, Any]] = {}
    about = (
        "Compact Mask R-CNN with key points (COCO-17): people's boxes, masks and joints. Backbone, first "
        "feature pyramid and the heat maps that the key-point head starts from are those of Google's MoveNet "
        "MultiPose (Apache-2.0), unchanged; the wider pyramid and the heads were trained by this project on "
        "synthetic people only."
    )

    def __init__(self, network: CompactKeypointRCNN | None = None) -> None:
        self.augment = AugmentConfig()
        if network is None:
            network = CompactKeypointRCNN()
            network.narrow.start_from_movenet()
        self.network = network.to(memory_format=torch.channels_last)
        self.network.narrow.requires_grad_(False)

    def batch(self, pictures: Sequence[TrainingPicture], rng: np.random.Generator) -> Truth:
        size = CANVASES[rng.integers(len(CANVASES))]
        return truth_of([on_canvas(picture, rng, size, self.augment) for picture in pictures])

    def losses(self, truth: Truth) -> dict[str, Tensor]:
        """Each part of the loss, weighed; their sum is to be minimised."""
        network = self.network
        truth = truth.to(next(network.parameters()).device)
        with torch.autocast(truth.image.device.type, torch.bfloat16):
            with torch.no_grad():
                known = network.narrow(truth.image.float())
                if not network.wide.is_measured:
                    network.wide.measure(known.maps)
            maps = network.wide(known.maps)
            heat, boxes = network.propose(maps[STRIDES.index(STRIDE)])
            seen = Seen([one.float() for one in maps], known.heat.float())
            parts = dict(zip(("middle", "reach"), middles_loss(heat, boxes, truth), strict=True))
            with torch.no_grad():
                proposed, _, image = best_middles(heat, boxes, PROPOSALS)
                proposed, image, person = self._boxes_to_judge(proposed, image, truth)
            logit, code = network.judge(seen, proposed, image)
            parts |= dict(zip(("person", "box"), box_loss(logit, code, proposed, person, truth), strict=True))
            frame, person = self._frames(proposed, person, len(truth.image))
            mask, points = network.look(seen, frame, truth.of[person])
        parts["mask"] = mask_loss(mask, frame, person, truth)
        parts["joints"] = joints_loss(points, frame, person, truth)
        return {name: WEIGHT[name] * value for name, value in parts.items()}

    def _boxes_to_judge(self, proposed: Tensor, image: Tensor, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (M,4), their pictures (M,), and the person (M,) that each has found, -1 for none."""
        near = self._moved(truth.boxes.repeat(JITTERED, 1))
        proposed = torch.cat([proposed, near])
        image = torch.cat([image, truth.of.repeat(JITTERED)])
        height, width = truth.image.shape[2:]
        proposed = clip(proposed, height, width)
        some = ((proposed[:, 2:] - proposed[:, :2]) >= 2).all(1)
        proposed, image = proposed[some], image[some]
        overlap = iou(proposed, truth.boxes) * (image[:, None] == truth.of)
        if overlap.shape[1] == 0:
            return proposed, image, torch.full_like(image, -1)
        best, person = overlap.max(1)
        return proposed, image, torch.where(best >= FOUND, person, -1)

    @staticmethod
    def _moved(boxes: Tensor) -> Tensor:
        """Boxes whose sides are off by a tenth of the size or so, now and then by much."""
        size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        spread = boxes.new_tensor(SPREAD)[torch.randint(len(SPREAD), (len(boxes), 1))]
        return boxes + size * spread * torch.randn(len(boxes), 4).to(boxes)

    @staticmethod
    def _frames(boxes: Tensor, person: Tensor, pictures: int) -> tuple[Tensor, Tensor]:
        """Boxes (M,4) masks and joints are told in, and whose they are: some of those that found somebody."""
        found = torch.nonzero(person >= 0)[:, 0]
        found = found[torch.randperm(len(found))[: SHAPES * pictures].to(found.device)]
        return grown(boxes[found], MARGIN), person[found]

    @torch.inference_mode()
    def validate(self, pictures: Sequence[TrainingPicture]) -> dict[str, float]:
        """PCK at 0.2 torsos, mask IoU, people found and invented."""
        return score_network(self.network, pictures)


def middles_loss(heat: Tensor, boxes: Tensor, truth: Truth) -> tuple[Tensor, Tensor]:
    """Of middles, focal loss (Zhou et al., "Objects as Points", 2019, eq. 1); of their boxes, GIoU."""
    wanted = torch.zeros_like(heat[:, 0])
    owner = torch.full(wanted.shape, -1, dtype=torch.long, device=heat.device)
    y, x = (STRIDE * (torch.arange(n, device=heat.device) + 0.5) for n in wanted.shape[1:])
    # The smaller people last: where middles meet, the cell is theirs.
    for n in torch.argsort(-area(truth.boxes)).tolist():
        x0, y0, x1, y1 = truth.boxes[n].tolist()
        image = int(truth.of[n])
        dx = (x - (x0 + x1) / 2) / max((x1 - x0) / 8, STRIDE / 2)
        dy = (y - (y0 + y1) / 2) / max((y1 - y0) / 8, STRIDE / 2)
        near = torch.exp(-(dx[None] ** 2 + dy[:, None] ** 2) / 2)
        row, column = int((y0 + y1) / 2 // STRIDE), int((x0 + x1) / 2 // STRIDE)
        row, column = min(row, len(y) - 1), min(column, len(x) - 1)
        near[row, column] = 1
        owner[image][near > 0.6] = n
        wanted[image] = torch.maximum(wanted[image], near)
    logit = heat[:, 0]
    chance = logit.sigmoid()
    peak = wanted == 1
    hit = -((1 - chance) ** 2 * F.logsigmoid(logit))[peak].sum()
    miss = -((1 - wanted) ** 4 * chance**2 * F.logsigmoid(-logit))[~peak].sum()
    middle = (hit + miss) / max(len(truth.boxes), 1)
    told = boxes.permute(0, 2, 3, 1)[owner >= 0]
    reach = 1 - giou(told, truth.boxes[owner[owner >= 0]])
    return middle, reach.sum() / max(len(reach), 1)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU (N,) of pairs of boxes (N,4). Source: Rezatofighi et al., 2019, algorithm 1."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    union = area(a) + area(b) - common
    around = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    return common / union - (around - union) / around


def box_loss(
    logit: Tensor, code: Tensor, boxes: Tensor, person: Tensor, truth: Truth
) -> tuple[Tensor, Tensor]:
    found = person >= 0
    sure = F.binary_cross_entropy_with_logits(logit, found.to(logit.dtype))
    wanted = encode(truth.boxes[person[found]], boxes[found], CODE)
    better = F.smooth_l1_loss(code[found], wanted, reduction="sum") / max(int(found.sum()), 1)
    return sure, better


def mask_loss(mask: Tensor, frame: Tensor, person: Tensor, truth: Truth) -> Tensor:
    """Cross entropy of the logits (M,S,S), and how far from the true mask's shape they are (Dice)."""
    if len(frame) == 0:
        return mask.sum() * 0
    wanted = MASK_BINS([truth.mask], [1], frame, person)[:, 0]
    chance = mask.sigmoid()
    common, both = (chance * wanted).sum((1, 2)), (chance + wanted).sum((1, 2))
    dice = 1 - (2 * common + 1) / (both + 1)
    return F.binary_cross_entropy_with_logits(mask, wanted) + 0.5 * dice.mean()


def joints_loss(points: Tensor, frame: Tensor, person: Tensor, truth: Truth) -> Tensor:
    """Cross entropy over each joint's map (M,17,S,S), its place shared among the four cells about it."""
    cells, weight = cells_of(truth.xy[person], frame)
    weight = weight * (truth.weight[person] > 0)[..., None]
    said = points.flatten(2).log_softmax(-1)
    off = -(torch.take_along_dim(said, cells, 2) * weight).sum(-1)
    counts = truth.weight[person] * (weight.sum(-1) > 0)
    return (off * counts).sum() / counts.sum().clamp(min=1)


def cells_of(xy: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """The four cells (M,K,4) about joints (M,K,2) px in boxes (M,4), and their shares: 0 outside of it."""
    low, extent = frame[:, None, :2], (frame[:, 2:] - frame[:, :2])[:, None]
    at = (xy - low) / extent * HEAT
    inside = ((at >= 0) & (at < HEAT)).all(-1)
    at = (at - 0.5).clamp(0, HEAT - 1)
    first = at.floor().long().clamp(max=HEAT - 2)
    part = at - first
    shares = torch.stack([1 - part, part], -1)  # (M,K,xy,2)
    weight = (shares[:, :, 1, :, None] * shares[:, :, 0, None, :]).flatten(2) * inside[..., None]
    steps = torch.tensor([0, 1, HEAT, HEAT + 1], device=xy.device)
    return (first[..., 1] * HEAT + first[..., 0])[..., None] + steps, weight
