"""Pictures people would rather look at: objects outlined in the image, with axes, distance and angles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.decimate import decimated
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Objects, TrackedObject, TrackState
from pose_ros.viz import color_of, label

if TYPE_CHECKING:
    from pose_ros.geometry.mesh import Mesh
    from pose_ros.objects.model import ObjectModel

RED, GREEN, BLUE = (255, 60, 60), (60, 220, 60), (80, 110, 255)
TINT = 0.25  # how much of its colour lies over an object's visible pixels
TRIANGLES = 5_000  # enough for an outline that is right to the pixel
LINE_HEIGHT = 17  # px
_coarse: dict[int, tuple[Mesh, Mesh]] = {}  # large meshes, and what is drawn of them


def draw_objects(
    rgb: np.ndarray, objects: Objects, models: Mapping[str, ObjectModel], camera: PinholeCamera
) -> np.ndarray:
    """Copy of the image (H,W,3) with every object's outline, axes at its mesh's origin, and what is known.

    The outline is of the whole object, hidden parts too; tinted are the pixels that are seen of it. Text: id,
    probability, distance; the angles of `angles_of`; whether its texture helped to tell its pose.
    """
    picture = np.ascontiguousarray(rgb).copy()
    shown = [(n, one) for n, one in enumerate(objects, 1) if one.state is not TrackState.LOST]
    for n, one in shown:
        seen = objects.label_image == n
        picture[seen] = (1 - TINT) * picture[seen] + TINT * np.array(color_of(one.id))
    for _, one in shown:
        _draw_object(picture, one, models[one.label], camera)
    return picture


def silhouette(mesh: Mesh, camera_from_object: RigidTransform, camera: PinholeCamera) -> np.ndarray:
    """(H,W) bool: pixels that would show the mesh if nothing stood before it."""
    mesh = _drawable(mesh)
    points = camera_from_object.apply(mesh.vertices)
    # Both sides of every triangle: a CAD file may have some inside out.
    triangles = np.concatenate([mesh.triangles, mesh.triangles[:, ::-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = rasterize(camera.project(points), points[:, 2], triangles, camera.height, camera.width)
    mask = np.zeros(camera.height * camera.width, bool)
    mask[hits.pixel] = True
    return mask.reshape(camera.height, camera.width)


def angles_of(one: TrackedObject, model: ObjectModel) -> dict[str, float]:
    """How the object stands to the camera, in degrees; angles that its symmetry leaves open are left out.

    tilt: of its axis (of symmetry, else its mesh's z) from the picture's upright, 0 to 180, for a bare
    axis, which has no sign, to 90. turn: about z, from its x axis to the side the camera sees, -180 to 180.
    """
    symmetries, pose = model.symmetries, one.camera_from_object
    if symmetries.is_sphere:
        return {}
    axis = np.array([0.0, 0, 1]) if symmetries.axis is None else np.asarray(symmetries.axis)
    up = np.clip(-(pose.rotation @ axis)[1], -1, 1)
    if symmetries.axis is not None:
        return {"tilt": float(np.degrees(np.arccos(abs(up))))}
    x, y, _ = pose.inverse().translation  # the camera in the object's frame
    return {"tilt": float(np.degrees(np.arccos(up))), "turn": float(np.degrees(np.arctan2(y, x)))}


def _draw_object(picture: np.ndarray, one: TrackedObject, model: ObjectModel, camera: PinholeCamera) -> None:
    color = color_of(one.id)
    mask = silhouette(model.mesh, one.camera_from_object, camera).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, (0, 0, 0), 3, cv2.LINE_AA)
    thick = 2 if one.state is TrackState.TRACKED else 1
    cv2.drawContours(picture, contours, -1, color, thick, cv2.LINE_AA)
    _draw_axes(picture, one.camera_from_object, model.diameter / 2, camera)
    lines = _text(one, model)
    corner = np.nan_to_num(camera.project(one.camera_from_object.translation))
    if contours:
        corner = np.concatenate(contours)[:, 0].min(axis=0)
    x = int(np.clip(corner[0], 2, max(camera.width - 9 * max(map(len, lines)), 2)))
    top = max(int(corner[1]) - LINE_HEIGHT * len(lines) - 4, 0)
    for number, line in enumerate(lines, 1):
        y = min(top + LINE_HEIGHT * number, camera.height - 4 - LINE_HEIGHT * (len(lines) - number))
        label(picture, line, (x, y), tuple((255 + value) // 2 for value in color))  # readable in any colour


def _text(one: TrackedObject, model: ObjectModel) -> list[str]:
    """OpenCV's letters are ASCII: degrees are written out."""
    state = "" if one.state is TrackState.TRACKED else f"  {one.state.name.lower()}"
    angles = "  ".join(f"{name} {value:.0f} deg" for name, value in angles_of(one, model).items())
    texture = f"texture {'yes' if one.is_textured else 'no'}"
    return [f"{one.id}  {one.score:.2f}  {one.distance:.2f} m{state}", f"{angles}  {texture}".strip()]


def _draw_axes(
    picture: np.ndarray, camera_from_object: RigidTransform, length: float, camera: PinholeCamera
) -> None:
    """x red, y green, z blue, the farthest first."""
    tips = camera_from_object.apply(np.eye(3) * length)
    origin = camera_from_object.translation
    pixels = camera.project(np.vstack([origin, tips]))
    for axis in np.argsort(-tips[:, 2]):
        ends = pixels[[0, 1 + axis]]
        if np.isfinite(ends).all():
            start, end = (tuple(int(v) for v in p) for p in ends.clip(-1e4, 1e4).round())
            cv2.arrowedLine(picture, start, end, (0, 0, 0), 4, cv2.LINE_AA, tipLength=0.15)
            cv2.arrowedLine(picture, start, end, (RED, GREEN, BLUE)[axis], 2, cv2.LINE_AA, tipLength=0.15)


def _drawable(mesh: Mesh) -> Mesh:
    if len(mesh.triangles) <= TRIANGLES:
        return mesh
    known, coarse = _coarse.get(id(mesh), (None, None))
    if known is not mesh:
        coarse = decimated(mesh, TRIANGLES)
        _coarse[id(mesh)] = mesh, coarse
    return coarse
