"""Pictures people would rather look at: skeletons drawn into the image."""

from __future__ import annotations

import colorsys
import zlib

import cv2
import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.types import Face, Hand, Keypoints2D, Origin, People, Person, TrackState

LEFT, RIGHT, MIDDLE = (255, 140, 40), (60, 150, 255), (235, 235, 235)
MESH, IRIS, GAZE = (170, 240, 190), (80, 230, 255), (255, 235, 60)
GAZE_LENGTH = 0.4  # m
VISIBLE = 0.3  # key points below this score are not drawn


def color_of(person_id: str) -> tuple[int, int, int]:
    """A colour (r, g, b) that stays with an id."""
    hue = (zlib.crc32(person_id.encode()) % 1000) / 1000
    return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.75, 1.0))


def draw_people(rgb: np.ndarray, people: People, camera: PinholeCamera | None = None) -> np.ndarray:
    """Copy of the image (H,W,3) with every person's skeleton, id and distance.

    Left limbs are orange, right ones blue. A full dot was measured by depth, a ring was inferred, predicted.
    With the image's `camera` the joints in 3D are drawn where they are known, else what the estimator saw.
    """
    picture = np.ascontiguousarray(rgb).copy()
    for person in people:
        _draw_person(picture, person, camera)
    return picture


def draw_keypoints(rgb: np.ndarray, keypoints: Keypoints2D) -> np.ndarray:
    """Copy of the image (H,W,3) with what an estimator sees: skeletons, dots by person, masks as a tint."""
    picture = np.ascontiguousarray(rgb).copy()
    names = keypoints.skeleton.joints
    for n, (xy, score, box) in enumerate(zip(keypoints.xy, keypoints.score, keypoints.box_xyxy, strict=True)):
        color = color_of(str(n))
        if keypoints.mask is not None:
            mine = keypoints.mask[n]
            picture[mine] = (0.6 * picture[mine] + 0.4 * np.array(color)).astype(np.uint8)
        thick = _thickness(box)
        at = np.nan_to_num(xy).clip(-1e4, 1e4).round().astype(int)
        seen = (score >= VISIBLE) & np.isfinite(xy).all(-1)
        for a, b in keypoints.skeleton.bone_indices:
            if seen[a] and seen[b]:
                cv2.line(picture, at[a], at[b], _side_color(names[a], names[b]), thick, cv2.LINE_AA)
        for k in np.flatnonzero(seen):
            cv2.circle(picture, at[k], thick + 1, color, cv2.FILLED, cv2.LINE_AA)
    return picture


def _thickness(box: np.ndarray) -> int:
    return int(np.clip(np.linalg.norm(box[2:] - box[:2]) / 150, 1, 4))


def _draw_person(picture: np.ndarray, person: Person, camera: PinholeCamera | None) -> None:
    keypoints, joints = person.keypoints2d, person.keypoints3d
    thick = _thickness(keypoints.box_xyxy[0])
    seen = (keypoints.score[0] >= VISIBLE) & np.isfinite(keypoints.xy[0]).all(-1)
    xy = keypoints.xy[0]
    if camera is not None:
        pixels = camera.project(joints.xyz[0])
        known = np.isfinite(pixels).all(-1)
        xy, seen = np.where(known[:, None], pixels, xy), seen | (known & (joints.origin[0] != Origin.UNKNOWN))
    xy = np.nan_to_num(xy).clip(-1e4, 1e4).round().astype(int)
    names = keypoints.skeleton.joints
    for a, b in keypoints.skeleton.bone_indices:
        if seen[a] and seen[b]:
            cv2.line(picture, xy[a], xy[b], _side_color(names[a], names[b]), thick, cv2.LINE_AA)
    for k in np.flatnonzero(seen):
        fill = cv2.FILLED if joints.origin[0, k] == Origin.MEASURED else 1
        cv2.circle(picture, xy[k], thick + 1, color_of(person.id), fill, cv2.LINE_AA)
    for hand in person.hands:
        _draw_hand(picture, hand, camera)
    if person.face is not None:
        _draw_face(picture, person.face, camera)
    body = person.camera_from_joint.get("body")
    distance = f"  {np.linalg.norm(body.translation):.2f} m" if body else "  no depth"
    state = "" if person.state is TrackState.TRACKED else f"  {person.state.name.lower()}"
    head = xy[seen].min(axis=0) if seen.any() else xy[0]
    corner = (int(max(head[0], 0)), int(max(head[1] - 8, 14)))
    label(picture, person.id + distance + state, corner, color_of(person.id))


def _draw_face(picture: np.ndarray, face: Face, camera: PinholeCamera | None) -> None:
    """The mesh's points and the irises where it was looked at; a line along the gaze."""
    if face.is_seen:
        size = int(np.ptp(face.pixels[:, 1]) > 150)
        for u, v in face.pixels.clip(-1e4, 1e4).round().astype(int).tolist():
            cv2.circle(picture, (u, v), size, MESH, cv2.FILLED)
        for iris in face.iris_pixels[np.isfinite(face.iris_pixels).all((-1, -2))]:
            radius = np.linalg.norm(iris[1:] - iris[0], axis=-1).mean()
            middle = iris[0].clip(-1e4, 1e4).round().astype(int)
            cv2.circle(picture, middle, max(int(radius), 1), IRIS, 1, cv2.LINE_AA)
    if camera is not None and face.camera_from_gaze is not None:
        way = face.camera_from_gaze.apply(np.array([[0, 0, 0.0], [0, 0, GAZE_LENGTH]]))
        ends = camera.project(way)
        if np.isfinite(ends).all():
            start, end = ends.clip(-1e4, 1e4).round().astype(int)
            cv2.arrowedLine(picture, start, end, GAZE, 2, cv2.LINE_AA, tipLength=0.15)


def _draw_hand(picture: np.ndarray, hand: Hand, camera: PinholeCamera | None) -> None:
    """Its bones in the side's colour, measured joints as dots."""
    flat, solid = hand.keypoints2d, hand.keypoints3d
    xy = flat.xy[0]
    if camera is not None:
        pixels = camera.project(solid.xyz[0])
        xy = np.where(np.isfinite(pixels), pixels, xy)
    xy = np.nan_to_num(xy).clip(-1e4, 1e4).round().astype(int)
    thick = 2 if np.ptp(xy, axis=0).max() > 120 else 1
    for a, b in flat.skeleton.bone_indices:
        cv2.line(picture, xy[a], xy[b], _side_color(hand.side), thick, cv2.LINE_AA)
    for k in np.flatnonzero(solid.origin[0] == Origin.MEASURED):
        cv2.circle(picture, xy[k], thick, MIDDLE, cv2.FILLED, cv2.LINE_AA)


def label(picture: np.ndarray, text: str, corner: tuple[int, int], color: tuple[int, int, int]) -> None:
    """Text with a dark rim at the lower left `corner` (x, y), readable on any picture."""
    for ink, thick in (((0, 0, 0), 3), (color, 1)):
        cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, thick, cv2.LINE_AA)


def _side_color(*joints: str) -> tuple[int, int, int]:
    if all("left" in joint for joint in joints):
        return LEFT
    return RIGHT if all("right" in joint for joint in joints) else MIDDLE
