"""ar: pictures in, the same pictures with virtual things in them out."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from pose_ros.apps.ar.anchor import Place, places_of_objects, places_of_people
from pose_ros.apps.ar.overlay import ArConfig, Overlay
from pose_ros.errors import TransformError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.app_node import AppNode
from pose_ros.ros.ar_input import PoseWait, Ready, WaitConfig
from pose_ros.ros.conversions import message_from_rgb, read_header, stamp_from_ns
from pose_ros.ros.diagnostics import AGE, OK, SILENT_AFTER, WARN, Report, input_report, pairing_report
from pose_ros.ros.managed_node import spin
from pose_ros.ros.objects_input import ObjectSighting, ObjectsInput
from pose_ros.ros.people_input import PeopleInput
from pose_ros.ros.publishing import is_heard, make_publisher
from pose_ros.ros.rgbd_input import InputConfig, Pair, RgbdInput
from pose_ros.ros.sync import SyncCounts
from pose_ros.ros.transforms import Transforms
from pose_ros.ros.worker import NewestWinsWorker
from pose_ros.types import People, RGBDFrame

TOPICS = {"people": "skeletons/points", "objects": "objects/detections"}
TICK = 0.1  # s between looks at pictures that wait


class ArNode(AppNode):
    def __init__(self, config: ArConfig | None = None, **options: Any) -> None:
        super().__init__("ar", InputConfig(), WaitConfig(), config or ArConfig(), **options)
        self.overlay: Overlay | None = None
        self.image: Publisher | None = None
        self.input: RgbdInput | None = None
        self._transforms = Transforms(self)
        self._counts_told = SyncCounts()
        self._late_told: dict[str, int] = {}
        self._last_stamp_ns = 0

    def configure(self) -> None:
        self._input_config, self._wait_config, config = self.configs
        self.overlay = Overlay(config)
        for thing in self.overlay.things:
            if thing.mesh.note:
                self.get_logger().info(f"{thing.name}: {thing.mesh.note}")
        self.image = make_publisher(self, Image, "ar/image", 1)

    def activate(self) -> None:
        self.overlay.reset()
        self._first_pair = math.inf  # time.perf_counter() of it
        if self.overlay.frames:
            self._transforms.listen()
        kinds = frozenset(self.overlay.needs & set(TOPICS))
        self.waiting = PoseWait(kinds, self._wait_config.wait, self._is_told, self._on_ready)
        self.worker = NewestWinsWorker(self._process, self.report_error, name="ar worker")
        self._sources: list[PeopleInput | ObjectsInput] = []
        if "people" in kinds:
            self._sources.append(PeopleInput(self, self._on_people, self.health))
        if "objects" in kinds:
            self._sources.append(ObjectsInput(self, self._on_objects, self.health))
        self.input = RgbdInput(self, self._input_config, self.health, self._transforms, self._on_pair)
        self._timer = self.create_timer(TICK, self.waiting.hand_on)

    def deactivate(self) -> None:
        self.destroy_timer(self._timer)
        for source in (self.input, *self._sources):
            source.close()
        self.worker.stop()
        self.input = None

    def clean_up(self) -> None:
        if self.image:
            self.destroy_publishers(self.image)
        self.image = self.overlay = None

    @property
    def is_wanted(self) -> bool:
        return is_heard(self.image)

    @property
    def inputs(self) -> dict[str, Subscription]:
        found = dict(self.input.subscriptions)
        for source in self._sources:
            found |= source.subscriptions
        return found

    @property
    def outputs(self) -> Iterable[Publisher]:
        return [self.image] if self.image else []

    # What arrives, in the executor's thread.

    def _is_told(self, kind: str) -> bool:
        """Poses of this kind come, or somebody is there who may be about to begin."""
        stream = self.health.stream(TOPICS[kind])
        if stream.last_arrival is None:
            is_early = time.perf_counter() - self._first_pair < SILENT_AFTER
            return is_early and self.count_publishers(TOPICS[kind]) > 0
        return stream.is_alive(SILENT_AFTER)

    def _on_pair(self, pair: Pair) -> None:
        self._first_pair = min(self._first_pair, pair.arrived)
        if self.is_wanted:
            self.waiting.add_pair(pair)
        else:
            self.waiting.clear()

    def _on_people(self, people: People) -> None:
        self.waiting.add_poses("people", people.stamp_ns, people)

    def _on_objects(self, sightings: list[ObjectSighting], stamp_ns: int, frame_id: str) -> None:
        self.waiting.add_poses("objects", stamp_ns, (sightings, frame_id))

    def _on_ready(self, ready: Ready) -> None:
        _, image_frame = read_header(ready.pair.image)
        if any(root != image_frame for root in _roots(ready).values()):
            self._transforms.listen()
        self.worker.put(ready)

    # The work, in the worker's thread.

    def _process(self, ready: Ready) -> None:
        self.health.stage("wait for poses", (time.perf_counter() - ready.pair.arrived) * 1e3)
        frame = self.input.frame(ready.pair)
        if frame.stamp_ns < self._last_stamp_ns:
            self.overlay.reset()
        self._last_stamp_ns = frame.stamp_ns
        started = time.perf_counter()
        places = self._places(ready, frame)
        self.health.stage("places", (time.perf_counter() - started) * 1e3)
        augmented = self.overlay(frame, places)
        for stage, milliseconds in self.overlay.stage_ms.items():
            self.health.stage(stage, milliseconds)
        started = time.perf_counter()
        self.image.publish(message_from_rgb(augmented.rgb, frame.stamp_ns, frame.frame_id))
        published = time.perf_counter()
        self.health.stage("publish", (published - started) * 1e3)
        self.health.stage("total", (published - ready.pair.arrived) * 1e3)
        self.health.stage(AGE, (self.get_clock().now().nanoseconds - frame.stamp_ns) / 1e6)
        self.health.output.add(frame.stamp_ns)
        self.health.found = len(augmented)

    def _places(self, ready: Ready, frame: RGBDFrame) -> list[Place]:
        """Where anchors are in exactly this picture; what TF does not know is told of and left out."""
        places: list[Place] = []
        for kind, root in _roots(ready).items():
            try:
                camera_from_root = self._camera_from(root, frame)
            except TransformError as error:
                self.health.report(kind, f"things on {kind} are not drawn: {error}")
                continue
            if kind == "people":
                places += places_of_people(ready.poses[kind], camera_from_root)
            else:
                places += places_of_objects(ready.poses[kind][0], camera_from_root)
        for name in self.overlay.frames:
            try:
                pose = self._camera_from(name, frame) or RigidTransform.identity()
                places.append(Place("frame", name, pose))
            except TransformError as error:
                self.health.report(f"frame {name}", f"things on frame {name} are not drawn: {error}")
        return places

    def _camera_from(self, name: str, frame: RGBDFrame) -> RigidTransform | None:
        """None where it is the camera's own frame."""
        if name == frame.frame_id:
            return None
        return self._transforms.lookup(frame.frame_id, name, stamp_from_ns(frame.stamp_ns))

    # Diagnostics.

    def more_reports(self, work: Report, silent: dict[str, str]) -> list[Report]:
        counts = self.waiting.counts
        work.values |= {
            "things": ", ".join(thing.name for thing in self.overlay.things),
            "drawn": self.health.found,
            "pictures with the poses that are told": counts.complete,
            "pictures left out as their poses were": counts.skipped,
            "frames dropped by the worker": self.worker.dropped,
        }
        for kind, number in counts.late.items():
            work.values[f"pictures whose {kind} came too late"] = number
            if number > self._late_told.get(kind, 0):
                wait = self._wait_config.wait
                work.say(WARN, f"{kind} of {number} pictures were not told within {wait} s: raise `wait`")
        if not self.is_wanted:
            work.say(OK, "idle: nobody looks at ar/image")
        mute = [silent[topic] for topic in TOPICS.values() if topic in silent]
        told = len(mute) < len(self.overlay.needs)
        for reason in mute:  # half of what is drawn without a file needs people, half objects
            work.say(OK if told else WARN, f"{reason}: what hangs on them is not drawn")
        for topic in TOPICS.values():
            if topic in self.inputs:
                work.values[f"{topic} rate [Hz]"] = self.health.stream(topic).rate
        # Poses that are left out were not lost on the way.
        streams = {topic: s for topic, s in self.health.streams.items() if topic not in TOPICS.values()}
        cameras = {topic: reason for topic, reason in silent.items() if topic not in TOPICS.values()}
        name = self.get_name()
        return [
            input_report(name, replace(self.health, streams=streams), cameras),
            pairing_report(name, self.input.sync, self._counts_told),
        ]

    def diagnosed(self) -> None:
        if self.input:
            self._counts_told = replace(self.input.sync.counts)
            self._late_told = dict(self.waiting.counts.late)


def _roots(ready: Ready) -> dict[str, str]:
    """Kind of poses -> the frame they are in."""
    frames = {"people": lambda people: people.frame_id, "objects": lambda told: told[1]}
    return {kind: frames[kind](poses) for kind, poses in ready.poses.items()}


def main(arguments: list[str] | None = None) -> int:
    return spin(ArNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
