"""Objects from frame to frame, all in one batch: predict, fit, notice loss, look nearby for what was lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.bank import Bank
from pose_ros.objects.model import ObjectModel
from pose_ros.objects.refine import refine
from pose_ros.objects.region import surroundings
from pose_ros.objects.segments import Outline
from pose_ros.objects.so3 import angle_between, orthogonal, rotation_exp
from pose_ros.objects.uncertainty import covariance_of
from pose_ros.objects.verify import Evidence, look, weigh
from pose_ros.objects.view import View
from pose_ros.types import ObjectPoses, TrackState

POINTS, SAMPLES, ITERATIONS = 160, 192, 3
SECOND_NS = 1_000_000_000
LEAST_MATCH = 0.3  # of the surface in sight, however much of it has no depth
LEAST_PIXELS = 15  # at half resolution: fewer show nothing
TRIES = 16  # poses around the last one where a lost object is looked for
CHANGE = 0.08  # of what an object moved by may come on top of it or not
LONGEST_STEP = 0.5  # s over which a velocity tells where an object is
MEMORY = 0.6  # of the velocity that stays from frame to frame


@dataclass(frozen=True)
class TrackConfig:
    reach: float = option(
        0.004,
        "how far from where it is expected the surface of a resting object is looked for",
        unit="m",
        range=(0.002, 0.2),
    )
    least_match: float = option(
        0.7,
        "share of its surface in sight that must be measured where expected, of what is measured",
        range=(0.1, 1.0),
    )
    least_visible: float = option(0.15, "share of it that must not be hidden", range=(0.0, 1.0))
    keep_lost: float = option(
        2.0,
        "how long a lost object is looked for nearby, and keeps its id after",
        unit="s",
        range=(0.0, 600.0),
    )
    max_objects: int = option(30, "objects that are followed at a time", range=(1, 250))


@dataclass
class Track:
    """One object: pose (3,3), (3,) as in the bank; velocity (6,) m/s, rad/s about the camera's axes."""

    id: str
    label: str
    model: int
    rotation: torch.Tensor
    translation: torch.Tensor
    covariance: np.ndarray
    score: float
    visible: float
    stamp_ns: int
    seen_ns: int
    age: int = 1
    state: TrackState = TrackState.TRACKED
    velocity: torch.Tensor | None = None


@dataclass(frozen=True)
class _Fit:
    rotation: torch.Tensor
    translation: torch.Tensor
    information: torch.Tensor
    evidence: Evidence
    pixels: torch.Tensor


class ObjectTracker:
    """Follows what was found once; ids are ``label_1``, ``label_2`` … and come back when an object does."""

    def __init__(self, models: dict[str, ObjectModel], bank: Bank, config: TrackConfig | None = None) -> None:
        self.config = config or TrackConfig()
        self.labels, self.models, self.bank = list(models), list(models.values()), bank
        self._textured = torch.tensor([model.is_textured for model in self.models], device=bank.device)
        self.tracks: list[Track] = []
        self.untracked = 0  # objects for whom there was no place

    @property
    def live(self) -> list[Track]:
        """Those seen in the latest frame."""
        return [track for track in self.tracks if track.state is TrackState.TRACKED]

    def reset(self) -> None:
        self.tracks = []

    def update(self, view: View, stamp_ns: int) -> None:
        """Bring every track to this frame."""
        keep = self.config.keep_lost * SECOND_NS
        # Whoever was seen in the latest frame is looked for once, however long that was ago: a search or a
        # camera may have taken longer than what is lost is kept for.
        self.tracks = [
            track
            for track in self.tracks
            if track.state is TrackState.TRACKED or stamp_ns - track.seen_ns <= keep
        ]
        if not self.tracks:
            return
        fit = self._fitted(view, self.tracks, stamp_ns)
        for number, track in enumerate(self.tracks):
            if self._is_good(fit, number):
                self._accept(track, fit, number, stamp_ns)
            elif (found := self._nearby(view, track)) is not None:
                track.velocity = None
                self._accept(track, found, 0, stamp_ns)
            else:
                track.state, track.velocity = TrackState.LOST, None
        self._drop_doubles()

    def adopt(self, poses: ObjectPoses, stamp_ns: int) -> None:
        """Take over poses found at this time: new ones become tracks, known ones are put right."""
        for number, label in enumerate(poses.label):
            model = self.labels.index(label)
            rotation = self._tensor(poses.camera_from_object.rotation[number])
            origin = self._tensor(poses.camera_from_object.translation[number])
            translation = self.bank.from_mesh(torch.tensor(model), rotation, origin)
            track = self._known(model, translation)
            if track is None:
                if len(self.tracks) >= self.config.max_objects:
                    self.untracked += 1
                    continue
                track = Track(
                    self._free_id(label), label, model, rotation, translation, poses.covariance[number],
                    0.0, 0.0, stamp_ns, stamp_ns, age=0,
                )  # fmt: skip
                self.tracks.append(track)
            elif track.state is TrackState.TRACKED and track.score >= poses.score[number]:
                continue
            rotation, translation = self._nearest_alike(model, rotation, translation, track.rotation)
            track.rotation, track.translation, track.velocity = rotation, translation, None
            track.covariance, track.score = poses.covariance[number], float(poses.score[number])
            track.visible, track.state = float(poses.visible[number]), TrackState.TRACKED
            track.stamp_ns = track.seen_ns = stamp_ns
            track.age += 1

    def join(self, newcomers: ObjectTracker) -> None:
        """Take over what another tracker of the same models follows and this one does not."""
        for track in newcomers.live:
            known = self._known(track.model, track.translation)
            if known is None and len(self.tracks) < self.config.max_objects:
                track.id = self._free_id(track.label)
                self.tracks.append(track)
            elif known is None:
                self.untracked += 1
            elif known.state is TrackState.LOST:
                track.id, track.age = known.id, known.age + track.age
                self.tracks[self.tracks.index(known)] = track

    def take_over(self, tracks: list[Track]) -> None:
        """Go on with tracks of a tracker that knew these models in another order."""
        for track in tracks:
            track.model = self.labels.index(track.label)
        self.tracks = tracks

    def pose(self, track: Track) -> RigidTransform:
        """camera_from_object at the mesh's own origin."""
        origin = self.bank.to_mesh(torch.tensor(track.model), track.rotation, track.translation)
        return RigidTransform(
            orthogonal(track.rotation.cpu().double().numpy()), origin.cpu().double().numpy()
        )

    def _fitted(self, view: View, tracks: list[Track], stamp_ns: int) -> _Fit:
        predicted = [self._predicted(track, stamp_ns) for track in tracks]
        rotation = torch.stack([pose[0] for pose in predicted])
        translation = torch.stack([pose[1] for pose in predicted])
        model = torch.tensor([track.model for track in tracks], device=self.bank.device)
        reach = torch.tensor([self._reach(track, stamp_ns) for track in tracks], device=self.bank.device)
        return self._fit(view, model, rotation, translation, reach)

    def _reach(self, track: Track, stamp_ns: int) -> float:
        """More for what moves: its velocity may have changed."""
        if track.velocity is None:
            return self.config.reach
        radius = float(self.bank.diameter[track.model]) / 2
        speed = float(track.velocity[:3].norm() + track.velocity[3:].norm() * radius)
        moved = speed * min(max(stamp_ns - track.stamp_ns, 0) / SECOND_NS, LONGEST_STEP)
        return self.config.reach + min(CHANGE * moved, 0.2 * radius)

    def _fit(
        self,
        view: View,
        model: torch.Tensor,
        rotation: torch.Tensor,
        translation: torch.Tensor,
        reach: torch.Tensor,
    ) -> _Fit:
        near = surroundings(self.bank, model, rotation, translation, view, reach, POINTS)
        return self._fit_to(view, model, rotation, translation, *near)

    def _fit_to(
        self,
        view: View,
        model: torch.Tensor,
        rotation: torch.Tensor,
        translation: torch.Tensor,
        points: torch.Tensor,
        outline: Outline,
        pixels: torch.Tensor,
    ) -> _Fit:
        rotation, translation, information = refine(
            self.bank, model, rotation, translation, view, points, outline, SAMPLES, ITERATIONS,
            self._textured[model],
        )  # fmt: skip
        sight = look(self.bank, model, rotation, translation, view, SAMPLES)
        away, _ = outline.outside(sight.pixel)
        evidence = weigh(self.bank, model, rotation, translation, sight, points, away < 2.0)
        return _Fit(rotation, translation, information, evidence, pixels)

    def _is_good(self, fit: _Fit, number: int) -> bool:
        match, through = float(fit.evidence.match[number]), float(fit.evidence.seen_through[number])
        return (
            match >= LEAST_MATCH
            and match >= self.config.least_match * (match + through)
            and float(fit.evidence.visible[number]) >= self.config.least_visible
            and int(fit.pixels[number]) >= LEAST_PIXELS
        )

    def _accept(self, track: Track, fit: _Fit, number: int, stamp_ns: int) -> None:
        rotation, translation = fit.rotation[number], fit.translation[number]
        seconds = (stamp_ns - track.stamp_ns) / SECOND_NS
        if seconds > 0 and track.state is TrackState.TRACKED:
            self._learn_velocity(track, rotation, translation, seconds)
        track.rotation, track.translation = rotation, translation
        track.stamp_ns = track.seen_ns = stamp_ns
        track.state, track.age = TrackState.TRACKED, track.age + 1
        track.visible = float(fit.evidence.visible[number])
        chosen = torch.tensor([track.model])
        track.covariance = covariance_of(
            fit.information[number : number + 1], rotation[None], chosen, self.models
        )[0]

    def _learn_velocity(
        self, track: Track, rotation: torch.Tensor, translation: torch.Tensor, seconds: float
    ) -> None:
        turn = rotation @ track.rotation.T
        angle = angle_between(turn, torch.eye(3, device=turn.device))
        axis = torch.stack([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
        spin = axis / axis.norm().clamp_min(1e-9) * angle
        latest = torch.cat([translation - track.translation, spin]) / seconds
        if (symmetry := self.models[track.model].symmetries).axis is not None:
            free = rotation @ self._tensor(symmetry.axis)
            latest[3:] -= free * (latest[3:] @ free)
        old = latest if track.velocity is None else track.velocity
        track.velocity = MEMORY * old + (1 - MEMORY) * latest

    def _predicted(self, track: Track, stamp_ns: int) -> tuple[torch.Tensor, torch.Tensor]:
        seconds = (stamp_ns - track.stamp_ns) / SECOND_NS
        if track.velocity is None or not 0 < seconds < LONGEST_STEP:
            return track.rotation, track.translation
        step = track.velocity * seconds
        return rotation_exp(step[None, 3:])[0] @ track.rotation, track.translation + step[:3]

    def _nearby(self, view: View, track: Track) -> _Fit | None:
        """The object somewhere around its last pose, if it is there."""
        model = torch.tensor([track.model], device=self.bank.device)
        diameter = self.bank.diameter[model]
        reach = (0.2 * diameter).clamp_max(0.04)
        pose = model, track.rotation[None], track.translation[None]
        points, outline, pixels = surroundings(self.bank, *pose, view, reach, POINTS)
        if int(pixels[0]) < LEAST_PIXELS:
            return None
        noise = torch.randn(TRIES, 6, generator=torch.Generator().manual_seed(0)).to(self.bank.device)
        noise[0] = 0
        rotation = rotation_exp(0.25 * noise[:, 3:]) @ track.rotation
        translation = track.translation + 0.15 * diameter * noise[:, :3]
        every = torch.zeros(TRIES, dtype=torch.long, device=self.bank.device)
        coarse = self._fit_to(
            view, model[every], rotation, translation, points[every], outline.select(every), pixels[every]
        )
        best = coarse.evidence.fitness.argmax()[None]
        reach = torch.full((1,), self.config.reach, device=self.bank.device)
        fine = self._fit(view, model, coarse.rotation[best], coarse.translation[best], reach)
        return fine if self._is_good(fine, 0) and float(fine.evidence.explained[0]) > 0.5 else None

    def _known(self, model: int, translation: torch.Tensor) -> Track | None:
        """The track of this model that is where a pose was found; else one of it that is lost."""
        same = [track for track in self.tracks if track.model == model]
        near = 0.5 * self.bank.diameter[model]
        for track in same:
            if (track.translation - translation).norm() < near:
                return track
        lost = [track for track in same if track.state is TrackState.LOST]
        return min(lost, key=lambda track: float((track.translation - translation).norm()), default=None)

    def _nearest_alike(
        self, model: int, rotation: torch.Tensor, translation: torch.Tensor, wanted: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the poses that look the same the one turned least from `wanted`: listeners see no flip."""
        center = self.bank.center[model].cpu().double().numpy()
        symmetries = self.models[model].symmetries.shifted(-center)
        motions = symmetries.sampled(72)
        turns = rotation @ self._tensor(motions.rotation)
        best = int(angle_between(turns, wanted).argmin())
        return turns[best], translation + rotation @ self._tensor(motions.translation[best])

    def _drop_doubles(self) -> None:
        """Two tracks of one model at one place are one object: the older stays."""
        for track in sorted(self.live, key=lambda track: -track.age):
            for other in self.live:
                same = other.model == track.model and other is not track and other.age <= track.age
                if same and track in self.tracks and other in self.tracks:
                    apart = (track.translation - other.translation).norm()
                    if apart < 0.3 * self.bank.diameter[track.model]:
                        self.tracks.remove(other)

    def _free_id(self, label: str) -> str:
        taken = {track.id for track in self.tracks}
        return next(name for number in range(1, 1000) if (name := f"{label}_{number}") not in taken)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=self.bank.device)
