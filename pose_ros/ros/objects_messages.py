"""Objects to frames, detections, markers, clouds. numpy values become Python's before a message sees them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Quaternion, Vector3
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header, String
from vision_msgs.msg import (
    BoundingBox3D,
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionClass,
)

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.clouds import cloud_message
from pose_ros.ros.tf_messages import Frames
from pose_ros.types import RGBDFrame, TrackedObject

if TYPE_CHECKING:
    from pose_ros.objects.model import ObjectModel

CLOUD = np.dtype([("xyz", "<f4", 3), ("rgb", "<u4"), ("instance", "<u4")])
FIELDS = [
    PointField(name=name, offset=offset, datatype=kind, count=1)
    for name, offset, kind in (
        ("x", 0, PointField.FLOAT32),
        ("y", 4, PointField.FLOAT32),
        ("z", 8, PointField.FLOAT32),
        ("rgb", 12, PointField.FLOAT32),  # the bits of 0x00rrggbb, as PCL and RViz read it
        ("instance", 16, PointField.UINT32),
    )
]


def placed(object: TrackedObject, root_from_image: RigidTransform | None) -> RigidTransform:
    """root_from_object, of the mesh's own origin; without `root_from_image` the root is the image's frame."""
    image_from_object = object.camera_from_object
    return image_from_object if root_from_image is None else root_from_image @ image_from_object


def turned_covariance(covariance: np.ndarray, root_from_image: RigidTransform | None) -> np.ndarray:
    """(6,6) of translation and of rotation about fixed axes, both told along the root's axes.

    Both are of the object's origin, so only the axes change: no lever arm comes in.
    """
    if root_from_image is None:
        return covariance
    turn = np.kron(np.eye(2), root_from_image.rotation)
    return turn @ covariance @ turn.T


def frames_of(
    objects: Iterable[TrackedObject], root: str, root_from_image: RigidTransform | None = None
) -> Frames:
    """One frame an object, named by its id, at the origin of its mesh."""
    objects = list(objects)
    poses = [placed(one, root_from_image) for one in objects]
    return Frames(
        [root] * len(objects),
        [one.id for one in objects],
        np.array([pose.translation for pose in poses]).reshape(-1, 3),
        np.array([pose.quaternion for pose in poses]).reshape(-1, 4),
    )


def detection_array(
    objects: Iterable[TrackedObject],
    models: Mapping[str, ObjectModel],
    header: Header,
    root_from_image: RigidTransform | None = None,
) -> Detection3DArray:
    """Pose: of the mesh's origin. Box: the mesh's, along its own axes, with its own centre."""
    detections = []
    for one in objects:
        root_from_object = placed(one, root_from_image)
        covariance = turned_covariance(one.covariance, root_from_image)
        low, high = models[one.label].bounds
        center = RigidTransform(
            root_from_object.rotation, root_from_object.apply((np.asarray(low) + np.asarray(high)) / 2)
        )
        width, depth, height = (float(side) for side in np.asarray(high) - np.asarray(low))
        hypothesis = ObjectHypothesisWithPose(
            hypothesis=ObjectHypothesis(class_id=one.label, score=float(one.score)),
            pose=PoseWithCovariance(
                pose=pose_message(root_from_object), covariance=covariance.reshape(-1).tolist()
            ),
        )
        box = BoundingBox3D(center=pose_message(center), size=Vector3(x=width, y=depth, z=height))
        detections.append(Detection3D(header=header, results=[hypothesis], bbox=box, id=one.id))
    return Detection3DArray(header=header, detections=detections)


def pose_message(transform: RigidTransform) -> Pose:
    x, y, z = transform.translation.tolist()
    qx, qy, qz, qw = transform.quaternion.tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def numbered(label_image: np.ndarray, shown: Iterable[int], count: int) -> np.ndarray:
    """(H,W) uint8 with 1, 2, … for the objects at the positions `shown` out of `count`, 0 elsewhere.

    label_image: position + 1 of every pixel's object, 0 = none.
    """
    table = np.zeros(256, np.uint8)
    for number, position in enumerate(shown, 1):
        table[position + 1] = number
    table[count + 1 :] = 0
    return table[label_image]


def cloud(frame: RGBDFrame, instances: np.ndarray, header: Header) -> PointCloud2:
    """Every pixel of an object that has depth: x y z in the image's frame (m), colour, instance."""
    place = np.flatnonzero((instances > 0) & np.isfinite(frame.depth) & (frame.depth > 0))
    points = np.zeros(len(place), CLOUD)
    points["xyz"] = frame.camera.ray_grid.reshape(-1, 3)[place] * frame.depth.reshape(-1, 1)[place]
    red, green, blue = frame.rgb.reshape(-1, 3)[place].astype(np.uint32).T
    points["rgb"] = red << 16 | green << 8 | blue
    points["instance"] = instances.reshape(-1)[place]
    return cloud_message(points, header, FIELDS)


def label_info(models: Mapping[str, ObjectModel], header: Header) -> LabelInfo:
    """The classes that can be reported, numbered from 1."""
    names = [VisionClass(class_id=n, class_name=label) for n, label in enumerate(sorted(models), 1)]
    return LabelInfo(header=header, class_map=names)


def models_json(models: Mapping[str, ObjectModel]) -> String:
    """{label: what a grasp planner needs to know of the model}, as JSON; lengths in m."""
    return String(data=json.dumps({label: _described(models[label]) for label in sorted(models)}))


def _described(model: ObjectModel) -> dict:
    low, high = np.asarray(model.bounds, float)
    symmetries = model.symmetries
    discrete = []
    for rotation, translation in zip(
        symmetries.discrete.rotation, symmetries.discrete.translation, strict=True
    ):
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation, translation
        discrete.append(np.round(matrix, 9).tolist())
    return {
        "mesh": str(model.path) if model.path else None,
        "unit": model.unit,
        "up": model.up,
        "diameter": float(model.diameter),
        "bounds": [low.tolist(), high.tolist()],
        "size": (high - low).tolist(),
        "textured": bool(model.is_textured),
        "symmetries": {
            "discrete": discrete,  # object_from_object, the identity first
            "axis": None if symmetries.axis is None else np.asarray(symmetries.axis, float).tolist(),
            "sphere": bool(symmetries.is_sphere),
            "center": np.asarray(symmetries.center, float).tolist(),
        },
    }
