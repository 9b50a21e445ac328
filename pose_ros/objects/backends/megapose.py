"""MegaPose, where the user has installed it with HappyPose: its estimator is called, none of it is here.

Labbé et al., "MegaPose: 6D Pose Estimation of Novel Objects via Render & Compare", CoRL 2022.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.errors import BackendError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.backends.backend import Found, Model, PoseBackend, tried, undistorted
from pose_ros.objects.backends.evidence import Proposal, best_of
from pose_ros.objects.backends.foundationpose import as_array
from pose_ros.objects.backends.meshes import as_trimesh
from pose_ros.types import Detections2D, RGBDFrame

LICENCE = "HappyPose BSD-2-Clause, MegaPose Apache-2.0, software and weights; commercial use is allowed"
INSTALL = (
    "HappyPose is not installed here: follow github.com/agimus-project/happypose (pip install with the extra "
    "pypi, then python -m happypose.toolbox.utils.download --megapose_models, with HAPPYPOSE_DATA_DIR set). "
    f"Its licence: {LICENCE}"
)
VARIANTS = (
    "megapose-1.0-RGB",
    "megapose-1.0-RGBD",
    "megapose-1.0-RGB-multi-hypothesis",
    "megapose-1.0-RGB-multi-hypothesis-icp",
)


@dataclass(frozen=True)
class MegaPoseConfig:
    variant: str = option("megapose-1.0-RGB-multi-hypothesis", "one of its named models", choices=VARIANTS)
    workers: int = option(4, "processes that render", range=(1, 64))
    least_agreement: float = option(
        0.3, "poses that depth agrees with less are not reported", range=(0.0, 1.0)
    )


class MegaPoseBackend(PoseBackend):
    """All detections with all models they may be, in one batch; depth decides which of them are right.

    MegaPose takes boxes rather than masks, metres, and 0 for no depth, and returns poses of the mesh's own
    origin. The models are loaded once for each set of them.
    """

    name = "megapose"
    licence = LICENCE

    def __init__(self, config: MegaPoseConfig | None = None, device: str | None = None) -> None:
        self.config = config or MegaPoseConfig()
        self._api = _installation()
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._scratch = tempfile.TemporaryDirectory(prefix="megapose_")
        self._known: dict[str, Model] = {}
        self._estimator: Any = None

    def __call__(
        self,
        frame: RGBDFrame,
        detections: Detections2D,
        models: Mapping[str, Model],
        labels: Collection[str] | None = None,
    ) -> Found:
        plain, masks = undistorted(frame, detections.mask)
        boxes = Detections2D(masks, detections.label, detections.score).box_xyxy
        pairs = [(n, label) for n, label in tried(detections, models, labels) if np.isfinite(boxes[n]).all()]
        wanted = [label for label in models if labels is None or label in labels]
        absent = {label for _, label in pairs} ^ set(wanted)
        reasons = {label: "no detection may be it" for label in wanted if label in absent}
        proposals = []
        if pairs:
            self._load(models)
            for number, label, pose in self._infer(plain, boxes, pairs):
                motion = RigidTransform(pose[:3, :3], pose[:3, 3])
                proposals.append(Proposal(label, motion, detections.mask[number]))
        return best_of(frame, dict(models), proposals, self.config.least_agreement, reasons)

    def _infer(
        self, frame: RGBDFrame, boxes: np.ndarray, pairs: list[tuple[int, str]]
    ) -> list[tuple[int, str, np.ndarray]]:
        """Detection, label and pose (4,4) m for each pair that it has a pose of."""
        named = self._api.NAMED_MODELS[self.config.variant]
        depth = np.nan_to_num(frame.depth, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
        observation = self._api.ObservationTensor.from_numpy(
            frame.rgb, depth if named["requires_depth"] else None, frame.camera.matrix
        ).to(self._device)
        infos = self._api.DataFrame(
            {
                "label": [label for _, label in pairs],
                "batch_im_id": [0] * len(pairs),
                "instance_id": [number for number, _ in pairs],
            }
        )
        tensor = torch.as_tensor(np.stack([boxes[number] for number, _ in pairs]), dtype=torch.float32)
        asked = self._api.PandasTensorCollection(infos=infos, bboxes=tensor).to(self._device)
        answer, _ = self._estimator.run_inference_pipeline(
            observation, detections=asked, **named["inference_parameters"]
        )
        poses = as_array(answer.poses)
        numbers, names = list(answer.infos["instance_id"]), list(answer.infos["label"])
        return [(int(n), str(name), pose) for n, name, pose in zip(numbers, names, poses, strict=True)]

    def _load(self, models: Mapping[str, Model]) -> None:
        """Its networks with these models; meshes go through files, in metres."""
        same = models.keys() == self._known.keys() and all(models[k] is self._known[k] for k in models)
        if same and self._estimator is not None:
            return
        objects = []
        for number, model in enumerate(models.values()):
            folder = Path(self._scratch.name) / f"{number:04d}"
            folder.mkdir(exist_ok=True)
            path = folder / "mesh.obj"
            as_trimesh(model.mesh).export(path)
            objects.append(self._api.RigidObject(label=model.label, mesh_path=path, mesh_units="m"))
        dataset = self._api.RigidObjectDataset(objects)
        self._estimator = self._api.load_named_model(
            self.config.variant, dataset, n_workers=self.config.workers
        ).to(self._device)
        self._known = dict(models)


def _installation() -> SimpleNamespace:
    """What of HappyPose is called."""
    toolbox = "happypose.toolbox"
    places = {
        "RigidObject": f"{toolbox}.datasets.object_dataset",
        "RigidObjectDataset": f"{toolbox}.datasets.object_dataset",
        "ObservationTensor": f"{toolbox}.inference.types",
        "NAMED_MODELS": f"{toolbox}.utils.load_model",
        "load_named_model": f"{toolbox}.utils.load_model",
        "PandasTensorCollection": f"{toolbox}.utils.tensor_collection",
        "DataFrame": "pandas",
    }
    try:
        return SimpleNamespace(
            **{name: getattr(importlib.import_module(module), name) for name, module in places.items()}
        )
    except (ImportError, AttributeError) as error:
        raise BackendError(f"{INSTALL} ({error})") from error
