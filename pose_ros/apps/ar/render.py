"""Draws virtual meshes into a picture: perspective, lens, light, smooth edges, hidden by what is nearer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pose_ros.apps.ar.clip import Patches, patches_in_sight
from pose_ros.apps.ar.colour import to_light, to_rgb
from pose_ros.apps.ar.light import Light
from pose_ros.apps.ar.occlusion import filled, visibility
from pose_ros.apps.ar.virtual_mesh import VirtualMesh
from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import Hits, rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import RGBDFrame

ROW = 1024  # places that are looked up in a texture at once


@dataclass(frozen=True)
class RenderConfig:
    """How virtual things are drawn."""

    samples: int = option(2, "samples along each side of a pixel: smooth edges", range=(1, 4))
    noise: float = option(
        0.0025, "deviation of depth one metre away; it grows with the square", unit="m", range=(0.0001, 0.1)
    )
    soft: float = option(2.0, "deviations over which what is hidden fades out", range=(0.1, 10.0))
    reach: float = option(
        12.0,
        "where depth is unknown the nearest known one counts, this far away",
        unit="px",
        range=(0.0, 100.0),
    )


@dataclass(frozen=True)
class Placed:
    """A virtual mesh where it stands. tolerance: real surfaces nearer by less than this do not hide it, m.

    replaced: None, or the box (2,3) m in the mesh's frame whose real content it stands for and that does not
    hide it.
    """

    mesh: VirtualMesh
    camera_from_mesh: RigidTransform
    tolerance: float = 0.0
    replaced: np.ndarray | None = None


@dataclass(frozen=True)
class _Draft:
    """What of one thing lies before the camera. box: its outermost pixels (x0, y0, x1, y1), inclusive."""

    placed: Placed
    patches: Patches
    pixels: np.ndarray  # (T,3,2)
    box: np.ndarray


def draw(
    frame: RGBDFrame, things: Sequence[Placed], light: Light, config: RenderConfig | None = None
) -> np.ndarray:
    """The picture (H,W,3) uint8 with the things in it; pixels without one are the frame's, byte for byte."""
    config = config or RenderConfig()
    drafts = [draft for placed in things if (draft := _drafted(placed, frame.camera)) is not None]
    picture = frame.rgb.copy() if drafts else frame.rgb
    for group in _overlapping(drafts):
        _paint(picture, frame, group, light, config)
    return picture


def _drafted(placed: Placed, camera: PinholeCamera) -> _Draft | None:
    mesh = placed.mesh.mesh
    front = placed.mesh.facing(placed.camera_from_mesh.inverse())
    patches = patches_in_sight(placed.camera_from_mesh.apply(mesh.vertices), mesh.triangles[front], camera)
    patches = replace(patches, triangle=front[patches.triangle])
    if not len(patches):
        return None
    pixels = camera.project(patches.corners)
    flat = pixels.reshape(-1, 2)
    size = np.array([camera.width, camera.height])
    box = np.concatenate([np.floor(flat.min(0)), np.ceil(flat.max(0))])
    box = np.concatenate([box[:2].clip(0, None), np.minimum(box[2:], size - 1)]).astype(int)
    return _Draft(placed, patches, pixels, box) if (box[:2] <= box[2:]).all() else None


def _overlapping(drafts: list[_Draft]) -> list[list[_Draft]]:
    """Groups of things whose boxes overlap: they may hide each other, and are drawn at once."""
    groups: list[list[_Draft]] = []
    for draft in drafts:
        meets = [any(_meet(draft.box, other.box) for other in group) for group in groups]
        joined = [draft, *(d for group, met in zip(groups, meets, strict=True) if met for d in group)]
        groups = [group for group, met in zip(groups, meets, strict=True) if not met] + [joined]
    return groups


def _meet(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a[:2] <= b[2:]).all() and (b[:2] <= a[2:]).all())


def _paint(
    picture: np.ndarray, frame: RGBDFrame, group: list[_Draft], light: Light, config: RenderConfig
) -> None:
    boxes = np.stack([draft.box for draft in group])
    (x0, y0), (x1, y1) = boxes[:, :2].min(0), boxes[:, 2:].max(0) + 1
    across, width, height = config.samples, x1 - x0, y1 - y0
    pixels = np.concatenate([draft.pixels for draft in group]).reshape(-1, 2)
    depth = np.concatenate([draft.patches.corners for draft in group])[..., 2].reshape(-1)
    fine = (pixels - (x0, y0) + 0.5) * across - 0.5  # samples have their centres at integers, too
    corners = np.arange(len(depth)).reshape(-1, 3)
    hits = rasterize(fine, depth, corners, height * across, width * across)
    if not len(hits.pixel):
        return
    row, column = np.divmod(hits.pixel, width * across)
    pixel = row // across * width + column // across
    ends = np.cumsum([len(draft.patches) for draft in group])
    owner = np.searchsorted(ends, hits.triangle, side="right") if len(group) > 1 else np.zeros_like(row)
    seen = _seen(pixel, hits.depth, owner, frame, group, (x0, y0, x1, y1), config)

    colour = _radiance(hits, depth, group, ends, owner, light)
    share = seen / across**2
    cover = np.bincount(pixel, share, height * width)
    touched = np.flatnonzero(cover > 0)
    cover = np.minimum(cover[touched], 1.0)
    part = picture[y0:y1, x0:x1].reshape(-1, 3)  # a copy
    blended = to_light(part[touched]) * (1 - cover)[:, None]
    for channel in range(3):
        blended[:, channel] += np.bincount(pixel, share * colour[:, channel], height * width)[touched]
    part[touched] = to_rgb(blended)
    picture[y0:y1, x0:x1] = part.reshape(height, width, 3)


def _seen(
    pixel: np.ndarray,
    virtual: np.ndarray,
    owner: np.ndarray,
    frame: RGBDFrame,
    group: list[_Draft],
    box: tuple[int, int, int, int],
    config: RenderConfig,
) -> np.ndarray:
    """How much (M,) of each sample is in front of what is real."""
    x0, y0, x1, y1 = box
    pad = int(np.ceil(config.reach))
    left, top = max(x0 - pad, 0), max(y0 - pad, 0)
    real = filled(frame.depth[top : y1 + pad, left : x1 + pad], config.reach)
    real = real[y0 - top : y1 - top, x0 - left : x1 - left].reshape(-1)
    tolerance = np.array([draft.placed.tolerance for draft in group])[owner]
    at_sample = real[pixel]
    if any(draft.placed.replaced is not None for draft in group):
        rays = frame.camera.ray_grid[y0:y1, x0:x1].reshape(-1, 3)
        for index, draft in enumerate(group):
            if draft.placed.replaced is not None:
                stood_for = _within(draft.placed, rays, real)
                at_sample = np.where((owner == index) & stood_for[pixel], np.inf, at_sample)
    return visibility(virtual, at_sample, tolerance, config.noise * config.soft)


def _within(placed: Placed, rays: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Which pixels (P,) show something real inside the box that the thing stands for."""
    known = np.isfinite(depth)
    points = rays * np.where(known, depth, 0)[:, None]
    local = placed.camera_from_mesh.inverse().apply(points)
    low, high = placed.replaced
    return known & ((local >= low) & (local <= high)).all(1)


def _radiance(
    hits: Hits, depth: np.ndarray, group: list[_Draft], ends: np.ndarray, owner: np.ndarray, light: Light
) -> np.ndarray:
    """Light (M,3) that every sample sends to the camera."""
    # 1/z is linear in the picture, what lies on the surface only together with it.
    inverse = (1 / depth).astype(np.float32).reshape(-1, 3)[hits.triangle]
    weights = hits.weights * inverse * hits.depth[:, None].astype(np.float32)
    corners = np.concatenate([_corner_light(draft, light) for draft in group])
    colour = _interpolated(weights, corners[hits.triangle])
    for index, draft in enumerate(group):
        if draft.placed.mesh.is_textured:
            mine = np.flatnonzero(owner == index)
            patch = hits.triangle[mine] - (ends[index] - len(draft.patches))
            colour[mine] *= _texture(draft, patch, weights[mine])
    return colour


def _corner_light(draft: _Draft, light: Light) -> np.ndarray:
    """Light (T,3,3) that the patches' corners send back; white ones, where a texture is to colour them."""
    mesh, patches = draft.placed.mesh, draft.patches
    to_mesh = draft.placed.camera_from_mesh.rotation.T
    sent = light.turned(to_mesh).on(patches.at_corners(mesh.corner_normals))
    sent = sent if mesh.is_textured else sent * patches.at_corners(mesh.corner_light)
    return sent.astype(np.float32)


def _texture(draft: _Draft, patch: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Albedo (M,3) at places on patches (M,), given by weights (M,3) of their corners."""
    mesh, patches = draft.placed.mesh, draft.patches
    albedo = _interpolated(weights, patches.at_corners(mesh.corner_light)[patch])
    picture_of = mesh.mesh.texture[patches.triangle[patch]]
    uv = patches.at_corners(mesh.mesh.uv).astype(np.float32)
    for index, picture in enumerate(mesh.pyramid[_level(draft)]):
        mine = np.flatnonzero(picture_of == index)
        if len(mine):
            albedo[mine] = to_light(_looked_up(picture, _interpolated(weights[mine], uv[patch[mine]])))
    return albedo


def _looked_up(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colours (M,3) uint8 at uv (M,2), v upwards, between texels linearly; pictures repeat."""
    height, width = picture.shape[:2]
    rows = -(-len(uv) // ROW)  # OpenCV takes no picture wider than 32767
    place = np.zeros((rows * ROW, 2), np.float32)
    place[: len(uv)] = np.mod(uv, 1.0)
    x, y = place[:, 0] * width - 0.5, (1 - place[:, 1]) * height - 0.5
    shape = rows, ROW
    colours = cv2.remap(
        picture, x.reshape(shape), y.reshape(shape), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return colours.reshape(-1, 3)[: len(uv)]


def _level(draft: _Draft) -> int:
    """Of the texture's pyramid the picture whose texels are about as large as pixels."""
    mesh = draft.placed.mesh.mesh
    owner = draft.patches.triangle
    textured = (mesh.texture[owner] >= 0) & (np.abs(draft.patches.weights - np.eye(3)).max((1, 2)) < 1e-9)
    if not textured.any():
        return 0
    sizes = np.array([t.shape[0] * t.shape[1] for t in mesh.textures], float)
    texels = _area(mesh.uv[owner[textured]]) * sizes[mesh.texture[owner[textured]]]
    pixels = _area(draft.pixels[textured])
    ratio = np.abs(texels).sum() / max(np.abs(pixels).sum(), 1e-9)
    return int(np.clip(np.floor(0.5 * np.log2(max(ratio, 1.0))), 0, len(draft.placed.mesh.pyramid) - 1))


def _area(corners: np.ndarray) -> np.ndarray:
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def _interpolated(weights: np.ndarray, corners: np.ndarray) -> np.ndarray:
    return weights[:, :1] * corners[:, 0] + weights[:, 1:2] * corners[:, 1] + weights[:, 2:] * corners[:, 2]
