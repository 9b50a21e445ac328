"""Frames with poses of objects written in BOP's layout, for BOPScene and for everybody else who reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.bop import ObjectTruth
from pose_ros.sources.bop_models import BOPModel, write_models
from pose_ros.sources.rgbd_folder import _write_image
from pose_ros.types import RGBDFrame

DEPTH_SCALE = 0.1  # mm a unit


@dataclass(frozen=True)
class Shot:
    """A frame with its truth.

    mask: (N,H,W) bool, what is seen of each object. outline: (N,) px that each would fill if nothing hid it,
    beyond the picture's border, too. camera_from_world: where it is known.
    """

    frame: RGBDFrame
    truth: tuple[ObjectTruth, ...]
    mask: np.ndarray
    outline: np.ndarray
    camera_from_world: RigidTransform | None = None


def write_bop(root: Path, shots: Iterable[Shot], models: Mapping[int, BOPModel], scene_id: int = 0) -> Path:
    """Write root/test/NNNNNN beside root/models; returns the scene's folder. Overwrites what is there."""
    scene = root / "test" / f"{scene_id:06d}"
    for name in ("rgb", "depth", "mask_visib"):
        (scene / name).mkdir(parents=True, exist_ok=True)
        for old in (scene / name).glob("*.png"):
            old.unlink()
    write_models(root / "models", models)
    cameras, poses, infos, targets = {}, {}, {}, []
    for n, shot in enumerate(shots):
        frame = shot.frame
        cameras[n] = {"cam_K": frame.camera.matrix.ravel().tolist(), "depth_scale": DEPTH_SCALE}
        if shot.camera_from_world is not None:
            cameras[n] |= _pose_document("w2c", shot.camera_from_world)
        poses[n] = [{"obj_id": t.obj_id} | _pose_document("m2c", t.camera_from_object) for t in shot.truth]
        infos[n] = [_info(*one, frame.depth) for one in zip(shot.truth, shot.mask, shot.outline, strict=True)]
        ids = [t.obj_id for t in shot.truth]
        targets += [
            {"scene_id": scene_id, "im_id": n, "obj_id": k, "inst_count": ids.count(k)}
            for k in sorted(set(ids))
        ]
        units = np.rint(frame.depth * np.float32(1e3 / DEPTH_SCALE))
        units = np.where((units > 0) & (units <= 65535), units, 0).astype(np.uint16)
        _write_image(scene / "rgb" / f"{n:06d}.png", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
        _write_image(scene / "depth" / f"{n:06d}.png", units)
        for k, mask in enumerate(shot.mask):
            _write_image(scene / "mask_visib" / f"{n:06d}_{k:06d}.png", np.uint8(255) * mask)
    for name, document in (("camera", cameras), ("gt", poses), ("gt_info", infos)):
        lines = ",\n".join(f' "{n}": {json.dumps(entry)}' for n, entry in document.items())
        (scene / f"scene_{name}.json").write_text(f"{{\n{lines}\n}}\n")
    (root / "test_targets_bop19.json").write_text(json.dumps(targets))
    return scene


def _pose_document(name: str, pose: RigidTransform) -> dict:
    return {
        f"cam_R_{name}": pose.rotation.ravel().tolist(),
        f"cam_t_{name}": (1e3 * pose.translation).tolist(),
    }


def _info(truth: ObjectTruth, mask: np.ndarray, outline: int, depth: np.ndarray) -> dict:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [-1] * 4
    if len(rows):
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {
        "bbox_visib": [int(v) for v in box],
        "px_count_all": int(outline),
        "px_count_valid": int(np.isfinite(depth[mask]).sum()),
        "px_count_visib": int(mask.sum()),
        "visib_fract": round(truth.visible, 5),
    }
