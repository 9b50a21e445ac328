"""Faces to frames, markers, REP-155's messages. numpy values become Python's before a message sees them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, quaternion_from_matrix
from pose_ros.ros.tf_messages import Frames
from pose_ros.types import Face, Person
from pose_ros.viz import color_of

try:  # REP-155 messages are not part of every ROS installation, nor all of them of older ones
    from hri_msgs.msg import FacialLandmarks, NormalizedPointOfInterest2D, NormalizedRegionOfInterest2D

    HAVE_FACE_MSGS = True
except ImportError:
    HAVE_FACE_MSGS = False

FACE_MARKERS = GAZE, HEAD, POINTS = range(10, 13)  # marker ids in a person's namespace
GAZE_LENGTH, AXIS_LENGTH = 0.5, 0.12  # m, of what is drawn
# The points of MediaPipe's mesh that come next to dlib's 68, whose order hri_msgs/FacialLandmarks has:
# jaw from the right ear to the left, brows, nose, nostrils, eyes, outer lips, inner lips.
MESH_OF_LANDMARK = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
RIGHT_PUPIL, LEFT_PUPIL = 68, 69


def face_frames(people: Iterable[Person], root: str, root_from_image: RigidTransform | None = None) -> Frames:
    """`face_<id>` at the sellion (x forward, z up), `gaze_<id>` there (z along the gaze, x right, y down).

    Both in the frame `root`, as REP-155 has it; of those people alone of whom gaze is asked for.
    """
    child, poses = [], []
    for person in people:
        if person.face is None or person.face.camera_from_gaze is None:
            continue
        gaze = person.face.camera_from_gaze
        face = RigidTransform(person.face.camera_from_head.rotation, gaze.translation)
        child += [f"face_{person.id}", f"gaze_{person.id}"]
        poses += [face, gaze] if root_from_image is None else [root_from_image @ face, root_from_image @ gaze]
    if not child:
        return Frames([], [], np.zeros((0, 3)), np.zeros((0, 4)))
    rotation = np.stack([pose.rotation for pose in poses])
    translation = np.stack([pose.translation for pose in poses])
    return Frames([root] * len(child), child, translation, quaternion_from_matrix(rotation))


def face_markers(
    person: Person, blank: Marker, root_from_image: RigidTransform | None = None
) -> list[Marker]:
    """Axes of the head, an arrow along the gaze, points of the mesh; header and namespace as in `blank`."""
    face = person.face
    if face is None:
        return []
    root_from_image = root_from_image or RigidTransform(np.eye(3), np.zeros(3))
    head = root_from_image @ face.camera_from_head
    axes = _marker(blank, HEAD, Marker.LINE_LIST, Vector3(x=0.006))
    for k in range(3):
        axes.points += [_point(head.translation), _point(head.apply(AXIS_LENGTH * np.eye(3)[k]))]
        axes.colors += [ColorRGBA(**{"rgb"[k]: 1.0}, a=1.0)] * 2
    markers = [axes]
    if face.camera_from_gaze is not None:
        gaze = root_from_image @ face.camera_from_gaze
        arrow = _marker(blank, GAZE, Marker.ARROW, Vector3(x=0.01, y=0.025, z=0.04))
        arrow.points = [_point(gaze.translation), _point(gaze.apply(np.array([0, 0, GAZE_LENGTH])))]
        arrow.color = _colour(person.id)
        markers.append(arrow)
    known = np.isfinite(face.xyz).all(-1)
    if known.any():
        points = _marker(blank, POINTS, Marker.POINTS, Vector3(x=0.003, y=0.003))
        points.points = [_point(xyz) for xyz in root_from_image.apply(face.xyz[known])]
        points.color = _colour(person.id)
        markers.append(points)
    return markers


def face_region(face: Face, camera: PinholeCamera, header: Header) -> NormalizedRegionOfInterest2D:
    """The box about the mesh as parts of the image, clipped to it."""
    size = (camera.width, camera.height)
    (xmin, ymin), (xmax, ymax) = (
        np.clip(edge / size, 0, 1).tolist() for edge in (face.pixels.min(0), face.pixels.max(0))
    )
    return NormalizedRegionOfInterest2D(
        header=header, xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, c=float(face.score)
    )


def facial_landmarks(face: Face, camera: PinholeCamera, header: Header) -> FacialLandmarks:
    """dlib's 68 landmarks and the pupils as parts of the image; c = 0 for what is unknown or outside."""
    xy = np.full((70, 2), np.nan)
    xy[: len(MESH_OF_LANDMARK)] = face.pixels[list(MESH_OF_LANDMARK)]
    xy[LEFT_PUPIL], xy[RIGHT_PUPIL] = face.iris_pixels[:, 0]
    xy /= (camera.width, camera.height)
    inside = ((xy >= 0) & (xy <= 1)).all(-1)  # NaN is outside
    score = np.where(inside, face.score, 0.0)
    points = [
        NormalizedPointOfInterest2D(x=x, y=y, c=c)
        for (x, y), c in zip(np.clip(np.nan_to_num(xy), 0, 1).tolist(), score.tolist(), strict=True)
    ]
    return FacialLandmarks(header=header, landmarks=points, height=camera.height, width=camera.width)


def joined(first: Frames, then: Frames) -> Frames:
    """All frames of both."""
    return Frames(
        first.parent + then.parent,
        first.child + then.child,
        np.concatenate([first.translation, then.translation]),
        np.concatenate([first.quaternion, then.quaternion]),
    )


def _marker(blank: Marker, id: int, kind: int, scale: Vector3) -> Marker:
    marker = Marker(header=blank.header, ns=blank.ns, id=id, type=kind, action=Marker.ADD, scale=scale)
    marker.pose, marker.lifetime = Pose(orientation=Quaternion(w=1.0)), blank.lifetime
    return marker


def _colour(person_id: str) -> ColorRGBA:
    red, green, blue = (value / 255 for value in color_of(person_id))
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)


def _point(xyz: np.ndarray) -> Point:
    x, y, z = xyz.tolist()
    return Point(x=x, y=y, z=z)
