"""human_pose: RGB-D topics in, people out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.ros.managed_node import spin
from pose_ros.ros.people_output import PeopleOutput
from pose_ros.ros.pipeline_node import PipelineNode
from pose_ros.ros.pose_outputs import PosesConfig

# A robot's pictures do not wait for the body fit; off the robot results are to be as good as they can be.
DEFAULTS = replace(HumanConfig(), joints="kinematic")


class HumanPoseNode(PipelineNode):
    def __init__(
        self,
        config: Any = None,
        make_pipeline: Callable[[Any], Any] = HumanPipeline,
        **options: Any,
    ) -> None:
        super().__init__(
            "human_pose",
            config or DEFAULTS,
            make_pipeline,
            lambda node, publish_tf: PeopleOutput(node, publish_tf, node.more_configs[0].joints),
            PosesConfig(),
            **options,
        )


def main(arguments: list[str] | None = None) -> int:
    return spin(HumanPoseNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
