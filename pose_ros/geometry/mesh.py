"""Triangle meshes with colour, read from CAD files into metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from pose_ros.errors import MeshError, unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.shapes import check_shape

SUFFIXES = (".obj", ".ply", ".stl", ".glb", ".gltf", ".off")
UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "in": 0.0254}
# What a robot grasps is larger and smaller than this; beyond lies a wrong unit.
DIAMETER_LIMITS = (0.008, 3.0)  # m
MOST_TRIANGLES = 5_000_000
# Rotations that take the axis a file calls "up" to z, as REP-103 has it.
Z_FROM_UP = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "x": np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
}
GREY = np.uint8(160)


@dataclass(frozen=True)
class Mesh:
    """vertices (V,3) m; triangles (F,3). The frame is the file's own (turned where `up` was stated).

    corner_rgb (F,3,3) uint8: colour at each triangle's corners. uv (F,3,2) with v upwards, and texture (F,):
    index into `textures`, pictures (h,w,3) uint8; -1 where corner_rgb counts. has_color: the file knows
    colours at all. notes: what was mended on reading.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    corner_rgb: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    textures: tuple[np.ndarray, ...] = ()
    has_color: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_shape("vertices", self.vertices, ("V", 3))
        check_shape("triangles", self.triangles, ("F", 3))
        faces = len(self.triangles)
        check_shape("corner_rgb", self.corner_rgb, (faces, 3, 3))
        check_shape("uv", self.uv, (faces, 3, 2))
        check_shape("texture", self.texture, (faces,))

    @classmethod
    def plain(cls, vertices: np.ndarray, triangles: np.ndarray, corner_rgb: np.ndarray | None = None) -> Mesh:
        """A mesh without texture; corner_rgb (F,3,3) or one colour (3,)."""
        faces = len(triangles)
        rgb = np.full((faces, 3, 3), GREY) if corner_rgb is None else np.uint8(corner_rgb)
        return cls(
            np.asarray(vertices, float),
            np.asarray(triangles, int),
            np.broadcast_to(rgb, (faces, 3, 3)),
            np.zeros((faces, 3, 2)),
            np.full(faces, -1),
            has_color=corner_rgb is not None,
        )

    @cached_property
    def bounds(self) -> np.ndarray:
        """(2,3): least and greatest corner of the box along the axes."""
        used = self.vertices[np.unique(self.triangles)]
        return np.stack([used.min(0), used.max(0)])

    @property
    def diameter(self) -> float:
        """Greatest distance of two vertices."""
        used = self.vertices[np.unique(self.triangles)]
        try:
            used = used[ConvexHull(used).vertices]
        except QhullError:  # flat
            used = used[:: max(len(used) // 2000, 1)]
        return float(pdist(used[:: max(len(used) // 4000, 1)]).max())

    @property
    def areas(self) -> np.ndarray:
        """(F,) m²."""
        return np.linalg.norm(self._cross(), axis=1) / 2

    @property
    def normals(self) -> np.ndarray:
        """(F,3) unit; outward if the corners go counter-clockwise seen from outside."""
        cross = self._cross()
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)

    def _cross(self) -> np.ndarray:
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        return np.cross(b - a, c - a)

    def points(self, triangle: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Positions (M,3) on triangles (M,) at weights (M,3) of their corners."""
        return np.einsum("mk,mkc->mc", weights, self.vertices[self.triangles[triangle]])

    def colors(self, triangle: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Colours (M,3) float32 in [0,255] at the same places; textures repeat beyond their border."""
        rgb = np.einsum("mk,mkc->mc", weights, self.corner_rgb[triangle]).astype(np.float32)
        for index, picture in enumerate(self.textures):
            mine = np.flatnonzero(self.texture[triangle] == index)
            if len(mine):
                uv = np.einsum("mk,mkc->mc", weights[mine], self.uv[triangle[mine]]) % 1.0
                rgb[mine] = _bilinear(picture, uv)
        return rgb

    def sample(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Triangles (count,) and weights (count,3) of places spread evenly over the surface."""
        edges = np.cumsum(self.areas)
        # Stratified: as many in every part of the surface as its area demands.
        places = (np.arange(count) + rng.random(count)) / count * edges[-1]
        triangle = np.searchsorted(edges, places).clip(0, len(edges) - 1)
        root, second = np.sqrt(rng.random(count)), rng.random(count)
        weights = np.stack([1 - root, root * (1 - second), root * second], axis=1)
        return triangle, weights

    def moved(self, motion: RigidTransform) -> Mesh:
        return _with_vertices(self, motion.apply(self.vertices))

    def scaled(self, factor: float | np.ndarray) -> Mesh:
        """Every vertex times `factor` (a number or (3,))."""
        return _with_vertices(self, self.vertices * factor)


def _with_vertices(mesh: Mesh, vertices: np.ndarray) -> Mesh:
    rest = (mesh.corner_rgb, mesh.uv, mesh.texture, mesh.textures, mesh.has_color, mesh.notes)
    return Mesh(vertices, mesh.triangles, *rest)


def load_mesh(path: Path | str, unit: str = "m", up: str = "z") -> Mesh:
    """Read OBJ, PLY, STL, GLB or OFF; `unit` of its numbers, `up`: which of its axes becomes z.

    MeshError where the file is missing, broken or empty, or where its size can hardly be an object's: then
    the message says which unit would make sense.
    """
    path = Path(path)
    if unit not in UNITS:
        raise MeshError(unknown("unit", unit, UNITS))
    if up not in Z_FROM_UP:
        raise MeshError(unknown("up axis", up, Z_FROM_UP))
    if path.suffix.lower() not in SUFFIXES:
        raise MeshError(f"{path} is of no kind that is read; valid: {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise MeshError(f"{path} does not exist")
    mesh = _cleaned(_joined(_read(path), path), path)
    mesh = _with_vertices(mesh, mesh.vertices @ Z_FROM_UP[up].T * UNITS[unit])
    _check_size(mesh.diameter, unit, path)
    return mesh


def _read(path: Path) -> list[Any]:
    """The parts of a file as trimesh has them, each in the file's frame."""
    try:
        import trimesh
    except ImportError as error:
        raise MeshError("CAD files are read by trimesh: pip install 'pose_ros[objects]'") from error
    try:
        scene = trimesh.load(path, force="scene", process=False)
        parts = []
        for node in scene.graph.nodes_geometry:
            matrix, name = scene.graph[node]
            part = scene.geometry[name]
            if isinstance(part, trimesh.Trimesh):
                parts.append((part, np.asarray(matrix, float)))
    except Exception as error:  # trimesh raises whatever its parsers raise
        raise MeshError(
            f"{path} cannot be read as a mesh ({type(error).__name__}: {error}): is it truncated?"
        ) from error
    if not any(len(part.faces) for part, _ in parts):
        raise MeshError(f"{path} has no triangles: a point cloud, or a truncated file")
    return parts


def _joined(parts: list[Any], path: Path) -> Mesh:
    vertices, triangles, rgb, uv, texture, textures = [], [], [], [], [], []
    has_color, notes, offset = False, [], 0
    for part, matrix in parts:
        faces = np.asarray(part.faces, int)
        if len(faces) and (faces.min() < 0 or faces.max() >= len(part.vertices)):
            raise MeshError(f"{path} has triangles whose corners do not exist: it is broken")
        vertices.append(np.asarray(part.vertices, float) @ matrix[:3, :3].T + matrix[:3, 3])
        # A mirroring transform turns triangles inside out.
        triangles.append((faces if np.linalg.det(matrix[:3, :3]) > 0 else faces[:, ::-1]) + offset)
        offset += len(part.vertices)
        looks = _looks(part, faces)
        flip = slice(None) if np.linalg.det(matrix[:3, :3]) > 0 else slice(None, None, -1)
        rgb.append(looks.rgb[:, flip])
        uv.append(looks.uv[:, flip])
        texture.append(np.full(len(faces), len(textures) if looks.picture is not None else -1))
        textures += [] if looks.picture is None else [looks.picture]
        has_color |= looks.has_color
        notes += looks.notes
    joined = (np.concatenate(values) for values in (vertices, triangles, rgb, uv, texture))
    return Mesh(*joined, tuple(textures), has_color, tuple(notes))


@dataclass(frozen=True)
class _Looks:
    rgb: np.ndarray
    uv: np.ndarray
    picture: np.ndarray | None = None
    has_color: bool = False
    notes: tuple[str, ...] = ()


def _looks(part: Any, faces: np.ndarray) -> _Looks:
    grey, no_uv = np.full((len(faces), 3, 3), GREY), np.zeros((len(faces), 3, 2))
    visual = part.visual
    if visual.kind == "texture":
        material = visual.material
        picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        if picture is not None and visual.uv is not None:
            uv = np.nan_to_num(np.asarray(visual.uv, float)[faces][..., :2])
            return _Looks(grey, uv, np.asarray(picture.convert("RGB")), True)
        color = getattr(material, "baseColorFactor", None)
        color = getattr(material, "diffuse", None) if color is None else color
        note = ("a texture is named, and its picture is missing",) if visual.uv is not None else ()
        if color is None:
            return _Looks(grey, no_uv, notes=note)
        color = np.asarray(color)[:3]
        color = color * 255 if color.dtype.kind == "f" else color
        rgb = np.broadcast_to(np.uint8(color), grey.shape)
        # One colour for all is of use only beside other parts of another colour.
        return _Looks(rgb, no_uv, notes=note, has_color=visual.uv is None)
    if visual.kind == "vertex":
        return _Looks(np.asarray(visual.vertex_colors)[faces][..., :3], no_uv, has_color=True)
    if visual.kind == "face":
        rgb = np.repeat(np.asarray(visual.face_colors)[:, None, :3], 3, axis=1)
        return _Looks(rgb, no_uv, has_color=True)
    return _Looks(grey, no_uv)


def _cleaned(mesh: Mesh, path: Path) -> Mesh:
    """Without triangles that have no area or corners that are no numbers."""
    if len(mesh.triangles) > MOST_TRIANGLES:
        raise MeshError(
            f"{path} has {len(mesh.triangles):,} triangles, more than {MOST_TRIANGLES:,}: decimate it first"
        )
    corners = mesh.vertices[mesh.triangles]
    finite = np.isfinite(corners).all((1, 2))
    size = np.ptp(corners[finite].reshape(-1, 3), axis=0).max() if finite.any() else 0.0
    with np.errstate(invalid="ignore"):
        good = finite & (mesh.areas > 1e-14 * size**2)
    if not good.any():
        raise MeshError(f"{path} has no triangle with an area: it is degenerate or broken")
    notes = list(mesh.notes)
    if dropped := int((~good).sum()):
        notes.append(f"{dropped} of {len(good)} triangles have no area and are left out")
    vertices = np.where(np.isfinite(mesh.vertices), mesh.vertices, 0.0)
    fields = (mesh.triangles[good], mesh.corner_rgb[good], mesh.uv[good], mesh.texture[good], mesh.textures)
    return Mesh(vertices, *fields, mesh.has_color, tuple(notes))


def _check_size(diameter: float, unit: str, path: Path) -> None:
    least, most = DIAMETER_LIMITS
    if least <= diameter <= most:
        return
    raw = diameter / UNITS[unit]
    fitting = [name for name, scale in UNITS.items() if least <= raw * scale <= most]
    remedy = f"if its numbers are in {' or '.join(fitting)}, say so with unit" if fitting else "scale it"
    raise MeshError(
        f"{path} would be {diameter:.4g} m across in {unit}; objects are {least} to {most} m: {remedy}"
    )


def _bilinear(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colours (M,3) at uv (M,2) in [0,1], v upwards; between texels linearly, wrapped at the border."""
    height, width = picture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    corner = lambda dy, dx: picture[(top + dy) % height, (left + dx) % width].astype(np.float32)  # noqa: E731
    upper = corner(0, 0) * (1 - fx) + corner(0, 1) * fx
    lower = corner(1, 0) * (1 - fx) + corner(1, 1) * fx
    return (upper * (1 - fy) + lower * fy).astype(np.float32)
