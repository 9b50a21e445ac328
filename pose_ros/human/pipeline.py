"""The whole way of one frame: estimate, lift, track. The same class serves robot and command line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pose_ros.config import option
from pose_ros.device import choose_device, use_threads
from pose_ros.human.estimators import ESTIMATORS, create_estimator
from pose_ros.human.estimators.blazepose import BlazePoseConfig
from pose_ros.human.estimators.movenet import MoveNetConfig
from pose_ros.human.lift import Lift, LiftConfig
from pose_ros.human.track import PersonTracker, TrackConfig
from pose_ros.types import People, RGBDFrame


@dataclass(frozen=True)
class HumanConfig:
    estimator: str = option("blazepose", "family of human pose estimation", choices=tuple(ESTIMATORS))
    device: str = option("auto", "where networks run", choices=("auto", "cpu", "cuda"))
    threads: int = option(
        1, "CPU threads of the networks, for the whole process; 0 is all cores", range=(0, 256)
    )
    blazepose: BlazePoseConfig = field(default_factory=BlazePoseConfig)
    movenet: MoveNetConfig = field(default_factory=MoveNetConfig)
    lift: LiftConfig = field(default_factory=LiftConfig)
    track: TrackConfig = field(default_factory=TrackConfig)


class HumanPipeline:
    """RGB-D frames in, tracked people out.

    Raises WeightsError on construction where the estimator's weights are not on this machine.
    `stage_ms` holds the milliseconds each stage of the latest call took.
    """

    def __init__(self, config: HumanConfig | None = None) -> None:
        config = config or HumanConfig()
        use_threads(config.threads)
        device, self.device_note = choose_device(config.device)
        self.estimator = create_estimator(config.estimator, getattr(config, config.estimator), device)
        self.estimator.warm_up()
        self.lift = Lift(config.lift, self.estimator.skeleton)
        self.tracker = PersonTracker(config.track)
        self.stage_ms: dict[str, float] = {}

    def __call__(self, frame: RGBDFrame) -> People:
        keypoints2d = self.estimator.estimate(frame.rgb, frame.stamp_ns)
        started = time.perf_counter()
        keypoints3d = self.lift(frame, keypoints2d)
        lifted = time.perf_counter()
        people = self.tracker.update(frame, keypoints2d, keypoints3d)
        ended = time.perf_counter()
        self.stage_ms = {
            **self.estimator.stage_ms,
            "lift": (lifted - started) * 1e3,
            "track": (ended - lifted) * 1e3,
        }
        return people

    def reset(self) -> None:
        """Forget everyone: the next frame is of another scene."""
        self.estimator.reset()
        self.tracker.reset()
