"""record: skeletons, hands, objects, joints and pictures in; episodes as MCAP bags and a LeRobot set out.

Messages are taken in the executor's thread and written in the recorder's, which alone touches the session.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from std_msgs.msg import String
from std_srvs.srv import Trigger

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.queue import BoundedWorker
from pose_ros.apps.record.session import Session
from pose_ros.apps.record.session_config import SessionConfig, Topic
from pose_ros.apps.record.sources import Joints, Pictures, Skeletons, sources_of
from pose_ros.config import option
from pose_ros.errors import PoseError, unknown
from pose_ros.ros.app_node import AppNode
from pose_ros.ros.diagnostics import ERROR, OK, WARN, Report
from pose_ros.ros.managed_node import spin
from pose_ros.ros.publishing import make_latched
from pose_ros.ros.record_input import RecordInput, wanted_topics
from pose_ros.ros.rgbd_input import NO_EVENTS

ANSWER = 5.0  # seconds a service waits for the recorder
MB = 1_000_000
WORDS = ("start", "stop", "toggle", "discard")


@dataclass(frozen=True)
class RecordConfig(SessionConfig):
    """Parameters of the node, and of what it records."""

    topics: str = option("camera_info,/tf,/tf_static", "what else goes into bags, separated by commas")
    max_queue: int = option(
        256, "what may wait for the disk before messages are dropped", unit="MB", range=(1, 65536)
    )


class RecordNode(AppNode):
    def __init__(self, config: RecordConfig | None = None, **options: Any) -> None:
        super().__init__("record", config or RecordConfig(), **options)
        self.session: Session | None = None
        self.input: RecordInput | None = None
        self.worker: BoundedWorker | None = None
        self._told = ""
        self._publisher = make_latched(self, String, "record/state")
        for name, step in (
            ("start", lambda now_ns: self.session.start(now_ns)),
            ("stop", lambda now_ns: self.session.stop(now_ns)),
            ("discard", lambda _: self.session.discard()),
        ):
            self.create_service(Trigger, f"~/{name}", self._answer(step))
        self.create_timer(0.1, self._tell)

    # Life.

    def configure(self) -> None:
        (self._config,) = self.configs
        self._sources = sources_of(self._config.features)
        self.session = Session(self._config, self._sources, self.get_logger().info)

    def activate(self) -> None:
        self.worker = BoundedWorker(self._work, self._idle, self._failed, self._config.max_queue * MB)
        features = self._config.features
        wanted = wanted_topics(self._sources, features.objects, self._config.topics)
        if self._config.formats == "lerobot":
            wanted = {name: source for name, source in wanted.items() if source is not None}
        self._essential = {s.topic for s in self._sources if isinstance(s, (Joints, Skeletons, Pictures))}
        self._essential.discard(features.action)  # commands may well be silent between two episodes
        self.input = RecordInput(self, wanted, self._on_topic, self._on_message, self.health)
        self._key = self.create_subscription(
            String, "record/key", self._on_key, 10, event_callbacks=NO_EVENTS
        )

    def deactivate(self) -> None:
        self.input.close()
        self.destroy_subscription(self._key)
        worker, session = self.worker, self.session
        worker.submit(session.end)
        worker.stop()
        session.topics.clear()
        self.input = self.worker = None
        self._tell()

    def clean_up(self) -> None:
        if self.session:
            self.session.close()
        self.session = None

    # In the executor's thread.

    def _on_topic(self, topic: Topic) -> None:
        self.worker.submit(lambda: self.session.add_topic(topic))

    def _on_message(self, topic: Topic, received_ns: int, data: bytes) -> None:
        if not self.worker.put((topic, received_ns, data), len(data)):
            self.health.report("queue", "the disk or the processor is too slow: messages are dropped")

    def _on_key(self, message: String) -> None:
        """A word, and after `start` or `toggle` what is to be done: 'start: pick the mug'."""
        word, _, task = (part.strip() for part in message.data.partition(":"))
        if word not in WORDS:
            self.health.report("record/key", unknown("word on record/key", word, WORDS))
            return
        now = self.get_clock().now().nanoseconds
        self.worker.submit(lambda: self._do(word, now, task))

    def _answer(self, step: Callable[[int], str]) -> Callable[[Any, Any], Any]:
        def serve(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            now = self.get_clock().now().nanoseconds
            try:
                if self.worker is None:
                    raise RecordError(f"the node is {self.state}")
                response.message = self.worker.ask(lambda: step(now), ANSWER)
                response.success = True
            except TimeoutError:
                response.message = f"the recorder did not answer within {ANSWER:g} s: it is writing"
            except PoseError as error:
                response.message = str(error)
            return response

        return serve

    def _tell(self) -> None:
        """record/state, when it changes."""
        if self.session is None or not self.context.ok():
            return
        session = self.session
        state = {
            "state": session.state,
            "episode": session.number,
            "finished": session.finished,
            "failure": session.failure,
        }
        if (text := json.dumps(state)) != self._told:
            self._told = text
            self._publisher.publish(String(data=text))

    # In the recorder's thread.

    def _work(self, item: tuple[Topic, int, bytes]) -> None:
        topic, received_ns, data = item
        self.session.hear(topic, received_ns, data)
        self._idle()
        while self.session.signs:
            self._do("toggle", received_ns, raised_ns=self.session.signs.pop(0))

    def _idle(self) -> None:
        self.session.tick()

    def _do(self, word: str, now_ns: int, task: str = "", raised_ns: int | None = None) -> None:
        """What a key or a hand asked for. A hand that ends an episode is not in it."""
        if word == "toggle":
            word = "stop" if self.session.is_recording else "start"
        try:
            if word == "start":
                text = self.session.start(now_ns, task)
            elif word == "stop":
                text = self.session.stop(raised_ns or now_ns)
            else:
                text = self.session.discard()
            self.get_logger().info(text)
        except RecordError as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        refusal = isinstance(error, PoseError)
        text = str(error) if refusal else "".join(traceback.format_exception(error))
        self.health.report("record", text, error=True)

    # What diagnostics asks.

    @property
    def inputs(self) -> dict[str, Subscription]:
        subscriptions = self.input.subscriptions if self.input else {}
        return {name: s for name, s in subscriptions.items() if name in self._essential}

    @property
    def outputs(self) -> Iterable[Publisher]:
        return (self._publisher,)

    def describe(self, report: Report) -> None:
        session, worker, source = self.session, self.worker, self.input
        report.values |= {
            "recording": session.state,
            "episode": session.number,
            "episodes finished": session.finished,
            "rows": session.rows,
            "messages": session.messages,
            "waiting for the disk [MB]": worker.waiting / MB,
            "most that has waited [MB]": worker.most / MB,
            "messages dropped": worker.dropped,
            "messages lost on the way": source.lost,
            "messages refused": sum(session.refused.values()),
        }
        report.say(OK, f"{session.state}, {session.finished} episodes finished")
        if session.failure:
            report.say(ERROR, session.failure)
        if worker.dropped:
            report.say(WARN, f"{worker.dropped} messages were dropped: the queue was full")
        if source.lost:
            report.say(WARN, f"{source.lost} messages were lost on the way: see config/fastdds.xml")
        for why, count in list(session.refused.items())[:3]:
            report.say(WARN, f"{count} messages refused: {why}")
        if source.missing:
            report.say(WARN, f"nobody publishes {', '.join(source.missing)}")


def main(arguments: list[str] | None = None) -> int:
    return spin(RecordNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
