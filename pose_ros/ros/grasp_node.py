"""grasp: objects and their surroundings in, grasps that a parallel gripper can do out."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from pose_ros.apps.grasp.gripper import load_gripper
from pose_ros.apps.grasp.onboard import OnboardConfig
from pose_ros.apps.grasp.plan import Plan, PlanConfig, Target, plan
from pose_ros.apps.grasp.scene import Scene
from pose_ros.config import option
from pose_ros.errors import ConfigError, PoseError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.app_node import AppNode
from pose_ros.ros.conversions import header_of, stamp_from_ns
from pose_ros.ros.diagnostics import WARN, Report
from pose_ros.ros.grasp_library import GraspLibrary
from pose_ros.ros.grasp_output import GraspOutput
from pose_ros.ros.grasp_scene_input import SOURCES, SceneInput, Shot
from pose_ros.ros.grasp_service import PlanRequest, PlanService
from pose_ros.ros.managed_node import spin
from pose_ros.ros.objects_input import ObjectSighting, ObjectsInput
from pose_ros.ros.transforms import Transforms
from pose_ros.ros.worker import NewestWinsWorker


@dataclass(frozen=True)
class GraspConfig:
    """Parameters of the node; those of the search and of planning have their own prefix."""

    base_frame: str = option("", "the robot's base, z up: reach and approach count from it; empty: unknown")
    gripper_file: str = option("", "YAML of a gripper, see config/grippers; empty: the Panda's hand")
    grasp_files: str = option("", "folder of LABEL.yaml (isaac_grasp) used instead of a search; empty: none")
    scene: str = option(
        "depth", "where the surroundings are seen: topics depth or objects/points", choices=SOURCES
    )
    scene_slop: float = option(0.1, "most between objects and surroundings", unit="s", range=(0.0, 5.0))
    most: int = option(3, "grasps of each object that are published", range=(1, 100))
    publish_tf: bool = option(True, "publish frames on /tf; if not, work only while a topic is heard")
    onboard: OnboardConfig = field(default_factory=OnboardConfig)
    plan: PlanConfig = field(default_factory=PlanConfig)


@dataclass(frozen=True)
class Moment:
    """The objects of one image, and what was seen around them."""

    sightings: tuple[ObjectSighting, ...]
    stamp_ns: int
    root: str
    shot: Shot | None
    arrived: float


class GraspNode(AppNode):
    def __init__(self, config: GraspConfig | None = None, **options: Any) -> None:
        super().__init__("grasp", config or GraspConfig(), **options)
        self._transforms = Transforms(self)
        self.plans: list[Plan] = []  # the latest
        self.service = PlanService(self)
        self.output: GraspOutput | None = None
        self.library: GraspLibrary | None = None

    def configure(self) -> None:
        (self._config,) = self.configs
        self.gripper = load_gripper(self._config.gripper_file)
        folder = Path(self._config.grasp_files).expanduser() if self._config.grasp_files else None
        if folder and not folder.is_dir():
            raise ConfigError(f"grasp_files: there is no folder {folder}")
        self.library = GraspLibrary(self.gripper, self._config.onboard, folder, self.health)
        self.output = GraspOutput(self, self._config.publish_tf, self._config.most, self.gripper)

    def activate(self) -> None:
        if self._config.base_frame:
            self._transforms.listen()
        self.scene_input = SceneInput(
            self, self._config.scene, round(self._config.scene_slop * 1e9), self.health
        )
        self.worker = NewestWinsWorker(self._process, self.report_error, name="grasp worker")
        self.objects_input = ObjectsInput(self, self._on_objects, self.health)

    def deactivate(self) -> None:
        self.objects_input.close()
        self.scene_input.close()
        self.worker.stop()
        self.service.refuse_all(f"{self.get_name()} was deactivated")
        if self.context.ok():
            self.output.clear()

    def clean_up(self) -> None:
        if self.output:
            self.output.close()
            self.library.close()
        self.output = self.library = None

    @property
    def inputs(self) -> dict[str, Subscription]:
        return self.objects_input.subscriptions | self.scene_input.subscriptions

    @property
    def outputs(self) -> list[Publisher]:
        return self.output.publishers if self.output else []

    # Objects arrive in the executor's thread; what follows happens in the worker's.

    def _on_objects(self, sightings: list[ObjectSighting], stamp_ns: int, root: str) -> None:
        if not (self.output.is_wanted or self.service.is_waiting):
            return
        shot = self.scene_input.at(stamp_ns)
        if shot and shot.frame_id != root:
            self._transforms.listen()
        self.worker.put(Moment(tuple(sightings), stamp_ns, root, shot, time.perf_counter()))

    def _process(self, moment: Moment) -> None:
        models, labels = self.objects_input.models, {one.label for one in moment.sightings}
        self.library.want(labels, models)
        header = header_of(moment.stamp_ns, moment.root)
        poses = {one.id: (one.label, one.root_from_object) for one in moment.sightings}
        failures, known = dict(self.library.failures), dict(self.library.known)
        self.output.publish_scene(poses, known, header)
        try:
            scene, base = self._surroundings(moment)
        except PoseError as error:
            self.health.report("scene", f"no grasps are planned: {error}")
            self.service.postpone(str(error))
            return
        targets = [
            Target(one.id, one.label, one.root_from_object, one.covariance, known[one.label].symmetries)
            for one in moment.sightings
            if one.label in known
        ]
        started = time.perf_counter()
        grasps = {label: one.grasps for label, one in known.items()}
        plans = plan(targets, grasps, scene, self.gripper, self._config.plan, base)
        self.health.stage("plan", (time.perf_counter() - started) * 1e3)
        plans += [
            Plan(one.id, one.label, (), 0, {}, f"{one.id}: {self.library.why_unknown(one.label, models)}")
            for one in moment.sightings
            if one.label not in known
        ]
        pending = labels & set(models) - set(known) - set(failures)
        asked = self.service.due(lambda request: self._is_ready(request, moment, pending))
        self.output.publish(plans, header, asked=bool(asked))
        for request in asked:
            self.service.answer(request, request.verdict(plans))
        self.service.postpone("; ".join(one.reason for one in plans) or "no object is in sight")
        self.plans = plans
        self.health.found = sum(bool(one.grasps) for one in plans)
        self.health.output.add(moment.stamp_ns)
        self.health.stage("total", (time.perf_counter() - moment.arrived) * 1e3)

    def _is_ready(self, request: PlanRequest, moment: Moment, pending: set[str]) -> bool:
        """These objects came after it was made, some are meant, and nothing of theirs is `pending`."""
        about = {one.label for one in moment.sightings if request.is_about(one.id, one.label)}
        return moment.arrived >= request.made and bool(about) and not about & pending

    def _surroundings(self, moment: Moment) -> tuple[Scene, RigidTransform | None]:
        """What is around and where the base is, in the root frame; PoseError where that is unknown."""
        stamp, base = stamp_from_ns(moment.stamp_ns), None
        if self._config.base_frame:
            base = self._lookup(moment.root, self._config.base_frame, stamp)
        scene = Scene(up=None if base is None else base.rotation[:, 2])
        if self.scene_input.is_off:
            return scene, base
        if moment.shot is None:
            raise PoseError(self.scene_input.why_none())
        cloud = self.scene_input.cloud(moment.shot)
        root_from_cloud = self._lookup(moment.root, cloud.frame_id, stamp)
        names = np.array(["", *(one.id for one in moment.sightings)])
        of_these = cloud.stamp_ns == moment.stamp_ns
        known = (cloud.instance < len(names)) & (cloud.instance >= 0) & of_these
        owner = names[np.where(known, cloud.instance, 0)]
        return replace(scene, points=root_from_cloud.apply(cloud.points), owner=owner), base

    def _lookup(self, target: str, source: str, stamp: Any) -> RigidTransform:
        if target == source:
            return RigidTransform.identity()
        return self._transforms.lookup(target, source, stamp)

    def describe(self, report: Report) -> None:
        known = self.library.known
        report.values["grasps"] = (
            ", ".join(f"{k} {len(v.grasps)}" for k, v in sorted(known.items())) or "none"
        )
        for one in self.plans:
            report.values[one.id] = one.reason
            if not one.grasps:
                report.say(WARN, f"no grasp: {one.reason}")
        for reason in self.library.failures.values():
            report.say(WARN, reason)


def main(arguments: list[str] | None = None) -> int:
    return spin(GraspNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
