"""People to frames, markers, REP-155's messages. numpy values become Python's before a message sees them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import JointState
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, quaternion_from_matrix
from pose_ros.hand_shape import tips_of
from pose_ros.human.human_description import joint_positions
from pose_ros.ros.face_messages import FACE_MARKERS, face_markers
from pose_ros.ros.tf_messages import Frames
from pose_ros.skeleton import HAND_21
from pose_ros.types import Hand, Origin, Person
from pose_ros.viz import color_of

try:  # REP-155 messages are not part of every ROS installation
    from hri_msgs.msg import (
        IdsList,
        NormalizedPointOfInterest2D,
        NormalizedRegionOfInterest2D,
        Skeleton2D,
    )

    HAVE_HRI_MSGS = True
except ImportError:
    HAVE_HRI_MSGS = False

MARKER_LIFETIME = Duration(nanosec=300_000_000)
BONES, JOINTS, LABEL, LEFT_HAND, RIGHT_HAND = range(5)  # marker ids in a person's namespace
# hri_msgs/Skeleton2D orders its joints in its own way: each is found by the name of its constant.
SKELETON2D_JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "left_eye", "right_eye", "left_ear", "right_ear",
)  # fmt: skip


def frames_of(people: Iterable[Person], root: str, root_from_image: RigidTransform | None = None) -> Frames:
    """`body_<id>` in the frame `root`, every other joint in its `body_<id>`, palms and finger tips, too.

    People whose body frame is unknown have none: TF could not hang their joints anywhere.
    """
    parent, child, rotation, translation = [], [], [], []
    for person in people:
        if "body" not in person.camera_from_joint:
            continue
        image_from_body = person.camera_from_joint["body"]
        root_from_body = root_from_image @ image_from_body if root_from_image else image_from_body
        frames = person.camera_from_joint | _hand_frames(person)
        names = [name for name in frames if name != "body"]
        poses = [frames[name] for name in names]
        body = f"body_{person.id}"
        parent += [root] + [body] * len(names)
        child += [body] + [f"{name}_{person.id}" for name in names]
        rotation.append(root_from_body.rotation[None])
        translation.append(root_from_body.translation[None])
        if poses:
            rotation.append(image_from_body.rotation.T @ np.stack([pose.rotation for pose in poses]))
            offset = np.stack([pose.translation for pose in poses]) - image_from_body.translation
            translation.append(offset @ image_from_body.rotation)
    if not child:
        return Frames([], [], np.zeros((0, 3)), np.zeros((0, 4)))
    return Frames(
        parent, child, np.concatenate(translation), quaternion_from_matrix(np.concatenate(rotation))
    )


def _hand_frames(person: Person) -> dict[str, RigidTransform]:
    """`<side>_palm` and `<side>_index_tip` and the like, these with the palm's axes; in the image's."""
    frames = {}
    for hand in person.hands:
        if (palm := hand.camera_from_palm) is not None:
            frames[f"{hand.side}_palm"] = palm
            for name, place in tips_of(hand).items():
                frames[f"{hand.side}_{name}"] = RigidTransform(palm.rotation, place)
    return frames


def _colour(person_id: str, alpha: float = 1.0) -> ColorRGBA:
    red, green, blue = (value / 255 for value in color_of(person_id))
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


def marker_array(
    people: Iterable[Person], header: Header, root_from_image: RigidTransform | None = None
) -> MarkerArray:
    """Bones, joints and the id of each person, in the frame of the header; what was not measured is paler."""
    markers = []
    for person in people:
        keypoints = person.keypoints3d
        xyz = keypoints.xyz[0] if root_from_image is None else root_from_image.apply(keypoints.xyz[0])
        known = np.flatnonzero(np.isfinite(xyz).all(-1)).tolist()
        points = {joint: _point(xyz[joint]) for joint in known}
        if not points:
            continue
        bright, pale = _colour(person.id), _colour(person.id, 0.35)
        origin = keypoints.origin[0].tolist()
        shade = {joint: bright if origin[joint] == Origin.MEASURED else pale for joint in points}
        bones = [bone for bone in keypoints.skeleton.bone_indices if bone[0] in points and bone[1] in points]
        markers.append(_marker(person.id, BONES, Marker.LINE_LIST, header, width=0.03))
        markers[-1].points = [points[joint] for bone in bones for joint in bone]
        markers[-1].colors = [shade[joint] for bone in bones for joint in bone]
        markers.append(_marker(person.id, JOINTS, Marker.SPHERE_LIST, header, width=0.05))
        markers[-1].points = list(points.values())
        markers[-1].colors = list(shade.values())
        markers.append(_marker(person.id, LABEL, Marker.TEXT_VIEW_FACING, header, width=0.15))
        markers[-1].text, markers[-1].color = person.id, bright
        head = points.get(keypoints.skeleton.index("nose"), next(iter(points.values())))
        markers[-1].pose.position = head
        markers += [_hand_marker(person.id, hand, header, root_from_image) for hand in person.hands]
        blank = _marker(person.id, BONES, Marker.POINTS, header, width=0.0)
        markers += face_markers(person, blank, root_from_image)
    return MarkerArray(markers=markers)


def _hand_marker(
    person_id: str, hand: Hand, header: Header, root_from_image: RigidTransform | None
) -> Marker:
    """The lines of a hand's bones that are known."""
    xyz = hand.keypoints3d.xyz[0]
    xyz = xyz if root_from_image is None else root_from_image.apply(xyz)
    origin = hand.keypoints3d.origin[0]
    bright, pale = _colour(person_id), _colour(person_id, 0.35)
    marker = _marker(
        person_id, LEFT_HAND if hand.side == "left" else RIGHT_HAND, Marker.LINE_LIST, header, width=0.006
    )
    for joint in (
        joint for bone in HAND_21.bone_indices if np.isfinite(xyz[list(bone)]).all() for joint in bone
    ):
        marker.points.append(_point(xyz[joint]))
        marker.colors.append(bright if origin[joint] == Origin.MEASURED else pale)
    return marker


def _point(xyz: np.ndarray) -> Point:
    x, y, z = xyz.tolist()
    return Point(x=x, y=y, z=z)


def _marker(person_id: str, marker_id: int, kind: int, header: Header, width: float) -> Marker:
    marker = Marker(header=header, ns=f"body_{person_id}", id=marker_id, type=kind, action=Marker.ADD)
    marker.pose = Pose(orientation=Quaternion(w=1.0))
    marker.scale = Vector3(x=width, y=width, z=width)
    marker.lifetime = MARKER_LIFETIME
    return marker


def delete_markers(person_ids: Iterable[str], header: Header) -> MarkerArray:
    """Takes these people out of RViz at once."""
    return MarkerArray(
        markers=[
            Marker(header=header, ns=f"body_{person_id}", id=marker_id, action=Marker.DELETE)
            for person_id in person_ids
            for marker_id in (BONES, JOINTS, LABEL, LEFT_HAND, RIGHT_HAND, *FACE_MARKERS)
        ]
    )


def joint_state(person: Person, header: Header) -> JointState:
    """Angles of this person's URDF (human_urdf); human_description's own lacks two of them, of the spine."""
    positions = joint_positions(person, spine=True)
    return JointState(
        header=header,
        name=[f"{joint}_{person.id}" for joint in positions],
        position=[float(angle) for angle in positions.values()],
    )


def ids_list(people: Iterable[Person], header: Header) -> IdsList:
    return IdsList(header=header, ids=[person.id for person in people])


def region_of_interest(person: Person, camera: PinholeCamera, header: Header) -> NormalizedRegionOfInterest2D:
    """The person's box as parts of the image, clipped to it."""
    size = (camera.width, camera.height)
    box = np.clip(person.keypoints2d.box_xyxy[0].reshape(2, 2) / size, 0, 1)
    (xmin, ymin), (xmax, ymax) = box.tolist()
    score = float(person.keypoints2d.score[0].mean())
    return NormalizedRegionOfInterest2D(header=header, xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, c=score)


def skeleton2d(person: Person, camera: PinholeCamera, header: Header) -> Skeleton2D:
    """Joints as parts of the image; one that is unknown or outside the image has c = 0."""
    skeleton = person.keypoints2d.skeleton
    xy = person.keypoints2d.xy[0] / (camera.width, camera.height)
    score = np.where(((xy >= 0) & (xy <= 1)).all(-1), person.keypoints2d.score[0], 0.0)  # NaN is outside
    xy = np.clip(np.nan_to_num(xy), 0, 1)
    joints = {joint: (*xy[k].tolist(), float(score[k])) for k, joint in enumerate(skeleton.joints)}
    left, right = joints["left_shoulder"], joints["right_shoulder"]
    joints["neck"] = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2, min(left[2], right[2]))
    points = [NormalizedPointOfInterest2D() for _ in SKELETON2D_JOINTS]
    for joint in SKELETON2D_JOINTS:
        x, y, c = joints[joint]
        points[getattr(Skeleton2D, joint.upper())] = NormalizedPointOfInterest2D(x=x, y=y, c=c)
    return Skeleton2D(header=header, skeleton=points)
