"""What lies where in one still frame, for each kind of scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build, shapes, stage
from pose_ros.sources.synthetic.objects.catalogue import Model, look
from pose_ros.sources.synthetic.objects.place import Pile, Rest, random_rest, stable_rests
from pose_ros.sources.synthetic.objects.render import Item, Stage, silhouette
from pose_ros.sources.synthetic.solids import Solid, View

FULLY = 0.97  # of an object's outline that must be in the picture


@dataclass(frozen=True)
class Layout:
    """One frame's stage, items and view; items of a model come first."""

    stage: Stage
    items: tuple[Item, ...]
    view: View


@dataclass(frozen=True)
class Kind:
    """How a scene is laid out: models that are shown and strangers beside them (least, most), distance (m)
    and elevation (rad) of the camera, the gap (m) between things, how many of them fall onto others."""

    shown: tuple[int, int]
    strangers: tuple[int, int]
    distance: tuple[float, float]
    elevation: tuple[float, float]
    gap: float
    riser: float = 0.0
    heap: float = 0.0


KINDS = {
    "single": Kind((1, 1), (0, 2), (0.45, 0.8), (0.45, 1.2), 0.02),
    "table": Kind((3, 6), (0, 2), (0.6, 1.0), (0.5, 1.2), 0.012, riser=0.5),
    "clutter": Kind((6, 9), (2, 4), (0.6, 0.95), (0.6, 1.25), 0.0015, riser=0.3, heap=0.35),
}  # fmt: skip


class Rests:
    """Stable poses of meshes, found once each."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Mesh, list[Rest]]] = {}

    def __getitem__(self, mesh: Mesh) -> list[Rest]:
        if id(mesh) not in self._known:
            self._known[id(mesh)] = mesh, stable_rests(mesh)
        return self._known[id(mesh)][1]


def item_of(model: Model, pose: RigidTransform, number: int = 0) -> Item:
    return Item(model.mesh, pose, number, model.paint, model.gloss)


def stranger(rng: np.random.Generator) -> Model:
    """Something that nobody has a model of."""
    draws = (*shapes.TEXTURED, *shapes.PLAIN)
    return look(rng, draws[rng.integers(len(draws))](rng))


def lay_table(
    rng: np.random.Generator,
    models: Sequence[Model],
    rests: Rests,
    kind: Kind,
    camera: PinholeCamera,
    count: int = 0,
) -> Layout | None:
    """Some of the models and some strangers on a table; None where no room was found for them."""
    distance, elevation = rng.uniform(*kind.distance), rng.uniform(*kind.elevation)
    azimuth = rng.uniform(0, 2 * np.pi)
    reach = min(0.85 * distance * camera.height / 2 / camera.fy, 0.3)
    pile, more = Pile(reach + 0.2), []
    if rng.random() < kind.riser:
        more.append(stage.riser(rng, reach))
        stand_on(pile, more[-1])
    number = count or int(rng.integers(kind.shown[0], kind.shown[1] + 1))
    shown = rng.permutation(len(models))[: min(number, len(models))]
    wanted = [(models[k], int(k) + 1) for k in shown]
    wanted += [(stranger(rng), 0) for _ in range(rng.integers(kind.strangers[0], kind.strangers[1] + 1))]
    heaped = [number > 0 and rng.random() < kind.heap for _, number in wanted]
    items = []
    for (model, number), falls in sorted(zip(wanted, heaped, strict=True), key=lambda pair: pair[1]):
        pose = _put(rng, pile, model, rests[model.mesh], reach, kind.gap, falls)
        if pose is None:
            return None
        pile.add(model.mesh, pose)
        items.append(item_of(model, pose, number))
    items.sort(key=lambda item: item.model == 0)
    target = np.append(rng.uniform(-0.02, 0.02, 2), 0.03)
    pose = stage.look_at(target, azimuth, elevation, distance, rng.normal(0, 0.08))
    return Layout(stage.draw_stage(rng, azimuth, tuple(more)), tuple(items), View(camera, pose))


def _put(
    rng, pile: Pile, model: Model, rests: list[Rest], reach: float, gap: float, falls: bool
) -> RigidTransform | None:
    if falls:
        return pile.drop(model.mesh, rests, rng, 0.5 * reach, 12, 0.25)
    for _ in range(40):
        place = reach * np.sqrt(rng.random()) * np.array([np.cos(a := rng.uniform(0, 2 * np.pi)), np.sin(a)])
        if (pose := pile.landing(model.mesh, random_rest(rests, rng), place, gap)) is not None:
            return pose
    return None


def stand_on(pile: Pile, box: Solid) -> None:
    """Let an upright box be part of a pile."""
    x, y = pile.grid()
    local = np.stack([x - box.centre[0], y - box.centre[1]], -1) @ box.rotation[:2, :2]
    pile.height[(np.abs(local) <= box.size[:2]).all(-1)] = box.centre[2] + box.size[2]


def lay_bin(
    rng: np.random.Generator, part: Model, rests: Rests, camera: PinholeCamera, count: int = 10
) -> Layout | None:
    """`count` equal parts that fell into a bin."""
    d = part.mesh.diameter
    inner = d * rng.uniform((1.1, 0.95), (1.45, 1.15))
    height = d * rng.uniform(0.4, 0.7)
    pile = Pile(float(inner.max()) + 0.02)
    x, y = pile.grid()
    pile.height[(np.abs(x) > inner[0]) | (np.abs(y) > inner[1])] = np.inf
    items = []
    for _ in range(count):
        pose = pile.drop(part.mesh, rests[part.mesh], rng, float(inner.max()), 60, 0.15)
        if pose is None:
            return None
        pile.add(part.mesh, pose)
        items.append(item_of(part, pose, 1))
    walls = stage.bin_walls(rng, inner, height)
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(1.05, 1.5)
    # So far that the whole bin is in the picture.
    fits = 1.15 * float(np.hypot(*inner)) * camera.fy / (camera.height / 2)
    distance = max(fits + height * 0.5, 0.42) * rng.uniform(1.0, 1.15)
    pose = stage.look_at(np.array([0, 0, height / 3]), azimuth, elevation, distance, rng.normal(0, 0.1))
    return Layout(stage.draw_stage(rng, azimuth, walls), tuple(items), View(camera, pose))


def add_occluders(rng: np.random.Generator, layout: Layout, occlusion: float) -> Layout | None:
    """Something before each model's item that hides this share of its outline; None where that failed."""
    items = list(layout.items)
    shape = layout.view.shape
    for target in [item for item in layout.items if item.model]:
        seen = silhouette(target, layout.view)
        mask = np.zeros(shape[0] * shape[1], bool)
        mask[seen.pixel[seen.inside]] = True
        found = _slide_in(rng, layout.view, target, mask, occlusion * len(seen.pixel))
        if found is None:
            return None
        items.append(found)
    return replace(layout, items=tuple(items))


def _slide_in(rng, view: View, target: Item, mask: np.ndarray, wanted: float) -> Item | None:
    """A board or bar, moved in from aside until it hides `wanted` px of the mask."""
    d = target.mesh.diameter
    if rng.random() < 0.6:
        mesh = build.box((rng.uniform(0.85, 1.1) * d, rng.uniform(1.1, 1.5) * d, rng.uniform(0.005, 0.03)))
    else:
        r = rng.uniform(0.4, 0.55) * d
        mesh = build.at(build.revolve([(0, -d), (r, -d), (r, d), (0, d)]), rotation=shapes.Y_UP)
    look_of = look(rng, shapes.Shape("occluder", mesh, None))
    centre = target.world_from_object.apply(target.mesh.bounds.mean(0))
    ray = centre - view.origin
    near = view.origin + ray * (1 - rng.uniform(0.75, 1.0) * d / np.linalg.norm(ray))
    angle = rng.uniform(0, 2 * np.pi)
    axes = view.world_from_camera.rotation @ rotation_exp(np.array([0, 0, angle]))
    lean = rotation_exp(axes @ np.append(rng.normal(0, 0.25, 2), 0.0))

    def at(offset: float) -> tuple[Item, int]:
        item = item_of(look_of, RigidTransform(lean @ axes, near + offset * axes[:, 0]))
        seen = silhouette(item, view)
        return item, int(mask[seen.pixel[seen.inside]].sum())

    low, high = 0.0, 2.0 * d
    if at(low)[1] < wanted:
        return None
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle)[1] > wanted else (low, middle)
    item, hidden = at(high)
    return item if abs(hidden - wanted) < 0.03 * max(mask.sum(), 1) else None
