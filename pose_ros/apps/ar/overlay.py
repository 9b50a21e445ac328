"""The recipe: where things are, what light falls on them, and the picture with them in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pose_ros.apps.ar.anchor import OperatorLock, Place
from pose_ros.apps.ar.light import Light, LightTracker
from pose_ros.apps.ar.render import Placed, RenderConfig, draw
from pose_ros.apps.ar.thing import Thing, load_things
from pose_ros.config import option
from pose_ros.types import RGBDFrame


@dataclass(frozen=True)
class ArConfig:
    """What is drawn, and how."""

    things: str = option("", "YAML file of virtual things; empty for hats, rings and axes of whoever is seen")
    light: str = option(
        "picture",
        "whence the light of virtual things: guessed from the picture, or fixed",
        choices=("picture", "fixed"),
    )
    render: RenderConfig = field(default_factory=RenderConfig)


@dataclass(frozen=True)
class Augmented:
    """rgb (H,W,3) uint8. drawn: how many things have a place; the picture is the frame's own if none."""

    rgb: np.ndarray
    drawn: int

    def __len__(self) -> int:
        return self.drawn


class Overlay:
    """Call it with every frame and the places of exactly that frame."""

    device_note = "the CPU"

    def __init__(self, config: ArConfig | None = None, things: Sequence[Thing] | None = None) -> None:
        self.config = config or ArConfig()
        self.things = load_things(self.config.things) if things is None else tuple(things)
        self.stage_ms: dict[str, float] = {}
        self._light, self._operator = LightTracker(), OperatorLock()

    def reset(self) -> None:
        self._light, self._operator = LightTracker(), OperatorLock()

    @property
    def needs(self) -> set[str]:
        """Who must say where things are: of `people`, `objects`, `frames`."""
        return {thing.anchor.needs for thing in self.things}

    @property
    def frames(self) -> tuple[str, ...]:
        """Names of the frames that things hang on."""
        return tuple(sorted({t.anchor.which for t in self.things if t.anchor.kind == "frame"}))

    def __call__(self, frame: RGBDFrame, places: Sequence[Place] = ()) -> Augmented:
        started = time.perf_counter()
        placed = self.placed(places)
        light = Light.usual()
        if placed and self.config.light == "picture":
            light = self._light(frame.rgb, frame.depth, frame.camera, frame.stamp_ns)
        lit = time.perf_counter()
        rgb = draw(frame, placed, light, self.config.render)
        self.stage_ms = {"light": (lit - started) * 1e3, "draw": (time.perf_counter() - lit) * 1e3}
        return Augmented(rgb, len(placed))

    def placed(self, places: Sequence[Place]) -> list[Placed]:
        operator = self._operator(places)
        return [
            thing.placed(place.camera_from_anchor)
            for thing in self.things
            for place in thing.anchor.find(places, operator)
        ]
