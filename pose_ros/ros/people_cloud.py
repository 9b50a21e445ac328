"""People as messages for those who need them whole: the topics `skeletons/points` and `skeletons/info`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header, String

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.people_rows import ROW, info_text, rows_of
from pose_ros.ros.clouds import cloud_message
from pose_ros.skeleton import Skeleton
from pose_ros.types import Person


def info_message(skeleton: Skeleton) -> String:
    return String(data=info_text(skeleton))


def people_message(
    people: Sequence[Person], header: Header, root_from_image: RigidTransform | None = None
) -> PointCloud2:
    """All of them, in the frame of the header; empty when nobody is there."""
    rows = [rows_of(person, root_from_image) for person in people]
    return cloud_message(np.concatenate(rows) if rows else np.zeros(0, ROW), header)
