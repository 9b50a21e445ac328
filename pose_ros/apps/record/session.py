"""Recording live: episodes begin and end, everything heard goes where it belongs. One thread calls all of it.

Messages come serialized; `Topic.read` makes sense of those that columns are made of, and only then.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pose_ros.apps.record.bag import END, TASK, BagTopic, BagWriter
from pose_ros.apps.record.bag_repair import is_being_written, is_finished, repair
from pose_ros.apps.record.dataset import LeRobotSet
from pose_ros.apps.record.episode import Episode
from pose_ros.apps.record.errors import RecordError, cannot_write
from pose_ros.apps.record.messages import stamp_of
from pose_ros.apps.record.operator import RaisedHand
from pose_ros.apps.record.resample import FOREVER
from pose_ros.apps.record.session_config import BAGS, SET, SessionConfig, Topic
from pose_ros.apps.record.sources import TEXT, Skeletons, TopicSource, table_of
from pose_ros.apps.record.take import Take, TakeHeader
from pose_ros.errors import PoseError

GB = 10**9


class Session:
    """Episodes into `config.folder`; what a process that died has left there is finished first.

    say: told in words what happens. signed: called with since when the operator's hand has been up.
    """

    def __init__(
        self,
        config: SessionConfig,
        sources: Sequence[TopicSource],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.sources, self._say, self._clock = config, sources, say, clock
        self.folder = Path(config.folder).expanduser()
        self.topics: dict[str, Topic] = {}
        self.signs: list[int] = []  # hands that were raised, until somebody takes them
        self.failure = ""  # why the last episode ended
        self.number = 0  # of the episode at hand, or the next
        self.finished = 0  # episodes, since the start
        self.refused: dict[str, int] = {}  # why -> messages
        self._episode: Episode | None = None
        self._bag: BagWriter | None = None
        self._deadline: float | None = None  # an ended episode waits so long for what is on the way
        self._checked = clock()
        self._gesture = RaisedHand(config.gesture)
        self._set: LeRobotSet | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        if self._wants("lerobot"):
            self._set = LeRobotSet(self.folder / SET)
            if recovered := self._set.recover(say):
                say(f"{recovered} unfinished episodes were recovered in {self._set.folder}")
        if self._wants("mcap"):
            for path in sorted((self.folder / BAGS).glob("*/*.mcap")):
                self._repair(path)
        self.number = self._next_number()

    def _repair(self, path: Path) -> None:
        if is_finished(path):
            return
        self._say(f"{path} is unfinished and is repaired")
        try:
            self._say(f"{path}: {repair(path)} messages were recovered")
        except RecordError as error:
            if is_being_written(path):
                raise
            self._say(str(error))

    @property
    def state(self) -> str:
        if self._deadline is not None:
            return "finishing"
        return "recording" if self.is_recording else "idle"

    @property
    def is_recording(self) -> bool:
        return self._episode is not None or self._bag is not None

    @property
    def rows(self) -> int:
        return self._episode.counts.rows if self._episode else 0

    @property
    def messages(self) -> int:
        return self._bag.messages if self._bag else 0

    def add_topic(self, topic: Topic) -> None:
        self.topics[topic.name] = topic
        if self._bag:
            topic.channel = self._bag.add_topic(_bag_topic(topic))

    def hear(self, topic: Topic, received_ns: int, data: bytes) -> None:
        """A message. RecordError where it could not be written: the episode has ended then."""
        if topic.keep_last:
            topic.last = received_ns, data
        try:
            if self._bag:
                self._bag.write(topic.channel, received_ns, data)
            if self._is_read(topic):
                self._hear_source(topic, topic.read(data), received_ns)
        except RecordError as error:
            self._fail(error)
            raise

    def start(self, start_ns: int, task: str = "") -> str:
        """Begin an episode; the answer says what is recorded. RecordError says why not."""
        if self.is_recording:
            raise RecordError(f"episode {self.number} is being recorded")
        self._check_space()
        self.failure, self.number = "", self._next_number()
        task = task or self.config.task
        parts = []
        try:
            if self._set is not None:
                parts.append(self._start_rows(start_ns, task))
            if self._wants("mcap"):
                folder = self.folder / BAGS / f"episode_{self.number:06d}"
                self._bag = BagWriter(folder, self.config.bag, notes={TASK: task} if task else {})
                for topic in self.topics.values():
                    topic.channel = self._bag.add_topic(_bag_topic(topic))
                    if topic.last is not None:
                        self._bag.write(topic.channel, *topic.last)
                parts.append(f"{len(self.topics)} topics")
        except RecordError as error:
            self._fail(error)
            raise
        return f"episode {self.number}: {', '.join(parts)}"

    def stop(self, end_ns: int) -> str:
        """End the episode at that instant; it is finished when what is on the way has come."""
        if not self.is_recording or self._deadline is not None:
            raise RecordError("nothing is being recorded")
        if self._episode:
            self._episode.end(end_ns)
        if self._bag:
            self._bag.note(END, str(end_ns))
        self._deadline = self._clock() + self.config.rate.patience
        return f"episode {self.number} ends"

    def discard(self) -> str:
        """Forget the episode at hand."""
        if not self.is_recording:
            raise RecordError("nothing is being recorded")
        episode, bag = self._let_go()
        if episode:
            episode.close()
            shutil.rmtree(episode.folder, ignore_errors=True)
        if bag:
            bag.abandon()
            shutil.rmtree(bag.folder, ignore_errors=True)
        return f"episode {self.number} is discarded"

    def tick(self) -> None:
        """To be called ten times a second, or more often."""
        try:
            if self._bag:
                self._bag.tick()
            if self._deadline is not None and self._clock() >= self._deadline:
                self._finish()
            elif self.is_recording and self._deadline is None and self._clock() - self._checked > 1.0:
                self._checked = self._clock()
                self._check_space()
        except RecordError as error:
            self._fail(error)
            raise

    def end(self) -> None:
        """Finish what is being recorded, without waiting."""
        if self.is_recording:
            self._finish()

    def close(self) -> None:
        try:
            self.end()
        finally:
            if self._set is not None:
                self._set.close()

    def _wants(self, name: str) -> bool:
        return self.config.formats in (name, "both")

    def _is_read(self, topic: Topic) -> bool:
        """What nobody needs is not taken apart, above all pictures between episodes."""
        if topic.source is None:
            return False
        if isinstance(topic.source, Skeletons):
            return self._set is not None or self.config.gesture.hand != "none"
        return self._episode is not None or (self._set is not None and topic.source.features is None)

    def _hear_source(self, topic: Topic, message: Any, received_ns: int) -> None:
        source = topic.source
        try:
            if isinstance(source, Skeletons) and topic.type == TEXT:
                source.hear_info(message.data)
                return
            if source.features is None:
                source.declare(message)
            if self._episode and source.features is not None:
                self._episode.hear(source, message, received_ns)
            elif isinstance(source, Skeletons):
                source.values(message)
        except RecordError:
            raise
        except PoseError as error:
            self._refuse(f"{source.topic}: {error}")
            return
        if isinstance(source, Skeletons):
            since = self._gesture(source.person, stamp_of(message) or received_ns)
            if since is not None:
                self.signs.append(since)

    def _refuse(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1

    def _start_rows(self, start_ns: int, task: str) -> str:
        config, table = self.config, self._set.table
        silent = [source.topic for source in self.sources if source.features is None]
        if table is None:
            if silent:
                raise RecordError(
                    f"nothing came on {', '.join(silent)}, so that a new set cannot know its columns; "
                    "set the parameter features.… that names it to '' to do without"
                )
            table = table_of(self.sources, config.features.columns)
        if not task:
            raise RecordError("the parameter task is empty: LeRobot's policies are told what to do")
        header = TakeHeader(table, config.rate.fps, task, config.robot, config.video)
        self._set.check(header)
        folder = self._set.take_folder(f"{self.number:06d}")
        self._episode = Episode(folder, header, config.rate, start_ns, self._refuse)
        missing = f" (nothing came on {', '.join(silent)})" if silent else ""
        return f"{len(table)} features at {config.rate.fps} Hz{missing}"

    def _finish(self) -> None:
        episode, bag = self._let_go()
        texts, errors = [], []
        for what, step in ((bag, self._finish_bag), (episode, self._finish_rows)):
            try:
                if what:
                    texts.append(step(what))
            except RecordError as error:
                errors.append(error)  # the other one is finished all the same
        if errors:
            raise errors[0]
        self.finished += 1
        self._say(f"episode {self.number}: {'; '.join(texts)}")

    def _finish_bag(self, bag: BagWriter) -> str:
        bag.close()
        return f"{bag.messages} messages"

    def _finish_rows(self, episode: Episode) -> str:
        counts, take = episode.finish(), Take(episode.folder)
        counts.rows = len(take)
        if not len(take):
            shutil.rmtree(take.folder)
            raise RecordError(f"episode {self.number} has no rows: no sample came while it was recorded")
        self._set.commit([take])
        return str(counts)

    def _fail(self, error: RecordError) -> None:
        """What was written stays, and is repaired at the next start."""
        self.failure = str(error)
        episode, bag = self._let_go()
        if bag:
            bag.abandon()
        if episode:
            with contextlib.suppress(RecordError):  # of the same cause
                episode.close()

    def _let_go(self) -> tuple[Episode | None, BagWriter | None]:
        episode, bag = self._episode, self._bag
        self._episode = self._bag = self._deadline = None
        return episode, bag

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.folder).free / GB
        if free < self.config.min_free:
            text = f"{self.folder} has {free:.1f} GB left, less than min_free ({self.config.min_free} GB)"
            if self.is_recording:
                self.stop(FOREVER)
                self.failure = f"episode {self.number} was ended: {text}"
                self._say(self.failure)
            else:
                raise RecordError(text)

    def _next_number(self) -> int:
        numbers = [int(path.name[-6:]) for path in (self.folder / BAGS).glob("episode_[0-9]*")]
        after = max(numbers, default=-1) + 1
        return max(after, int(self._set.new_take_name())) if self._set is not None else after


def _bag_topic(topic: Topic) -> BagTopic:
    return BagTopic(topic.name, topic.type, topic.definition, topic.qos)
