"""Faces as they are given out where somebody asks: meshes in metres, irises, head and gaze of each person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.face import FaceConfig, FaceMesh
from pose_ros.human.face_template import INDICES, MESH_DEPTH, TEMPLATE
from pose_ros.human.gaze import EyeState, follow_eyes, gaze_frame, look_at_eyes, metres_per_pixel
from pose_ros.human.head import HeadLooks, view_rotation
from pose_ros.human.iris import CORNERS, DIAMETER, Irises, IrisLooker
from pose_ros.human.orient import Orientation
from pose_ros.types import Face, RGBDFrame

NEAR_SKIN = 0.025  # m: depth that far from where the mesh has a point is of something else
LARGE_IRIS = 10.0  # px: irises of that size tell distances better than the size of the face
KEPT = 10.0  # s, that somebody's eyes and score are remembered


class Faces:
    """Faces of tracked people; remembers how everybody's eyes looked and how sure the last look was.

    Raises WeightsError on construction where gaze is asked for and the iris network's weights are not here.
    """

    def __init__(self, config: FaceConfig, device: torch.device) -> None:
        self.config = config
        self._irises = IrisLooker(device) if config.gaze else None
        self.reset()

    def reset(self) -> None:
        """Forget everyone."""
        self._eyes: dict[str, EyeState] = {}
        self._score: dict[str, tuple[float, float]] = {}  # stamp, score

    def __call__(
        self,
        frame: RGBDFrame,
        mesh: FaceMesh,
        looks: HeadLooks,
        ids: Sequence[str],
        oriented: Sequence[Orientation],
    ) -> list[Face | None]:
        """One a person (N ids): None for whom it is not known how the head is turned, or who looks away.

        mesh, looks: of this frame. oriented: the people's frames, whose `head` is the filtered one.
        """
        stamp = frame.stamp_ns * 1e-9
        for memory, when in ((self._eyes, lambda eyes: eyes.stamp), (self._score, lambda score: score[0])):
            for id in [id for id, kept in memory.items() if not 0 <= stamp - when(kept) <= KEPT]:
                del memory[id]
        rows = np.flatnonzero(np.isfinite(looks.rotation[mesh.person]).all((-1, -2)))
        person, points = mesh.person[rows], mesh.points[rows]
        irises = Irises.none(len(rows)) if self._irises is None else self._irises(frame.rgb, points)
        xyz = metric_points(points, looks, person, irises, frame)
        iris_xyz = iris_points(irises, points, xyz, frame.camera)
        eyes = look_at_eyes(irises, points, looks.rotation[person], frame.camera, self.config.eyes)
        row_of = {int(n): row for row, n in enumerate(person)}
        faces: list[Face | None] = []
        for n, id in enumerate(ids):
            row = row_of.get(n)
            if row is not None:
                self._score[id] = stamp, float(1 / (1 + np.exp(-mesh.logit[rows[row]])))
            head = _head(oriented[n], looks, n, None if row is None else xyz[row])
            if head is None or id not in self._score:
                faces.append(None)
                continue
            pose, sigma = head
            seen = (np.full((468, 2), np.nan), np.full((468, 3), np.nan), np.full((2, 5, 2), np.nan),
                    np.full((2, 3), np.nan))  # fmt: skip
            if row is not None:
                seen = points[row, :, :2], xyz[row], irises.points[row], iris_xyz[row]
            gaze: tuple[RigidTransform | None, float] = (None, float("nan"))
            if self.config.gaze:
                unseen = np.full((2, 2), np.nan)
                look = unseen if row is None else (eyes.angles[row], eyes.variance[row])
                state = follow_eyes(self._eyes.get(id), *look, stamp, self.config.eyes)
                self._eyes[id] = state
                gaze = gaze_frame(pose, state.angles), float(np.sqrt(sigma**2 + state.variance.sum()))
            faces.append(Face(self._score[id][1], *seen, pose, sigma, *gaze))
        return faces


def _head(
    oriented: Orientation, looks: HeadLooks, n: int, xyz: np.ndarray | None
) -> tuple[RigidTransform, float] | None:
    """A head's filtered pose and its error, rad; where the body gives it no place, as this look has it."""
    if "head" in oriented.camera_from_joint:
        if "head" in oriented.twist_unobservable:
            return None
        return oriented.camera_from_joint["head"], oriented.sigma["head"]
    if xyz is None or not np.isfinite(xyz).all():
        return None
    rotation = looks.rotation[n]
    place = (xyz[INDICES] - TEMPLATE @ rotation.T).mean(0)
    return RigidTransform(rotation, place), float(np.sqrt(looks.covariance[n, 3, 3]))


def metric_points(
    points: np.ndarray, looks: HeadLooks, person: np.ndarray, irises: Irises, frame: RGBDFrame
) -> np.ndarray:
    """Meshes (M,468,3) px as (M,468,3) m in the optical frame.

    Each point lies on its pixel's ray where depth has the skin, or else, hidden or without depth, where the
    mesh has it behind the others. Heads without any depth are put by the size of their irises (as MediaPipe
    Iris does) or, where those are small, of the face: grown-ups' are alike within a tenth.
    """
    if not len(points):
        return np.zeros((0, 468, 3))
    camera = frame.camera
    rotation = looks.rotation[person]
    middle = camera.rays(points[:, INDICES, :2].mean(1))
    view = view_rotation(middle)
    metres = metres_per_pixel(points, rotation, view)
    inside = points - points[:, INDICES].mean(1, keepdims=True)
    shape = np.einsum("mij,mkj->mki", view, inside * [1, 1, MESH_DEPTH]) * metres[:, None, None]
    placed = looks.position[person, 2] + np.einsum("mj,j->m", rotation[:, 2], TEMPLATE.mean(0))
    guessed = _distance(irises, metres, camera)
    distance = np.where(np.isfinite(placed), placed, guessed)
    z = distance[:, None] + shape[..., 2]
    u, v = np.rint(points[..., 0]).astype(int), np.rint(points[..., 1]).astype(int)
    known = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    skin = frame.depth[v.clip(0, camera.height - 1), u.clip(0, camera.width - 1)]
    z = np.where(known & (np.abs(skin - z) < NEAR_SKIN), skin, z)
    return camera.rays(points[..., :2]) * z[..., None]


def _distance(irises: Irises, metres: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """(M,) m from the camera, without depth."""
    wide = np.where(irises.openness > 0, irises.diameter, np.nan)
    largest = np.nan_to_num(wide, nan=0.0).max(1)  # the eye that is seen least from aside
    by_iris = camera.fx * DIAMETER / np.maximum(largest, 1e-6)
    return np.where(largest >= LARGE_IRIS, by_iris, metres * camera.fx)


def iris_points(irises: Irises, points: np.ndarray, xyz: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """Middles of irises (M,2,3) m: on their rays, as far away as the corners of the eyes."""
    if not len(points):
        return np.zeros((0, 2, 3))
    z = xyz[:, CORNERS, 2].mean(-1)
    return camera.rays(irises.points[:, :, 0]) * z[..., None]
