"""Registration by others, on the same segments and judged alike: Open3D's and OpenCV's."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pose_ros.errors import SourceError
from pose_ros.eval.peer import Peer
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.bop_models import BOPModel
from pose_ros.types import Detections2D, Objects, RGBDFrame, TrackedObject, TrackState

CHILD = Path(__file__).with_name("object_peer_child.py")
PEERS = {
    "open3d": "Open3D: FPFH, RANSAC, ICP",
    "surface_matching": "OpenCV surface_matching: point pair features, ICP",
}
SAMPLES = 20_000  # points of a model's surface
MOST_POINTS = 8_000  # of a segment; peers thin out further themselves


class PeerDetector:
    """A peer as a detector: registers each named mask with the model of that name. A context manager.

    python: interpreter of the peers' environment (bench/requirements-peer.txt). It knows no covariance and no
    probability: its score is how well the points fit.
    """

    def __init__(self, python: Path | str, kind: str, models: Mapping[str, BOPModel]) -> None:
        self.labels = list(models)
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "models.npz"
        rng = np.random.default_rng(0)
        arrays = {}
        for k, model in enumerate(models.values()):
            triangle, weights = model.mesh.sample(SAMPLES, rng)
            arrays[f"points_{k}"] = model.mesh.points(triangle, weights).astype(np.float32)
            arrays[f"normals_{k}"] = model.mesh.normals[triangle].astype(np.float32)
        np.savez(file, **arrays)
        self._peer = Peer(python, kind, file, child=CHILD)
        self.device_note = ", ".join(" ".join(pair) for pair in self._peer.versions.items())

    def detect(self, frame: RGBDFrame, detections: Detections2D | None = None) -> Objects:
        if detections is None or "" in detections.label:
            raise SourceError("peers register masks whose labels are known: --masks given")
        objects = []
        for label, mask in zip(detections.label, detections.mask, strict=True):
            seen = mask & np.isfinite(frame.depth)
            points = frame.camera.ray_grid[seen] * frame.depth[seen][:, None]
            points = points[:: max(len(points) // MOST_POINTS, 1)]
            first = np.array([[self.labels.index(label), 0, 0]], np.float32)
            answer, _ = self._peer(np.vstack([first, points]).astype(np.float32))
            if answer is None:
                continue
            matrix, score = np.array(answer[0]).reshape(4, 4), answer[1]
            pose = RigidTransform(matrix[:3, :3], matrix[:3, 3])
            distance = float(np.linalg.norm(points.mean(0)))
            objects.append(
                TrackedObject(
                    f"{label}_{len(objects)}", label, TrackState.TRACKED, 1, min(score, 1.0), pose,
                    np.eye(6), 1.0, distance, False,
                )
            )  # fmt: skip
        label_image = np.zeros(frame.depth.shape, np.uint8)
        return Objects(tuple(objects), label_image, {}, frame.stamp_ns, frame.frame_id)

    def close(self) -> None:
        self._peer.close()
        self._folder.cleanup()

    def __enter__(self) -> PeerDetector:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
