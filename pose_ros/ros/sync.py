"""Pairs images with depth images by their stamps: mutual nearest neighbours within a bounded slop.

Pure Python, no ROS: message_filters has no wheel, and its approximate policy cannot say why nothing comes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

MILLISECOND_NS = 1_000_000


@dataclass
class SyncCounts:
    """What became of everything that came in, since the start."""

    paired: int = 0
    image_without_depth: int = 0
    depth_without_image: int = 0
    late: int = 0  # stamped before a message already received
    duplicate: int = 0  # stamped as the message before it
    jumps: int = 0  # stamps went back by more than the slop: a bag that loops, a clock set back


@dataclass
class _Stream:
    """Waiting messages of one topic, oldest first, and the intervals of its latest stamps."""

    waiting: deque[tuple[int, Any]] = field(default_factory=deque)
    newest_ns: int | None = None
    intervals_ns: deque[int] = field(default_factory=lambda: deque(maxlen=5))

    @property
    def half_period_ns(self) -> float:
        return min(self.intervals_ns) / 2 if self.intervals_ns else float("inf")

    def clear(self) -> None:
        self.waiting.clear()
        self.intervals_ns.clear()
        self.newest_ns = None


class RgbdSync:
    """Give it every image and depth image as it arrives; it returns the pairs that are ready.

    An image and a depth image are a pair if neither has a nearer partner and their stamps differ by at
    most `slop_ns`. A pair is returned as soon as no message still to come can be nearer, which for a
    camera that stamps both alike is at once. At most `queue` messages of a topic wait.
    """

    def __init__(self, slop_ns: int, queue: int = 10) -> None:
        self.slop_ns = slop_ns
        self.queue = queue
        self.counts = SyncCounts()
        self.offsets_ns: deque[int] = deque(maxlen=100)  # image to its nearest depth, paired or not
        self._images = _Stream()
        self._depths = _Stream()

    def add_image(self, stamp_ns: int, image: Any) -> list[tuple[Any, Any]]:
        return self._match() if self._accept(self._images, stamp_ns, image) else []

    def add_depth(self, stamp_ns: int, depth: Any) -> list[tuple[Any, Any]]:
        return self._match() if self._accept(self._depths, stamp_ns, depth) else []

    def _accept(self, stream: _Stream, stamp_ns: int, message: Any) -> bool:
        if stream.newest_ns is not None:
            step = stamp_ns - stream.newest_ns
            if step < -self.slop_ns:
                self.counts.jumps += 1
                self._images.clear()
                self._depths.clear()
            elif step <= 0:
                self.counts.late += step < 0
                self.counts.duplicate += step == 0
                return False
            else:
                stream.intervals_ns.append(step)
        stream.newest_ns = stamp_ns
        stream.waiting.append((stamp_ns, message))
        return True

    def _match(self) -> list[tuple[Any, Any]]:
        pairs = []
        images, depths = self._images.waiting, self._depths.waiting
        while images and depths:
            image_ns, image = images[0]
            depth_ns, depth = min(depths, key=lambda entry: abs(entry[0] - image_ns))
            offset = abs(depth_ns - image_ns)
            if depths[-1][0] < image_ns and offset > min(self._depths.half_period_ns, self.slop_ns):
                break  # the next depth image may be nearer
            if offset > self.slop_ns:
                self._drop_image(offset)
                continue
            if image_ns < depth_ns and offset > self._images.half_period_ns:
                if len(images) == 1:
                    break  # the next image may be nearer to this depth image
                if abs(images[1][0] - depth_ns) < offset:
                    self._drop_image(offset)
                    continue
            self.offsets_ns.append(offset)
            self.counts.paired += 1
            pairs.append((image, depth))
            images.popleft()
            while depths[0][0] < depth_ns:
                depths.popleft()
                self.counts.depth_without_image += 1
            depths.popleft()
        while len(images) > self.queue:
            images.popleft()
            self.counts.image_without_depth += 1
        while len(depths) > self.queue:
            depths.popleft()
            self.counts.depth_without_image += 1
        return pairs

    def _drop_image(self, offset_ns: int) -> None:
        self._images.waiting.popleft()
        self.counts.image_without_depth += 1
        self.offsets_ns.append(offset_ns)
