"""BlazePose for several people: regions tracked from frame to frame, 33 key points and 3D for each.

A person who is tracked costs no detector: the landmark network says where its region will be in the
next frame. New people are looked for now and then, and at once when someone is lost.

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking", 2020; Grishchenko et
al., "BlazePose GHUM Holistic", 2022; pre- and post-processing as their model cards describe it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.movenet import MoveNet, MoveNetConfig
from pose_ros.human.regions import Regions
from pose_ros.human.similarity import distinct, similarity
from pose_ros.nets.tflite import load_tflite
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

SIDE = 256  # px of the landmark network's input
CENTER, TOP = 33, 34  # auxiliary landmarks: the region's centre and its upright point on the circle
OUTPUTS = (0, 1, 4)  # landmarks, presence, 3D; without segmentation and heat maps
AGREE, DETECTOR_WEIGHT = 0.1, 0.65  # of the person's size; weight of a key point both agree on
MARGIN = 1.25  # how much wider than the circle a region is cut

SMALL_PEOPLE_EVERY = 4  # while everyone is followed, only so many searches look for small people too
# Frames from one search to the next while everyone is followed, however slow frames come: on a slow machine
# a search is due at every frame, makes every frame slower, and so stays due.
FRAMES_BETWEEN = 5
# Points the detector does not know move with the joint they hang on.
ATTACHED = {"nose": ("mouth_left", "mouth_right")} | {
    f"{side}_{joint}": tuple(f"{side}_{part}" for part in parts)
    for side in ("left", "right")
    for joint, parts in {
        "eye": ("eye_inner", "eye_outer"),
        "wrist": ("pinky", "index", "thumb"),
        "ankle": ("heel", "foot_index"),
    }.items()
}


@dataclass(frozen=True)
class BlazePoseConfig:
    variant: str = option("full", "size of the landmark network", choices=("lite", "full", "heavy"))
    max_people: int = option(6, "at most this many people are followed", range=(1, 20))
    min_presence: float = option(
        0.5, "a region whose probability of holding a person is below this is dropped", range=(0.0, 1.0)
    )
    same_person: float = option(
        0.5, "two regions whose key points agree more than this (OKS-like) are one person", range=(0.0, 1.0)
    )
    detect_every: float = option(
        1.0, "how often new people are looked for while everyone is tracked", unit="s", range=(0.0, 3600.0)
    )
    search_every: float = option(
        0.2, "how often people are looked for while there is nobody", unit="s", range=(0.0, 3600.0)
    )
    detector: MoveNetConfig = field(default_factory=MoveNetConfig)


class BlazePose(HumanEstimator):
    about = About("regions followed from frame to frame, 33 joints and 3D of each", "Google, Apache-2.0")
    skeleton = BLAZEPOSE_33

    def __init__(self, config: BlazePoseConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self._detector = MoveNet(config.detector, device)
        self._network = load_tflite(path_of(f"blazepose_{config.variant}"), OUTPUTS).to(device)
        self.reset()

    def warm_up(self) -> None:
        self._detector.warm_up()

    def reset(self) -> None:
        self._regions = Regions.empty()
        self._detected_ns: int | None = None
        self._frames = 0  # since the last search
        self._searches = 0  # while everyone was followed

    @torch.inference_mode()
    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        self.stage_ms = {"detect": 0.0, "landmarks": 0.0}
        followed, _ = self._landmarks(rgb, self._regions)
        people = _distinct(followed, self.config.same_person)
        lost = len(people) < len(self._regions)
        self._frames += 1
        if len(people) < self.config.max_people and (lost or self._is_due(stamp_ns, len(people) > 0)):
            self._detected_ns, self._frames = stamp_ns, 0
            self._searches = 0 if lost or not len(people) else self._searches + 1
            # Who comes in is seldom small, and a robot waits for the answer.
            only_large = self._searches % SMALL_PEOPLE_EVERY != 0
            found = self._new_people(rgb, people, only_large)
            people = _distinct(people.joined(found), self.config.same_person)
        people = people.first(self.config.max_people)
        self._regions = people.next_regions()
        return people.keypoints2d()

    def _is_due(self, stamp_ns: int, followed: bool) -> bool:
        """A search for new people is due; `followed`: there are others already."""
        if followed and self._frames < FRAMES_BETWEEN:
            return False
        every = self.config.detect_every if followed else self.config.search_every
        elapsed = np.inf if self._detected_ns is None else (stamp_ns - self._detected_ns) * 1e-9
        return not 0 <= elapsed < every

    def _new_people(self, rgb: np.ndarray, known: _Landmarks, only_large: bool) -> _Landmarks:
        """People the detector sees that are not among those known."""
        started = time.perf_counter()
        detected = self._detector.detect(rgb, only_large)
        if len(known):
            seen = known.keypoints2d()
            shared = seen.xy[:, seen.skeleton.indices(*detected.skeleton.joints)]
            alike = similarity(detected.xy, shared, detected.box_xyxy)
            detected = detected.select(np.flatnonzero(alike.max(axis=1) < self.config.same_person))
        detected = self._detector.look_again(rgb, detected)
        self.stage_ms["detect"] = (time.perf_counter() - started) * 1e3
        # The detector's key points only guess the region; the landmark network's own centre it.
        rough, chosen = self._landmarks(rgb, regions_about(detected))
        found, again = self._landmarks(rgb, rough.next_regions())
        return found.corrected_by(detected.select(chosen[again]))

    def _landmarks(self, rgb: np.ndarray, regions: Regions) -> tuple[_Landmarks, np.ndarray]:
        """What the landmark network sees in the regions, and which of them hold a person; one batch."""
        if not len(regions):
            return _Landmarks.empty(), np.zeros(0, int)
        started = time.perf_counter()
        crops = torch.from_numpy(regions.crop(rgb, SIDE)).to(self.device)
        image = crops.permute(0, 3, 1, 2).float().div_(255)
        outputs = [output.float().cpu().numpy() for output in self._network(image)]
        landmarks = _Landmarks.decode(regions, *outputs)
        self.stage_ms["landmarks"] += (time.perf_counter() - started) * 1e3
        chosen = np.flatnonzero(landmarks.presence >= self.config.min_presence)
        return landmarks.select(chosen), chosen


@dataclass(frozen=True)
class _Landmarks:
    """xy (N,35,2) px with the two auxiliary points last, score (N,33), xyz_root (N,33,3) m, presence (N,)."""

    xy: np.ndarray
    score: np.ndarray
    xyz_root: np.ndarray
    presence: np.ndarray

    @classmethod
    def empty(cls) -> _Landmarks:
        return cls(np.zeros((0, 35, 2)), np.zeros((0, 33)), np.zeros((0, 33, 3)), np.zeros(0))

    @classmethod
    def decode(cls, regions: Regions, landmarks, presence, world) -> _Landmarks:
        """From the network's outputs: 39 x (x, y, z, visibility, presence), a probability, 39 x (x, y, z).

        Visibility and presence are logits; x and y are crop pixels; the 3D is turned with the crop.
        """
        n = len(regions)
        landmarks = landmarks.reshape(n, 39, 5)
        cos, sin, zero = np.cos(regions.angle), np.sin(regions.angle), np.zeros(n)
        turn = np.stack(
            [np.stack([cos, -sin, zero], -1), np.stack([sin, cos, zero], -1), np.zeros((n, 3))], 1
        )
        turn[:, 2, 2] = 1
        return cls(
            xy=regions.to_image(landmarks[:, : TOP + 1, :2] / SIDE),
            score=_sigmoid(landmarks[:, :33, 3]) * _sigmoid(landmarks[:, :33, 4]),
            xyz_root=np.einsum("nij,nkj->nki", turn, world.reshape(n, 39, 3)[:, :33]),
            presence=presence.reshape(n),
        )

    def __len__(self) -> int:
        return len(self.xy)

    def select(self, chosen: np.ndarray) -> _Landmarks:
        return _Landmarks(self.xy[chosen], self.score[chosen], self.xyz_root[chosen], self.presence[chosen])

    def first(self, count: int) -> _Landmarks:
        return self.select(np.arange(min(count, len(self))))

    def joined(self, other: _Landmarks) -> _Landmarks:
        return _Landmarks(
            np.concatenate([self.xy, other.xy]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.xyz_root, other.xyz_root]),
            np.concatenate([self.presence, other.presence]),
        )

    def corrected_by(self, detected: Keypoints2D) -> _Landmarks:
        """The same people with their 2D key points weighed against a detector's, person by person.

        Where both agree, their weighted mean is better than either. Where they do not, the detector
        is right more often: it sees whole groups, and a region often holds parts of two people.
        """
        shared = BLAZEPOSE_33.indices(*detected.skeleton.joints)
        size = np.sqrt(np.maximum(detected.box_xyxy[:, 2:] - detected.box_xyxy[:, :2], 1).prod(axis=-1))
        apart = np.linalg.norm(detected.xy - self.xy[:, shared], axis=-1) / size[:, None]
        weight = np.where(apart < AGREE, DETECTOR_WEIGHT, 1.0)[..., None]
        shift = np.zeros_like(self.xy)
        shift[:, shared] = weight * (detected.xy - self.xy[:, shared])
        for joint, led in ATTACHED.items():  # a hand goes with its wrist
            shift[:, BLAZEPOSE_33.indices(*led)] = shift[:, BLAZEPOSE_33.indices(joint)]
        return replace(self, xy=self.xy + shift)

    def next_regions(self) -> Regions:
        """Where to look for the same people in the next frame."""
        return Regions.around(self.xy[:, CENTER], self.xy[:, TOP], MARGIN)

    def keypoints2d(self) -> Keypoints2D:
        xy = self.xy[:, :CENTER]
        box = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=-1) if len(xy) else np.zeros((0, 4))
        return Keypoints2D(xy, self.score, box, BLAZEPOSE_33, self.xyz_root)


def regions_about(people: Keypoints2D) -> Regions:
    """First guess of BlazePose's regions from COCO key points.

    The circle's centre is the mid-hip; it reaches a tenth beyond the farthest key point that was
    seen (crown and soles lie beyond eyes and ankles) and is upright along the spine.
    """
    hips = people.xy[:, people.skeleton.indices("left_hip", "right_hip")].mean(axis=1)
    shoulders = people.xy[:, people.skeleton.indices("left_shoulder", "right_shoulder")].mean(axis=1)
    spine = shoulders - hips
    length = np.maximum(np.hypot(spine[:, 0], spine[:, 1]), 1e-3)[:, None]
    reach = np.linalg.norm(people.xy - hips[:, None], axis=-1)
    radius = 1.1 * np.where(people.score > 0.2, reach, 0).max(axis=1, initial=0)[:, None]
    return Regions.around(hips, hips + spine / length * np.maximum(radius, 1.5 * length), MARGIN)


def _distinct(people: _Landmarks, same_person: float) -> _Landmarks:
    """The people without those that agree with an earlier one."""
    return people.select(distinct(people.keypoints2d(), same_person))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))
