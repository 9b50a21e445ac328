"""The models of a scene: shapes made by code, and meshes of a folder where one is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose_ros.errors import MeshError, SourceError
from pose_ros.geometry.mesh import SUFFIXES, UNITS, Mesh, load_mesh
from pose_ros.sources.synthetic.objects import build, prints, shapes
from pose_ros.sources.synthetic.objects.shapes import Draw, Shape
from pose_ros.types import Symmetries

# Of pybullet_data, which also holds robots and floors. Not the lego brick: it is all but symmetric.
PYBULLET = ("objects/mug.obj", "duck.obj", "bunny.obj", "teddy2_VHACD_CHs.obj")
MOST_TRIANGLES = 30_000  # of a mesh that is drawn by a rasteriser in numpy
SIZES = (0.07, 0.2)  # m, diameters of what lies on tables; other meshes are scaled into it


@dataclass(frozen=True)
class Model:
    """A shape as it looks: paint (3,) rgb in [0,1] for what its file does not colour, gloss in [0,1]."""

    shape: Shape
    paint: np.ndarray
    gloss: float

    @property
    def mesh(self) -> Mesh:
        return self.shape.mesh


def choose_models(
    rng: np.random.Generator, count: int, meshes: str = "", off_centre: float = 0.0
) -> list[Model]:
    """`count` different models: printed and plain in turn; every other one from the folder `meshes` if given.

    off_centre: share of models whose origin lies far from them.
    """
    files = _files(meshes, rng) if meshes else []
    own = _in_turn(rng, shapes.TEXTURED, shapes.PLAIN)
    chosen: list[Model] = []
    while len(chosen) < count:
        shape = None
        if files and len(chosen) % 2:
            shape = _shape_of(files.pop(0), rng)
            if shape is None:
                continue
        shape = shape or next(own)(rng)
        if rng.random() < off_centre:
            shape = shapes.off_centre(shape, rng)
        chosen.append(look(rng, shape))
    return chosen


def look(rng: np.random.Generator, shape: Shape) -> Model:
    """Paint, and for half of the plain shapes a file that knows of it."""
    paint = np.array(prints.colour(rng)) / 255
    if rng.random() < 0.35:  # metal and grey plastic
        paint = np.full(3, rng.uniform(0.25, 0.85)) * rng.uniform(0.95, 1.0, 3)
    if not shape.mesh.has_color and rng.random() < 0.5:
        shape = replace(shape, mesh=build.painted(shape.mesh, np.uint8(255 * paint)))
    return Model(shape, paint, rng.uniform(0, 0.35))


def _in_turn(rng: np.random.Generator, *groups: Sequence[Draw]):
    """Draws of each group in turn, each once before any comes again."""
    left: list[list[Draw]] = [[] for _ in groups]
    while True:
        for group, of in zip(left, groups, strict=True):
            if not group:
                group += [of[k] for k in rng.permutation(len(of))]
            yield group.pop(0)


def _files(folder: str, rng: np.random.Generator) -> list[Path]:
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise SourceError(f"meshes {folder!r} is no folder")
    known = [root / name for name in PYBULLET if (root / name).exists()]
    others = root / "random_urdfs" if (root / "random_urdfs").is_dir() else root
    found = [] if known and others == root else sorted(f for f in others.rglob("*") if _is_visual(f))
    if not known and not found:
        raise SourceError(f"{root} has no mesh of a kind that is read: {', '.join(SUFFIXES)}")
    # A few that are known by name first, then whatever the seed draws.
    known = [known[k] for k in rng.permutation(len(known))]
    found = [found[k] for k in rng.permutation(len(found))[:200]]
    return known[:2] + found + known[2:]


def _is_visual(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.stem.endswith(("_coll", "_col", "_vhacd"))


def _shape_of(file: Path, rng: np.random.Generator) -> Shape | None:
    """The mesh of a file at a size of everyday things; None where it is not fit to be drawn."""
    for unit in UNITS:
        try:
            mesh = load_mesh(file, unit)
            break
        except MeshError:
            continue
    else:
        return None
    size = np.sort(np.ptp(mesh.bounds, axis=0))
    if len(mesh.triangles) > MOST_TRIANGLES or size[0] < 0.05 * size[2]:
        return None
    if not SIZES[0] <= mesh.diameter <= SIZES[1]:
        mesh = mesh.scaled(rng.uniform(0.09, 0.16) / mesh.diameter)
    name = file.stem if file.parent.name != file.stem else f"random_{file.stem}"
    return Shape(name, mesh, Symmetries.none())
