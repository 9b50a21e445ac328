"""The grasps of all models, made in a thread of their own: a mesh takes seconds the first time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.library import KnownObject, known_object
from pose_ros.apps.grasp.onboard import OnboardConfig
from pose_ros.errors import PoseError
from pose_ros.ros.health import Health
from pose_ros.ros.worker import NewestWinsWorker


class GraspLibrary:
    """`known` and `failures` by label; each object is replaced whole, so any thread may read them."""

    def __init__(self, gripper: Gripper, config: OnboardConfig, folder: Path | None, health: Health) -> None:
        self.known: dict[str, KnownObject] = {}
        self.failures: dict[str, str] = {}
        self._gripper, self._config, self._folder, self._health = gripper, config, folder, health
        self._asked: dict[str, str] = {}  # label -> the entry it was asked for with
        self._worker: NewestWinsWorker[None] = NewestWinsWorker(
            lambda _: None, lambda _: None, name="grasp onboarding"
        )

    def want(self, labels: Iterable[str], models: Mapping[str, Mapping[str, Any]]) -> None:
        """Begin to make the grasps of these labels, unless it is done or under way. models: as told."""
        for label in labels:
            if label not in models:
                continue
            entry = json.dumps(models[label], sort_keys=True)
            if self._asked.get(label) != entry:
                self._asked[label] = entry
                self._worker.submit(lambda label=label, entry=entry: self._make(label, json.loads(entry)))

    def why_unknown(self, label: str, models: Mapping[str, Any]) -> str:
        if label in self.failures:
            return self.failures[label]
        if label not in models:
            return f"objects/models tells of no {label}"
        return f"the grasps of {label} are being made from its mesh"

    def close(self) -> None:
        self._worker.stop(timeout=0.1)

    def _make(self, label: str, entry: Mapping[str, Any]) -> None:
        try:
            made = known_object(label, entry, self._gripper, self._config, self._folder)
        except Exception as error:  # the thread must go on, whatever is wrong with a file
            text = str(error) if isinstance(error, PoseError) else f"{type(error).__name__}: {error}"
            self.failures[label] = f"no grasps of {label}: {text}"
            self.known.pop(label, None)
            self._health.report(f"grasps of {label}", self.failures[label])
            return
        self.known[label] = made
        self.failures.pop(label, None)
