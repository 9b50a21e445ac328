"""OpenPose's published networks: module(image (B,3,H,W), 0..255, BGR) -> heat, fields, both (B,C,H/8,W/8)."""

from __future__ import annotations

from pose_ros.nets.openpose.body_25 import Body25
from pose_ros.nets.openpose.checkpoint import load_published
from pose_ros.nets.openpose.coco import Coco18
from pose_ros.nets.openpose.lightweight import Lightweight

__all__ = ["Body25", "Coco18", "Lightweight", "load_published"]
