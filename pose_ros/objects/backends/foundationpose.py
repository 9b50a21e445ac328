"""FoundationPose, where the user has installed it: its estimator is called, none of it is here.

Wen et al., "FoundationPose: Unified 6D Pose Estimation and Tracking of Novel Objects", CVPR 2024.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.config import option
from pose_ros.errors import BackendError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.backends.backend import Found, Model, PoseBackend, tried, undistorted
from pose_ros.objects.backends.evidence import Proposal, best_of
from pose_ros.objects.backends.meshes import as_trimesh
from pose_ros.types import Detections2D, RGBDFrame

LICENCE = "NVIDIA Source Code License: research and evaluation only, no commercial use"
INSTALL = (
    "FoundationPose is not installed here. It needs an NVIDIA GPU: clone github.com/NVlabs/FoundationPose, "
    "build it and fetch its weights as its readme says, and give its folder as `root` (or put it on "
    "PYTHONPATH). "
    f"Its licence: {LICENCE}"
)
TURNS = 12  # of a continuous symmetry, as FoundationPose wants them listed


@dataclass(frozen=True)
class FoundationPoseConfig:
    root: str = option("", "folder of the user's clone of FoundationPose; empty: it is on PYTHONPATH")
    iterations: int = option(5, "refinements of each hypothesis", range=(1, 50))
    least_agreement: float = option(
        0.4, "poses that depth agrees with less are not reported", range=(0.0, 1.0)
    )


class FoundationPoseBackend(PoseBackend):
    """Every detection is registered with every model it may be; depth decides which of them are right.

    Its estimator takes metres, a pinhole camera and 0 for no depth, and returns the pose of the mesh's own
    origin. Its scores compare hypotheses of one object only, so that the score here is agreement with depth.
    """

    name = "foundationpose"
    licence = LICENCE

    def __init__(self, config: FoundationPoseConfig | None = None) -> None:
        self.config = config or FoundationPoseConfig()
        self._api = _installation(self.config.root)
        self._scorer = self._api.ScorePredictor()
        self._refiner = self._api.PoseRefinePredictor()
        self._context = importlib.import_module("nvdiffrast.torch").RasterizeCudaContext()
        self._scratch = tempfile.TemporaryDirectory(prefix="foundationpose_")
        self._estimators: dict[str, tuple[Model, Any]] = {}

    def __call__(
        self,
        frame: RGBDFrame,
        detections: Detections2D,
        models: Mapping[str, Model],
        labels: Collection[str] | None = None,
    ) -> Found:
        plain, masks = undistorted(frame, detections.mask)
        depth = np.nan_to_num(plain.depth, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
        proposals, reasons = [], {}
        for number, label in tried(detections, models, labels):
            mask = masks[number]
            if ((depth > 0.1) & mask).sum() < 4:  # it would return the identity
                reasons[label] = "there is no depth on it"
                continue
            pose = self._estimator(models[label]).register(
                K=plain.camera.matrix,
                rgb=plain.rgb,
                depth=depth,
                ob_mask=mask,
                iteration=self.config.iterations,
            )
            pose = as_array(pose).reshape(4, 4)
            proposals.append(
                Proposal(label, RigidTransform(pose[:3, :3], pose[:3, 3]), detections.mask[number])
            )
        for label in models:
            if (labels is None or label in labels) and not any(p.label == label for p in proposals):
                reasons.setdefault(label, "no detection may be it")
        return best_of(frame, dict(models), proposals, self.config.least_agreement, reasons)

    def _estimator(self, model: Model) -> Any:
        kept = self._estimators.get(model.label)
        if kept is None or kept[0] is not model:
            mesh = as_trimesh(model.mesh)
            estimator = self._api.FoundationPose(
                model_pts=np.asarray(mesh.vertices),
                model_normals=np.asarray(mesh.vertex_normals),
                symmetry_tfs=symmetry_matrices(model),
                mesh=mesh,
                scorer=self._scorer,
                refiner=self._refiner,
                glctx=self._context,
                debug=0,
                debug_dir=self._scratch.name,
            )
            self._estimators[model.label] = model, estimator
        return self._estimators[model.label][1]


def symmetry_matrices(model: Model) -> np.ndarray:
    """(M,4,4) float32 motions of the object onto itself."""
    motions = model.symmetries.sampled(TURNS)
    matrices = np.tile(np.eye(4, dtype=np.float32), (len(motions.rotation), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = motions.rotation, motions.translation
    return matrices


def as_array(values: Any) -> np.ndarray:
    """float64, from an array or a tensor on any device."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=float)


def _installation(root: str) -> Any:
    """Its module `estimater` (its own spelling)."""
    if root:
        folder = Path(root).expanduser()
        if not (folder / "estimater.py").is_file():
            raise BackendError(f"{folder} is no clone of FoundationPose: it has no estimater.py. {INSTALL}")
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("estimater")
    except ImportError as error:
        raise BackendError(f"{INSTALL} ({error})") from error
