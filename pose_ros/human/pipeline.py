"""The whole way of one frame: estimate, lift, tell apart, fit, smooth, orient. For robot and files alike."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.util import find_spec

import torch

from pose_ros.config import option
from pose_ros.device import choose_device, use_threads
from pose_ros.errors import ConfigError
from pose_ros.human.body_fit import BodyFit
from pose_ros.human.body_solve import BodyFitConfig
from pose_ros.human.estimators import ESTIMATORS, create_estimator
from pose_ros.human.estimators.blazepose import BlazePoseConfig
from pose_ros.human.estimators.deepcut import DeepCutConfig
from pose_ros.human.estimators.deeppose import DeepPoseConfig
from pose_ros.human.estimators.keypoint_rcnn import KeypointRCNNConfig
from pose_ros.human.estimators.movenet import MoveNetConfig
from pose_ros.human.estimators.movenet_single import MoveNetSingleConfig
from pose_ros.human.estimators.openpose import OpenPoseConfig
from pose_ros.human.estimators.posenet import PoseNetConfig
from pose_ros.human.estimators.rtmlib_rtmo import RTMOConfig
from pose_ros.human.estimators.rtmlib_rtmpose import RTMPoseConfig
from pose_ros.human.estimators.vitpose import ViTPoseConfig
from pose_ros.human.face import FaceConfig, FaceLooker, FaceMesh
from pose_ros.human.face_points import Faces
from pose_ros.human.fit_state import FitConfig
from pose_ros.human.hand_track import Hands
from pose_ros.human.hands import HandConfig
from pose_ros.human.head import HeadLooks, look_at_heads
from pose_ros.human.identity import Identity, IdentityConfig
from pose_ros.human.kinematic_fit import KinematicFit
from pose_ros.human.lift import Lift, LiftConfig
from pose_ros.human.mirror import unmirror
from pose_ros.human.orient import OrientConfig, Orienter
from pose_ros.human.smooth import SmoothConfig, Smoother
from pose_ros.human.track import Memory, as_seen, person_of
from pose_ros.types import Keypoints2D, Keypoints3D, People, RGBDFrame


@dataclass(frozen=True)
class HumanConfig:
    estimator: str = option("blazepose", "family of human pose estimation", choices=tuple(ESTIMATORS))
    device: str = option("auto", "where networks run", choices=("auto", "cpu", "cuda"))
    threads: int = option(
        1, "CPU threads of the networks, for the whole process; 0 is all cores", range=(0, 256)
    )
    joints: str = option(
        "auto",
        "how joint centres are found: by capsules of flesh (kinematic), at camera rate on a CPU, or by a "
        "whole body (anny), more exact and slower; auto is body where anny is installed",
        choices=("auto", "kinematic", "body"),
    )
    faces: bool = option(True, "look at faces for the heads' pose; without them it is coarse")
    hands: bool = option(False, "find the hands of people, with all fingers")
    blazepose: BlazePoseConfig = field(default_factory=BlazePoseConfig)
    deeppose: DeepPoseConfig = field(default_factory=DeepPoseConfig)
    keypoint_rcnn: KeypointRCNNConfig = field(default_factory=KeypointRCNNConfig)
    movenet: MoveNetConfig = field(default_factory=MoveNetConfig)
    openpose: OpenPoseConfig = field(default_factory=OpenPoseConfig)
    deepcut: DeepCutConfig = field(default_factory=DeepCutConfig)
    movenet_single: MoveNetSingleConfig = field(default_factory=MoveNetSingleConfig)
    posenet: PoseNetConfig = field(default_factory=PoseNetConfig)
    vitpose: ViTPoseConfig = field(default_factory=ViTPoseConfig)
    rtmpose: RTMPoseConfig = field(default_factory=RTMPoseConfig)
    rtmo: RTMOConfig = field(default_factory=RTMOConfig)
    face: FaceConfig = field(default_factory=FaceConfig)
    hand: HandConfig = field(default_factory=HandConfig)
    lift: LiftConfig = field(default_factory=LiftConfig)
    track: IdentityConfig = field(default_factory=IdentityConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    body: BodyFitConfig = field(default_factory=BodyFitConfig)
    smooth: SmoothConfig = field(default_factory=SmoothConfig)
    orient: OrientConfig = field(default_factory=OrientConfig)


class HumanPipeline:
    """RGB-D frames in, tracked people out.

    Raises WeightsError on construction where the estimator's weights are not on this machine, ConfigError
    where something else that is asked for cannot be had.
    `stage_ms` holds the milliseconds each stage of the latest call took.
    """

    def __init__(self, config: HumanConfig | None = None) -> None:
        self.config = config = config or HumanConfig()
        if config.face.is_given_out and not config.faces:
            raise ConfigError("face.landmarks and face.gaze need faces: true")
        use_threads(config.threads)
        device, self.device_note = choose_device(config.device)
        self.estimator = create_estimator(config.estimator, getattr(config, config.estimator), device)
        self.estimator.warm_up()
        self.faces = FaceLooker(config.face, device) if config.faces else None
        self.face_reader = Faces(config.face, device) if config.face.is_given_out else None
        self.hands = Hands(config.hand, config.smooth, device) if config.hands else None
        self.lift = Lift(config.lift, self.estimator.skeleton)
        self.identity = Identity(config.track, Memory)
        self.fit = KinematicFit(config.fit, self.estimator.skeleton)
        self.body_fit = self._body_fit(device)
        self.smoother = Smoother(config.smooth)
        self.orienter = Orienter(config.orient)
        self.stage_ms: dict[str, float] = {}

    def __call__(self, frame: RGBDFrame) -> People:
        keypoints2d = self.estimator.estimate(frame.rgb, frame.stamp_ns)
        self.stage_ms = dict(self.estimator.stage_ms)
        lifted = self._timed("lift", self.lift, frame, keypoints2d)
        found = self._timed("track", self.identity.assign, frame, keypoints2d, lifted)
        tracks = [track for track in found if track is not None]
        chosen = [n for n, track in enumerate(found) if track is not None]
        keypoints2d, lifted = keypoints2d.select(chosen), lifted.select(chosen)
        memories = [track.person for track in tracks]
        keypoints2d, lifted = unmirror([m.mirror for m in memories], keypoints2d, lifted, frame.stamp_ns)
        ids = [track.id for track in tracks]
        if self.body_fit is None:
            fitted = self._timed("fit", self.fit, frame, keypoints2d, lifted, [m.body for m in memories])
        else:
            fitted = self._timed("fit", self.body_fit, frame, keypoints2d, lifted, ids).keypoints
        joints = self._timed("smooth", self.smoother, [m.smooth for m in memories], fitted, frame.stamp_ns)
        seen = frame, keypoints2d, joints, ids
        hands = self._timed("hands", self.hands, *seen) if self.hands else [()] * len(tracks)
        mesh, heads = self._timed("faces", self._heads, frame, keypoints2d, joints, ids)
        oriented = self._timed("orient", self.orienter, joints, ids, frame.stamp_ns * 1e-9, heads)
        faces = [None] * len(tracks)
        if self.face_reader:
            faces = self._timed("gaze", self.face_reader, frame, mesh, heads, ids, oriented)
        people = [
            person_of(track, n, keypoints2d, joints, oriented[n], hands[n], faces[n])
            for n, track in enumerate(tracks)
        ]
        return People((*people, *self._out_of_sight(frame)), frame.stamp_ns, frame.frame_id)

    def reset(self) -> None:
        """Forget everyone: the next frame is of another scene."""
        self.estimator.reset()
        self.identity.reset()
        self.orienter.reset()
        if self.body_fit:
            self.body_fit.reset()
        if self.faces:
            self.faces.reset()
        if self.face_reader:
            self.face_reader.reset()
        if self.hands:
            self.hands.reset()

    def _body_fit(self, device: torch.device) -> BodyFit | None:
        """None where joints are found by the kinematic fit."""
        wish, known = self.config.joints, find_spec("anny") is not None
        if wish == "body" and not known:
            raise ConfigError(
                "joints is 'body', which needs anny: pip install 'pose_ros[body]', or 'kinematic'"
            )
        chosen = wish == "body" or (wish == "auto" and known)
        return BodyFit(self.config.body, self.estimator.skeleton, device) if chosen else None

    def _out_of_sight(self, frame: RGBDFrame):
        """People lost a moment ago, where they should be by now."""
        lost = self.identity.coasting()
        states = [track.person.smooth for track in lost]
        joints = self.smoother.predict(states, frame.stamp_ns, self.estimator.skeleton)
        heads = HeadLooks.none(len(lost)) if self.faces else None
        oriented = self.orienter(joints, [track.id for track in lost], frame.stamp_ns * 1e-9, heads)
        seen = as_seen(joints, frame)
        return [person_of(track, n, seen, joints, oriented[n]) for n, track in enumerate(lost)]

    def _heads(
        self, frame: RGBDFrame, keypoints2d: Keypoints2D, joints: Keypoints3D, ids: list[str]
    ) -> tuple[FaceMesh, HeadLooks | None]:
        if self.faces is None:
            return FaceMesh.empty(), None
        mesh = self.faces(frame.rgb, frame.camera, keypoints2d, joints, ids, frame.stamp_ns * 1e-9)
        faces = mesh.person, mesh.points, mesh.logit
        heads = look_at_heads(len(ids), *faces, frame.depth, frame.camera, self.config.orient.head)
        return mesh, heads

    def _timed(self, stage: str, work, *arguments):
        started = time.perf_counter()
        result = work(*arguments)
        self.stage_ms[stage] = (time.perf_counter() - started) * 1e3
        return result
