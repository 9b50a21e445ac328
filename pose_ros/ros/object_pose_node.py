"""object_pose: RGB-D topics in, 6D poses of objects out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.subscription import Subscription

from pose_ros.errors import PoseError
from pose_ros.objects.pipeline import ObjectConfig, ObjectPipeline
from pose_ros.ros.diagnostics import WARN, Report
from pose_ros.ros.managed_node import spin
from pose_ros.ros.object_services import Asked, ObjectServices
from pose_ros.ros.objects_output import ObjectsOutput
from pose_ros.ros.pipeline_node import PipelineNode
from pose_ros.ros.regions_input import RegionsConfig, RegionsInput
from pose_ros.ros.rgbd_input import Pair
from pose_ros.ros.waiting_room import refused
from pose_ros.types import Detections2D, Objects, RGBDFrame

# A robot's pictures do not wait for a search; where results are to be repeated, off the robot, they do.
DEFAULTS = replace(ObjectConfig(), background=True)


class ObjectPoseNode(PipelineNode):
    def __init__(
        self,
        config: Any = None,
        make_pipeline: Callable[[Any], Any] = ObjectPipeline,
        **options: Any,
    ) -> None:
        super().__init__(
            "object_pose",
            config or DEFAULTS,
            make_pipeline,
            lambda node, publish_tf: ObjectsOutput(node, publish_tf, lambda: node.pipeline.models),
            RegionsConfig(),
            **options,
        )
        self.regions: RegionsInput | None = None
        self.reasons: dict[str, str] = {}  # label -> why no more of it was reported
        self._asked: list[Asked] = []  # requests that the picture at hand answers
        self._answers: dict[Asked, SetParametersResult] = {}
        self.services_of_objects = ObjectServices(self)

    def activate(self) -> None:
        (config,) = self.more_configs
        slop_ns = round(self._input_config.slop * 1e9)
        self.regions = RegionsInput(self, config, slop_ns, self.health, super()._on_pair)
        super().activate()

    def deactivate(self) -> None:
        super().deactivate()
        self.regions.close()
        self.regions = None
        self.services_of_objects.refuse_all(f"{self.get_name()} was deactivated")

    @property
    def is_wanted(self) -> bool:
        return super().is_wanted or self.services_of_objects.is_waiting

    @property
    def inputs(self) -> dict[str, Subscription]:
        return self.input.subscriptions | self.regions.subscriptions

    def _on_pair(self, pair: Pair) -> None:
        if self.is_wanted:
            self.regions.add_pair(pair)

    # In the worker's thread.

    def _process(self, pair: Pair) -> None:
        """A request is answered when what was found is published."""
        self._asked, self._answers = [], {}
        try:
            super()._process(pair)
        finally:
            for asked in self._asked:
                failed = refused("the search failed: diagnostics tell why")
                self.services_of_objects.answer(asked.future, self._answers.get(asked, failed))

    def infer(self, frame: RGBDFrame, pair: Pair) -> Objects:
        detections = self.regions.detections(pair, frame, self.pipeline.models)
        if self.regions.topic is None or pair.regions is not None:
            self._asked = self.services_of_objects.due(pair.arrived)
        found = None
        for asked in self._asked:
            try:
                found = self._searched(asked, frame, detections)
            except PoseError as error:
                self._answers[asked] = refused(str(error))
        if found is None:
            found = self.pipeline(frame, detections)
        self.reasons = found.reasons
        return found

    def _searched(self, asked: Asked, frame: RGBDFrame, detections: Detections2D | None) -> Objects:
        request = asked.request
        roi = request.roi_within(frame)
        found = self.pipeline.detect(frame, detections, request.labels, roi)
        successful, reason = request.verdict(found, self.pipeline.models)
        self._answers[asked] = SetParametersResult(successful=successful, reason=reason)
        return found

    def describe(self, report: Report) -> None:
        models = self.pipeline.models
        report.values["models"] = ", ".join(sorted(models)) or "none"
        if not models:
            report.say(
                WARN, "no models: set the parameter models to a folder of CAD files, or call ~/add_model"
            )
        if self.regions.topic:
            report.values[f"images with {self.regions.topic}"] = self.regions.paired
            report.values[f"images without {self.regions.topic}"] = self.regions.missing
        for label, reason in sorted(self.reasons.items()):
            report.values[f"no {label}"] = reason


def main(arguments: list[str] | None = None) -> int:
    return spin(ObjectPoseNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
