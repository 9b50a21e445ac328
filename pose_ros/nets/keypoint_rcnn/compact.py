"""A small Mask R-CNN with key points: proposals, then box, mask and joints of each, from features under it.

Source: He et al., "Mask R-CNN", 2017. Smaller than the paper's in everything, and with middles of people in
place of anchors.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.nets.boxes import clip, decode, grown, nms
from pose_ros.nets.keypoint_rcnn.features import STRIDES, Narrow, Seen, Wide
from pose_ros.nets.keypoint_rcnn.found import Found, peaks
from pose_ros.nets.keypoint_rcnn.heads import (
    BOX_BINS,
    HEAT_BINS,
    SHAPE_BINS,
    STRIDE,
    BoxHead,
    ProposalHead,
    ShapeHead,
)

SHRINKS = 32  # sides of images are multiples of this
CODE = (10.0, 10.0, 5.0, 5.0)  # weights of the box head's code
MARGIN = 1.2  # joints and masks are looked for in boxes so much larger, for a box may be too small
SAME_PROPOSAL = 0.7  # IoU


class CompactKeypointRCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.narrow = Narrow()
        self.wide = Wide(self.narrow.channels)
        self.propose = ProposalHead()
        self.box = BoxHead()
        self.shape = ShapeHead()

    def features(self, image: Tensor) -> Seen:
        """Maps at STRIDES of an image (B,3,H,W) RGB in 0..255."""
        maps, heat = self.narrow(image)
        return Seen(self.wide(maps), heat)

    def proposals(self, seen: Seen, most: int) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (M,4) px, probabilities (M,) and the image (M,) of each: `most` an image, the surest ones."""
        heat, boxes = self.propose(seen.maps[STRIDES.index(STRIDE)])
        return best_middles(heat, boxes, most)

    def judge(self, seen: Seen, boxes: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logit (M,) of a person and code (M,4) of the better box."""
        return self.box(BOX_BINS(seen.maps, STRIDES, boxes, image))

    def look(self, seen: Seen, frame: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of masks (M,28,28) and joints (M,17,56,56), told in the boxes `frame` (M,4) px."""
        bins = SHAPE_BINS(seen.maps, STRIDES, frame, image)
        return self.shape(bins, HEAT_BINS([seen.heat], STRIDES[:1], frame, image))

    @torch.inference_mode()
    def find(
        self, image: Tensor, size: tuple[int, int], most: int, min_score: float, most_iou: float
    ) -> Found:
        """The people of one image (1,3,H,W), of which height and width `size` hold the picture."""
        seen = self.features(image)
        boxes, chance, of = self.proposals(seen, 2 * most)
        keep = nms(boxes, chance, SAME_PROPOSAL)
        boxes, chance, of = boxes[keep], chance[keep], of[keep]
        logit, code = self.judge(seen, boxes, of)
        boxes = clip(decode(code, boxes, CODE), *size)
        # Both stages must believe in a person (Zhou et al., 2021).
        score = (chance * logit.sigmoid()).sqrt()
        real = (score >= min_score**2) & ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(-1)
        boxes, score = boxes[real], score[real]
        keep = nms(boxes, score, max(most_iou, SAME_PROPOSAL))
        boxes, score = boxes[keep], score[keep]
        frame = grown(boxes, MARGIN)
        mask, heat = self.look(seen, frame, torch.zeros_like(keep))
        xy, point_score = peaks(heat, frame)
        # And so must the joints, which tell people from what is no one better than the box does.
        score = (score * point_score.mean(-1)).sqrt()
        keep = nms(boxes, score, most_iou)
        keep = keep[score[keep] >= min_score][:most]
        return Found(*(one[keep] for one in (boxes, score, xy, point_score, frame, mask)))


def best_middles(heat: Tensor, boxes: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (M,4), probabilities (M,), images (M,) of the highest peaks of heat (B,1,H,W)."""
    chance = heat.sigmoid()
    chance = torch.where(F.max_pool2d(chance, 3, 1, 1) == chance, chance, 0.0).flatten(1)
    best, at = chance.topk(min(most, chance.shape[1]))
    boxes = boxes.flatten(2).transpose(1, 2)
    chosen = torch.take_along_dim(boxes, at[..., None], 1)
    image = torch.arange(len(heat), device=heat.device)[:, None].expand_as(at)
    return chosen.reshape(-1, 4), best.flatten(), image.flatten()
