"""The whole way of one frame: follow what is known, search for what is not. For robot and files alike."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pose_ros.config import option
from pose_ros.device import choose_device, use_threads
from pose_ros.errors import ConfigError, unknown
from pose_ros.objects.bank import Bank
from pose_ros.objects.catch_up import Recent, follow
from pose_ros.objects.model import ObjectModel, load_model, load_models
from pose_ros.objects.region import claimed
from pose_ros.objects.search import Search, SearchConfig
from pose_ros.objects.segment import SegmentConfig, Segmenter
from pose_ros.objects.track import SECOND_NS, ObjectTracker, Track, TrackConfig
from pose_ros.objects.view import View, rectified, straight_image, unrectified
from pose_ros.types import Detections2D, ObjectPoses, Objects, RGBDFrame, TrackedObject, TrackState


@dataclass(frozen=True)
class ObjectConfig:
    models: str = option("", "folder of CAD files, or a YAML file that names them")
    device: str = option("auto", "where hypotheses are computed", choices=("auto", "cpu", "cuda"))
    threads: int = option(1, "CPU threads of torch, for the whole process; 0 is all cores", range=(0, 256))
    search_every: float = option(
        2.0, "pause between searches for objects that are not followed; 0 searches every frame", unit="s",
        range=(0.0, 3600.0),
    )  # fmt: skip
    background: bool = option(
        False,
        "search beside the tracking and catch up, as a robot needs it; if not, frames wait for the search",
    )
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    track: TrackConfig = field(default_factory=TrackConfig)


class ObjectPipeline:
    """RGB-D frames in, tracked objects out.

    Raises MeshError on construction where a model cannot be used. `stage_ms` holds the milliseconds each
    stage of the latest call took.
    """

    def __init__(
        self, config: ObjectConfig | None = None, models: dict[str, ObjectModel] | None = None
    ) -> None:
        self.config = config or ObjectConfig()
        use_threads(self.config.threads)
        self._device, self.device_note = choose_device(self.config.device)
        self._pause_ns = round(self.config.search_every * SECOND_NS)
        self._segmenter = Segmenter(self.config.segment)
        self._searcher: ThreadPoolExecutor | None = None  # its thread is started by the first that needs it
        self.stage_ms: dict[str, float] = {}
        self.models: dict[str, ObjectModel] = {}
        self._use(
            models if models is not None else load_models(self.config.models) if self.config.models else {}
        )

    def __call__(self, frame: RGBDFrame, detections: Detections2D | None = None) -> Objects:
        """Follow what was found, and search from time to time; in the segments of `detections`, if given."""
        self.stage_ms = {}
        if not self.models:
            return self._result(frame, None)
        if frame.stamp_ns < self._stamp_ns:
            self.reset()
        self._stamp_ns = frame.stamp_ns
        straight = rectified(frame)
        view = self._timed("view", View.of, straight, self._device)
        if self._search is not None and self._search.done():
            search = self._search
            self._forget_search()  # first, for one that failed raises now, and only now
            self._next_search_ns = frame.stamp_ns + self._pause_ns
            newcomers, self._reasons = search.result()
            self._tracker.join(newcomers)
        self._timed("track", self._tracker.update, view, frame.stamp_ns)
        if self._search is not None:
            self._recent.add(view, frame.stamp_ns)
        elif frame.stamp_ns >= self._next_search_ns and (detections is None or len(detections)):
            self._next_search_ns = frame.stamp_ns + self._pause_ns
            free = self._without_tracked(straight, view)
            straightened = None if detections is None else _straightened(detections, frame)
            if self.config.background:
                self._recent = Recent()
                self._searcher = self._searcher or ThreadPoolExecutor(1, "object search")
                self._search = self._searcher.submit(
                    self._newcomers, free, straightened, frame.stamp_ns, self._recent
                )
            else:
                self._take(frame.stamp_ns, *self._timed("search", self._found, free, straightened))
        return self._result(frame, view)

    def detect(
        self,
        frame: RGBDFrame,
        detections: Detections2D | None = None,
        labels: Iterable[str] | None = None,
        roi: tuple[int, int, int, int] | None = None,
    ) -> Objects:
        """Search the whole frame now, whatever is followed; only for `labels`, only within `roi`.

        roi: x0, y0, x1, y1 px of the frame. What is found replaces the tracks of those labels there.
        ConfigError lists the labels where one is unknown.
        """
        self.stage_ms = {}
        wanted = list(self.models) if labels is None else list(labels)
        for label in wanted:
            if label not in self.models:
                raise ConfigError(unknown("label", label, self.models or ["none: no model is loaded"]))
        if not self.models:
            return self._result(frame, None)
        if roi is not None:
            frame = _only(frame, roi)
        straight = rectified(frame)
        view = View.of(straight, self._device)
        straightened = None if detections is None else _straightened(detections, frame)
        self._forget_search()
        self._tracker.tracks = [
            track
            for track in self._tracker.tracks
            if track.label not in wanted or (roi is not None and not self._is_within(track, straight, roi))
        ]
        self._take(frame.stamp_ns, *self._timed("search", self._found, straight, straightened, wanted))
        self._stamp_ns = frame.stamp_ns
        return self._result(frame, view)

    def _is_within(self, track: Track, frame: RGBDFrame, roi: tuple[int, int, int, int]) -> bool:
        x0, y0, x1, y1 = roi
        u, v = frame.camera.project(track.translation.cpu().double().numpy())
        return bool(x0 <= u < x1 and y0 <= v < y1)

    def add_model(self, label: str, path: Path, unit: str = "m", up: str = "z") -> None:
        """Look for this model, too, or for another under a known label; MeshError if it cannot be used.

        What is followed of the other models still is.
        """
        followed = self._tracker.tracks if self.models else []
        stamp_ns, reasons = self._stamp_ns, self._reasons
        self._use(self.models | {label: load_model(label, Path(path), unit, up)})
        self._tracker.take_over([track for track in followed if track.label != label])
        self._stamp_ns, self._reasons = stamp_ns, reasons

    def reset(self) -> None:
        """Forget what was followed: the next frame is of another scene."""
        if self.models:
            self._tracker.reset()
        self._forget_search()
        self._stamp_ns = self._next_search_ns = 0
        self._reasons: dict[str, str] = {}

    def close(self) -> None:
        """End the thread that searches in the background, once its search is done; nothing waits for it."""
        self._forget_search()
        if self._searcher is not None:
            self._searcher.shutdown(wait=False, cancel_futures=True)
            self._searcher = None

    def _use(self, models: dict[str, ObjectModel]) -> None:
        self.models = models
        self._search: Future[tuple[ObjectTracker, dict[str, str]]] | None = None
        self._recent = Recent()
        if models:
            bank = Bank.of(list(models.values()), self._device)
            self._tracker = ObjectTracker(models, bank, self.config.track)
            self._everywhere = Search(models, bank, self.config.search)
        self.reset()

    def _forget_search(self) -> None:
        self._search, self._recent = None, Recent()

    def _found(
        self, frame: RGBDFrame, detections: Detections2D | None, labels: Iterable[str] | None = None
    ) -> tuple[ObjectPoses, dict[str, str]]:
        if detections is None:
            detections = self._segmenter(frame)
        return self._everywhere(frame, View.of(frame, self._device), detections, labels)

    def _take(self, stamp_ns: int, poses: ObjectPoses, reasons: dict[str, str]) -> None:
        self._tracker.adopt(poses, stamp_ns)
        self._reasons = reasons

    def _newcomers(
        self, frame: RGBDFrame, detections: Detections2D | None, stamp_ns: int, recent: Recent
    ) -> tuple[ObjectTracker, dict[str, str]]:
        """What is found in this frame, followed up to the latest: the work of the thread beside."""
        poses, reasons = self._found(frame, detections)
        newcomers = ObjectTracker(self.models, self._tracker.bank, self.config.track)
        newcomers.adopt(poses, stamp_ns)
        follow(newcomers, recent, stamp_ns)
        return newcomers, reasons

    def _without_tracked(self, frame: RGBDFrame, view: View) -> RGBDFrame:
        """The frame without the depth of what is followed already."""
        depth = frame.depth.copy()
        for track in self._tracker.live:
            depth[self._pixels(track, view)] = np.nan
        return RGBDFrame(frame.rgb, depth, frame.camera, frame.stamp_ns, frame.frame_id)

    def _pixels(self, track: Track, view: View) -> np.ndarray:
        bank = self._tracker.bank
        return claimed(bank, track.model, track.rotation, track.translation, view).cpu().numpy()

    def _result(self, frame: RGBDFrame, view: View | None) -> Objects:
        labels = np.zeros(frame.depth.shape, np.uint8)
        if view is None:
            return Objects((), labels, {}, frame.stamp_ns, frame.frame_id)
        objects = []
        for track in self._tracker.live:
            objects.append(self._tracked(track))
            labels[self._pixels(track, view) & (labels == 0)] = len(objects)
        here = {track.label for track in self._tracker.live}
        reasons = {label: reason for label, reason in self._reasons.items() if label not in here}
        return Objects(
            tuple(objects), unrectified(labels, frame.camera), reasons, frame.stamp_ns, frame.frame_id
        )

    def _tracked(self, track: Track) -> TrackedObject:
        model, pose = self.models[track.label], self._tracker.pose(track)
        return TrackedObject(
            id=track.id,
            label=track.label,
            state=TrackState.TRACKED,
            age=track.age,
            score=track.score,
            camera_from_object=pose,
            covariance=track.covariance,
            visible=track.visible,
            distance=float(np.linalg.norm(pose.apply(model.bounds.mean(0)))),
            is_textured=model.is_textured,
        )

    def _timed(self, stage: str, work, *arguments):
        started = time.perf_counter()
        result = work(*arguments)
        self.stage_ms[stage] = (time.perf_counter() - started) * 1e3
        return result


def _only(frame: RGBDFrame, roi: tuple[int, int, int, int]) -> RGBDFrame:
    x0, y0, x1, y1 = roi
    height, width = frame.depth.shape
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ConfigError(f"roi {roi} must be x0 < x1 <= {width} and y0 < y1 <= {height}, in pixels")
    depth = np.full_like(frame.depth, np.nan)
    depth[y0:y1, x0:x1] = frame.depth[y0:y1, x0:x1]
    return RGBDFrame(frame.rgb, depth, frame.camera, frame.stamp_ns, frame.frame_id)


def _straightened(detections: Detections2D, frame: RGBDFrame) -> Detections2D:
    """The detections in the picture without lens distortion."""
    if not frame.camera.is_distorted or not len(detections):
        return detections
    masks = np.stack([straight_image(mask.astype(np.uint8), frame.camera) > 0 for mask in detections.mask])
    return Detections2D(masks, detections.label, detections.score)
