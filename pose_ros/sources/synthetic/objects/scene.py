"""Synthetic RGB-D frames of objects with exact poses: everything follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pose_ros.config import option
from pose_ros.errors import SourceError
from pose_ros.sources.bop import ObjectTruth
from pose_ros.sources.bop_models import BOPModel, label_of
from pose_ros.sources.bop_write import Shot, write_bop
from pose_ros.sources.source import FIRST_STAMP_NS, Source
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.sources.synthetic.objects import shapes
from pose_ros.sources.synthetic.objects.catalogue import choose_models, look
from pose_ros.sources.synthetic.objects.layout import KINDS, Layout, Rests, add_occluders, lay_bin, lay_table
from pose_ros.sources.synthetic.objects.motion import Video, lay_video
from pose_ros.sources.synthetic.objects.render import draw, silhouette
from pose_ros.sources.synthetic.objects.stage import draw_camera
from pose_ros.sources.synthetic.render import Picture, develop
from pose_ros.types import RGBDFrame

RATE = 30.0  # Hz
SCENES = (*KINDS, "bin", "static", "video", "hand_held")
TRIES = 40  # layouts drawn until one keeps what was asked for
STILL_VISIBLE = 0.85  # share that is in sight where no occlusion was asked for, of what lies apart
HIDDEN = 0.05  # visible shares may be so far from 1 - occlusion


@dataclass(frozen=True)
class ObjectSceneConfig:
    seed: int = option(1, "everything follows from it: the same seed gives the same bytes", range=(0, 2**31))
    scene: str = option(
        "table",
        "single, table, clutter and bin are laid out anew in every frame; static, video and hand_held go on",
        choices=SCENES,
    )
    frames: int = option(10, "how many; videos at 30 Hz", range=(1, 100_000))
    models: int = option(
        10, "of how many models meshes are written; a frame shows some of them", range=(1, 200)
    )
    objects: int = option(
        0, "models shown in a frame, parts in the bin; 0 = as the scene has it", range=(0, 50)
    )
    occlusion: float = option(0.0, "share of every object that something before it hides", range=(0, 0.8))
    off_centre: float = option(0.1, "share of models whose origin lies far outside of them", range=(0, 1))
    meshes: str = option("", "folder of meshes to use, too, e.g. pybullet_data")
    noise: bool = option(True, "a depth sensor's and a camera's noise; without it depth is exact")
    width: int = option(640, "of the picture", unit="px", range=(64, 1920))
    height: int = option(480, "of the picture", unit="px", range=(48, 1080))


class SyntheticObjects(Source):
    """Rendered objects. `shots()` gives the truth with each frame."""

    def __init__(self, config: ObjectSceneConfig = ObjectSceneConfig()) -> None:
        self.config, self.name = config, f"objects {config.scene} {config.seed}"
        rng = np.random.default_rng([config.seed, 1])
        self.camera = draw_camera(rng, config.width, config.height)
        self.models = choose_models(rng, config.models, config.meshes, config.off_centre)
        if config.scene == "bin" and not config.meshes:
            part = shapes.BIN_PARTS[rng.integers(len(shapes.BIN_PARTS))]
            self.models[0] = look(rng, part(rng))
        self.sensor = DepthSensor(self.camera.fx, rng.uniform(0.045, 0.06), near=0.2)
        self._exposure, self._grain = rng.uniform(0.36, 0.5), rng.uniform(0.005, 0.015)
        self._rests = Rests()

    def __len__(self) -> int:
        return self.config.frames

    def __iter__(self) -> Iterator[RGBDFrame]:
        for shot in self.shots():
            yield shot.frame

    def shots(self) -> Iterator[Shot]:
        """Every frame with its truth."""
        for n, (layout, picture) in enumerate(self._pictures()):
            rng = np.random.default_rng([self.config.seed, 2, n])
            stamp = FIRST_STAMP_NS + round(n * 1e9 / RATE)
            rgb = develop(picture, rng, self._exposed(picture), self._grain if self.config.noise else 0.0)
            depth = np.where(np.isfinite(picture.depth), picture.depth, np.nan).astype(np.float32)
            if self.config.noise:
                depth = self.sensor.measure(picture.depth, picture.cosine, picture.linear.mean(-1), rng)
            frame = RGBDFrame(rgb, depth, self.camera, stamp, self.frame_id)
            yield shot_of(frame, layout, picture)

    def bop_models(self) -> dict[int, BOPModel]:
        """By object id: what is written as models/."""
        return {
            n + 1: BOPModel(model.shape.name, model.mesh, model.shape.symmetries)
            for n, model in enumerate(self.models)
        }

    def _exposed(self, picture: Picture) -> float:
        """The factor at which the mean is as bright as this camera likes it."""
        return self._exposure**2.2 / max(float(np.minimum(picture.linear, 3).mean()), 1e-6)

    def _pictures(self) -> Iterator[tuple[Layout, Picture]]:
        if self.config.scene in ("static", "video", "hand_held"):
            yield from self._film(self._until(0, self._video)[0])
            return
        for n in range(len(self)):
            yield self._until(n, self._still)

    def _film(self, video: Video) -> Iterator[tuple[Layout, Picture]]:
        layout = picture = None
        for n in range(len(self)):
            if picture is None or self.config.scene != "static":
                layout = video.at(n / RATE)
                picture = draw(layout.stage, layout.items, layout.view)
            yield layout, picture

    def _until(self, frame: int, attempt):
        for n in range(TRIES):
            found = attempt(np.random.default_rng([self.config.seed, 3, frame, n]))
            if found is not None:
                return found
        raise SourceError(
            f"no layout of {self.config.objects or 'the usual number of'} objects fits scene "
            f"{self.config.scene!r} with occlusion {self.config.occlusion}: ask for fewer objects"
        )

    def _video(self, rng: np.random.Generator) -> tuple[Video, None] | None:
        config = self.config
        video = lay_video(rng, self.models, self._rests, self.camera, config.scene, config.objects)
        if video is None or min(shares(video.at(0)), default=0) < 0.6:
            return None
        return video, None

    def _still(self, rng: np.random.Generator) -> tuple[Layout, Picture] | None:
        config = self.config
        if config.scene == "bin":
            layout = lay_bin(rng, self.models[0], self._rests, self.camera, config.objects or 10)
        else:
            kind = KINDS[config.scene]
            if config.occlusion:
                kind = replace(kind, strangers=(0, 1), shown=(kind.shown[0], min(kind.shown[1], 3)))
            layout = lay_table(rng, self.models, self._rests, kind, self.camera, config.objects)
        if layout is None:
            return None
        alone = config.scene in ("single", "table")
        if alone and min(shares(layout), default=0) < STILL_VISIBLE + 0.1 * bool(config.occlusion):
            return None
        if config.occlusion:
            layout = add_occluders(rng, layout, config.occlusion)
            if layout is None or max(abs(1 - config.occlusion - share) for share in shares(layout)) > HIDDEN:
                return None
        return layout, draw(layout.stage, layout.items, layout.view)


def shares(layout: Layout) -> list[float]:
    """The share of each model's outline that no other item hides and the picture holds."""
    nearest = np.full(int(np.prod(layout.view.shape)), np.inf)
    seen = [silhouette(item, layout.view) for item in layout.items]
    for one in seen:
        np.minimum.at(nearest, one.pixel[one.inside], one.depth[one.inside])
    return [
        float((one.depth[one.inside] <= nearest[one.pixel[one.inside]]).sum() / max(len(one.pixel), 1))
        for one, item in zip(seen, layout.items, strict=True)
        if item.model
    ]


def shot_of(frame: RGBDFrame, layout: Layout, picture: Picture) -> Shot:
    camera_from_world = layout.view.world_from_camera.inverse()
    truths, masks, counts = [], [], []
    for index, item in enumerate(layout.items):
        if not item.model:
            continue
        mask = picture.owner == index
        outline = len(silhouette(item, layout.view).pixel)
        pose = camera_from_world @ item.world_from_object
        truths.append(
            ObjectTruth(item.model, label_of(item.model), pose, float(mask.sum() / max(outline, 1)))
        )
        masks.append(mask)
        counts.append(outline)
    shape = layout.view.shape
    stacked = np.stack(masks) if masks else np.zeros((0, *shape), bool)
    return Shot(frame, tuple(truths), stacked, np.array(counts, int), camera_from_world)


def write_objects(out: Path | str, config: ObjectSceneConfig, progress: bool = True) -> Path:
    """Write a scene in BOP layout: out/test/000000 beside out/models; returns the scene's folder."""
    source = SyntheticObjects(config)
    shots = tqdm(source.shots(), total=len(source), desc=source.name, unit="frame", disable=not progress)
    return write_bop(Path(out), shots, source.bop_models())
