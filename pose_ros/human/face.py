"""Face meshes of tracked people by MediaPipe's network: what the head's pose is measured from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.gaze import GazeConfig
from pose_ros.human.regions import Regions
from pose_ros.nets.tflite import load_tflite
from pose_ros.types import Keypoints2D, Keypoints3D
from pose_ros.weights import path_of

SIDE, POINTS = 192, 468
WIDTH = 0.26  # m, of the square about a face that the network looks at
BOX = 1.5  # the same, in sizes of the mesh
EYES, EARS, LEAST = 0.063, 0.15, 12.0  # m, how far they are apart; px, a smaller face shows nothing
EYE_CORNERS = (33, 263)  # outer ones, of the right and of the left eye
BELIEVED = 0.0  # logit from which a mesh says where to look next


@dataclass(frozen=True)
class FaceConfig:
    every: float = option(
        0.2, "how often each face is looked at, for the head's pose", unit="s", range=(0.0, 10.0)
    )
    per_frame: int = option(1, "faces looked at in one frame, at most", range=(0, 100))
    landmarks: bool = option(
        False, "give out faces: 468 points each time one is looked at, head pose; in every picture: every 0"
    )
    gaze: bool = option(False, "look at irises, too, and give out where people look, and landmarks")
    eyes: GazeConfig = field(default_factory=GazeConfig)

    @property
    def is_given_out(self) -> bool:
        return self.landmarks or self.gaze


@dataclass(frozen=True)
class FaceMesh:
    """Faces of some of a frame's people.

    person: (M,) which of them. points: (M,468,3) px of the image, z too: how far behind the others.
    logit: (M,) of there being a face at all.
    """

    person: np.ndarray
    points: np.ndarray
    logit: np.ndarray

    @classmethod
    def empty(cls) -> FaceMesh:
        return cls(np.zeros(0, int), np.zeros((0, POINTS, 3)), np.zeros(0))


class FaceLooker:
    """Looks at the faces of tracked people in turn, and at each where it was found before.

    Raises WeightsError on construction where the network's weights are not on this machine.
    """

    def __init__(self, config: FaceConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        outputs = ("conv2d_21", "conv2d_31")
        self._network = load_tflite(path_of("face_landmarks"), outputs).to(device)
        self.reset()

    def reset(self) -> None:
        """Forget everyone."""
        self._looked: dict[str, float] = {}
        self._place: dict[
            str, np.ndarray
        ] = {}  # where in the usual region the face was: shift (2), size, turn

    @torch.inference_mode()
    def __call__(
        self,
        rgb: np.ndarray,
        camera: PinholeCamera,
        keypoints2d: Keypoints2D,
        keypoints3d: Keypoints3D,
        ids: Sequence[str],
        stamp: float,
    ) -> FaceMesh:
        """Meshes of those people (of N, with N ids) whose turn it is at `stamp`, s."""
        if any(stamp < looked for looked in self._looked.values()):
            self.reset()
        self._looked = {id: looked for id, looked in self._looked.items() if stamp - looked < 10}
        usual = _regions(camera, keypoints2d, keypoints3d, self.config.is_given_out)
        age = np.array([stamp - self._looked.get(id, -np.inf) for id in ids])
        due = (age > self.config.every - 1e-3) & np.isfinite(usual.size)
        order = np.argsort(np.where(due, -age, np.inf), kind="stable")
        chosen = order[: min(int(due.sum()), self.config.per_frame)]
        if not len(chosen):
            return FaceMesh.empty()
        places = np.array([self._place.get(ids[n], np.array([0.0, 0, 1, 0])) for n in chosen])
        usual = usual.select(chosen)
        regions = Regions(
            usual.center + places[:, :2] * usual.size[:, None],
            usual.size * places[:, 2],
            usual.angle + places[:, 3],
        )
        points, logit = self._look(rgb, regions)
        for n, id in enumerate(ids[k] for k in chosen):
            self._looked[id] = stamp
            self._place.pop(id, None)
            if logit[n] > BELIEVED:
                self._place[id] = _place(points[n], usual.select(np.array([n])))
        return FaceMesh(chosen, points, logit)

    def _look(self, rgb: np.ndarray, regions: Regions) -> tuple[np.ndarray, np.ndarray]:
        """Points (M,468,3) px and logits (M,) of the faces in the regions; one batch."""
        crops = torch.from_numpy(regions.crop(rgb, SIDE)).to(self.device)
        points, logit = self._network(crops.permute(0, 3, 1, 2).float().div_(255))
        points = points.float().cpu().numpy().reshape(-1, POINTS, 3).astype(float) / SIDE
        xy = regions.to_image(points[..., :2])
        mesh = np.concatenate([xy, points[..., 2:] * regions.size[:, None, None]], axis=-1)
        return mesh, logit.float().cpu().numpy().reshape(-1).astype(float)


def _regions(
    camera: PinholeCamera, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D, without_depth: bool
) -> Regions:
    """Squares about the faces as the key points have them.

    Who has no depth has a size by the distances of eyes and ears in the picture, NaN unless `without_depth`.
    """
    names = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    nose, left, right, left_ear, right_ear = keypoints2d.skeleton.indices(*names)
    xy = keypoints2d.xy
    eyes = xy[:, left] - xy[:, right]
    # A face from the side shows hardly how it is turned; one seen from behind has its eyes the wrong way.
    angle = np.clip(np.where(eyes[:, 0] > 4, np.arctan2(eyes[:, 1], eyes[:, 0]), 0.0), -0.6, 0.6)
    size = camera.fx * WIDTH / keypoints3d.xyz[:, nose, 2]
    if without_depth:
        ears = np.linalg.norm(xy[:, left_ear] - xy[:, right_ear], axis=-1) / EARS
        guess = np.maximum(np.linalg.norm(eyes, axis=-1) / EYES, ears) * WIDTH
        size = np.where(np.isfinite(size), size, np.where(guess > LEAST, guess, np.nan))
    return Regions((2 * xy[:, nose] + xy[:, left] + xy[:, right]) / 4, size, angle)


def _place(points: np.ndarray, usual: Regions) -> np.ndarray:
    """Where a mesh (468,3) px lies in the usual region: shift (2), size (parts of its size) and turn."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    eyes = points[EYE_CORNERS[1], :2] - points[EYE_CORNERS[0], :2]
    size = BOX * (high - low).max() / usual.size[0]
    turn = np.arctan2(eyes[1], eyes[0]) - usual.angle[0]
    return np.array([*(((low + high) / 2 - usual.center[0]) / usual.size[0]), size, turn])
