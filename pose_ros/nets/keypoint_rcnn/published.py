"""torchvision's key-point R-CNN with a ResNet-50 and a feature pyramid, without torchvision.

Sources: He et al., "Mask R-CNN", 2017; Ren et al., "Faster R-CNN", 2015; the state dict of torchvision's
`keypointrcnn_resnet50_fpn`, whose names the modules bear. It tells joints and no masks. The published weights
were not run here: their publisher could not be reached.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.nets.boxes import anchors, clip, decode, nms
from pose_ros.nets.checkpoint import fill, read_state
from pose_ros.nets.keypoint_rcnn.found import Found, peaks, peaks_resized
from pose_ros.nets.resnet import DEVIATION, MEAN, ResNet
from pose_ros.nets.roi import RoIAlign

STRIDES = (4, 8, 16, 32)
SIZES, RATIOS = (32, 64, 128, 256, 512), (0.5, 1.0, 2.0)
WIDTH, JOINTS = 256, 17
SHORTER, LONGER = 800, 1333  # px; the picture's shorter side becomes 800 unless the longer would exceed 1333
PROPOSALS = 1000  # of a level, and of the image
SAME_PROPOSAL = 0.7  # IoU
CODE = (10.0, 10.0, 5.0, 5.0)
BOX_BINS = RoIAlign(7, sampling=2, aligned=False)
JOINT_BINS = RoIAlign(14, sampling=2, aligned=False)


class ResNet50KeypointRCNN(nn.Module):
    def __init__(self, shorter: int = SHORTER, longer: int = LONGER) -> None:
        super().__init__()
        self.shorter, self.longer = shorter, longer
        self.backbone = nn.ModuleDict({"body": ResNet(50), "fpn": _Pyramid(ResNet.channels)})
        self.rpn = nn.ModuleDict({"head": _ProposalHead()})
        joints = [nn.Conv2d(512 if n else WIDTH, 512, 3, padding=1) for n in range(8)]
        places = nn.ConvTranspose2d(512, JOINTS, 4, stride=2, padding=1)
        fc6, fc7 = nn.Linear(WIDTH * 49, 1024), nn.Linear(1024, 1024)
        score, better = nn.Linear(1024, 2), nn.Linear(1024, 8)  # of nothing and of a person
        self.roi_heads = nn.ModuleDict({
            "box_head": nn.ModuleDict({"fc6": fc6, "fc7": fc7}),
            "box_predictor": nn.ModuleDict({"cls_score": score, "bbox_pred": better}),
            "keypoint_head": nn.Sequential(*(part for conv in joints for part in (conv, nn.ReLU()))),
            "keypoint_predictor": nn.ModuleDict({"kps_score_lowres": places}),
        })  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0  # as torchvision sets it for these weights
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def fit(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """The image (1,3,H,W) of 0..255 as the network wants it, and how much of that is picture."""
        image = (image - self.mean) / self.deviation
        low, high = sorted(image.shape[2:])
        scale = min(self.shorter / low, self.longer / high)
        image = F.interpolate(
            image, scale_factor=scale, mode="bilinear", align_corners=False, recompute_scale_factor=True
        )
        height, width = image.shape[2:]
        return F.pad(image, (0, -width % 32, 0, -height % 32)), (height, width)

    @torch.inference_mode()
    def find(
        self, image: Tensor, size: tuple[int, int], most: int, min_score: float, most_iou: float
    ) -> Found:
        """The people of one image from `fit`, of which height and width `size` hold the picture."""
        maps = self.backbone["fpn"](self.backbone["body"](image))
        boxes = self.proposals(maps, image.shape[2:], size)
        maps = maps[: len(STRIDES)]
        boxes, score = self.judge(maps, boxes, size)
        real = (score >= min_score) & ((boxes[:, 2:] - boxes[:, :2]) >= 0.01).all(1)
        boxes, score = boxes[real], score[real]
        keep = nms(boxes, score, most_iou)[:most]
        boxes, score = boxes[keep], score[keep]
        heat = self.heat(maps, boxes)
        return Found(boxes, score, peaks_resized(heat, boxes), peaks(heat, boxes)[1], boxes, None)

    def proposals(self, maps: list[Tensor], canvas: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """Boxes (M,4) px that may hold something, the likeliest first."""
        boxes, chances = [], []
        for one, side in zip(maps, SIZES, strict=True):
            logit, code = self.rpn["head"](one)
            cells = tuple(one.shape[2:])
            stride = (canvas[0] // cells[0], canvas[1] // cells[1])
            every = anchors(side, RATIOS, cells, stride, one.device)
            logit = logit[0].permute(1, 2, 0).flatten()
            code = code[0].reshape(len(RATIOS), 4, *cells).permute(2, 3, 0, 1).reshape(-1, 4)
            best, at = logit.topk(min(PROPOSALS, len(logit)))
            here = clip(decode(code[at], every[at]), *size)
            some = ((here[:, 2:] - here[:, :2]) >= 1e-3).all(1)
            kept = nms(here[some], best[some], SAME_PROPOSAL)
            boxes.append(here[some][kept])
            chances.append(best[some][kept])
        order = torch.cat(chances).argsort(descending=True, stable=True)[:PROPOSALS]
        return torch.cat(boxes)[order]

    def judge(self, maps: list[Tensor], boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Better boxes (M,4) and how likely each is a person, (M,)."""
        heads = self.roi_heads
        bins = BOX_BINS(maps, STRIDES, boxes, boxes.new_zeros(len(boxes), dtype=torch.long))
        x = F.relu(heads["box_head"]["fc7"](F.relu(heads["box_head"]["fc6"](bins.flatten(1)))))
        score = heads["box_predictor"]["cls_score"](x).softmax(-1)[:, 1]
        code = heads["box_predictor"]["bbox_pred"](x)[:, 4:]
        return clip(decode(code, boxes, CODE), *size), score

    def heat(self, maps: list[Tensor], boxes: Tensor) -> Tensor:
        """Logits (M,17,56,56) of the joints' places in the boxes (M,4)."""
        bins = JOINT_BINS(maps, STRIDES, boxes, boxes.new_zeros(len(boxes), dtype=torch.long))
        x = self.roi_heads["keypoint_predictor"]["kps_score_lowres"](self.roi_heads["keypoint_head"](bins))
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class _Pyramid(nn.Module):
    """Maps at strides 4 to 32 -> maps at strides 4 to 64, WIDTH channels each."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(nn.Conv2d(n, WIDTH, 1) for n in channels)
        self.layer_blocks = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in channels)

    def forward(self, maps: tuple[Tensor, ...]) -> list[Tensor]:
        up, out = None, []
        for one, inner, layer in list(zip(maps, self.inner_blocks, self.layer_blocks, strict=True))[::-1]:
            one = inner(one)
            up = one if up is None else one + F.interpolate(up, size=one.shape[2:], mode="nearest")
            out.insert(0, layer(up))
        return [*out, F.max_pool2d(out[-1], 1, 2)]


class _ProposalHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.cls_logits = nn.Conv2d(WIDTH, len(RATIOS), 1)
        self.bbox_pred = nn.Conv2d(WIDTH, 4 * len(RATIOS), 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.conv(features))
        return self.cls_logits(x), self.bbox_pred(x)


def load_published(path: Path, network: ResNet50KeypointRCNN | None = None) -> ResNet50KeypointRCNN:
    """The network with the weights of torchvision's file; WeightsError says what does not fit.

    A state dict that a newer torchvision has saved has other names for some convolutions, and is read, too.
    """
    theirs = {_as_published(name): tensor for name, tensor in read_state(path).items()}
    return fill(network or ResNet50KeypointRCNN(), theirs, path)


def _as_published(name: str) -> str:
    """backbone.fpn.inner_blocks.0.0.weight -> backbone.fpn.inner_blocks.0.weight, and alike."""
    return re.sub(r"^(backbone\.fpn\.\w+\.\d|rpn\.head\.conv)(\.0)+\.", r"\1.", name)
