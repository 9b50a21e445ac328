"""The reader without ROS and the one with it understand the same; definitions are whole."""

import numpy as np
import pytest

pytest.importorskip("pyarrow")
from people_for_record import people_cloud, person
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import String

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.messages import PeopleInfo
from pose_ros.ros.people_cloud import PeopleReader, info_message
from pose_ros.ros.record_types import class_of, definition_of
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import TrackState


def test_both_readers_give_the_same_people():
    info = info_message(BLAZEPOSE_33)
    assert isinstance(info, String)
    cloud = people_cloud([person(), person("p4", hand_up=True, distance=3.0, state=TrackState.LOST)], 123)
    ours, theirs = PeopleInfo(info.data).people(cloud), PeopleReader(info)(cloud)
    assert (ours.stamp_ns, ours.frame_id, len(ours)) == (theirs.stamp_ns, theirs.frame_id, len(theirs))
    for a, b in zip(ours, theirs, strict=True):
        assert (a.id, a.state, a.age, a.twist_unobservable) == (b.id, b.state, b.age, b.twist_unobservable)
        for name in ("xyz", "score", "covariance", "origin"):
            np.testing.assert_array_equal(getattr(a.keypoints3d, name), getattr(b.keypoints3d, name))
        np.testing.assert_array_equal(a.keypoints2d.xy, b.keypoints2d.xy)
        np.testing.assert_array_equal(a.keypoints2d.box_xyxy, b.keypoints2d.box_xyxy)
        assert a.camera_from_joint.keys() == b.camera_from_joint.keys()
        for name, pose in a.camera_from_joint.items():
            np.testing.assert_array_equal(pose.rotation, b.camera_from_joint[name].rotation)


@pytest.mark.parametrize(
    "name",
    ["sensor_msgs/msg/JointState", "vision_msgs/msg/Detection3DArray", "tf2_msgs/msg/TFMessage",
     "trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray", "sensor_msgs/msg/CameraInfo"],
)  # fmt: skip
def test_a_definition_is_understood_by_another_parser(name):
    """Every type in it is defined in it, once; fields and types are upstream's."""
    types = get_types_from_msg(definition_of(name), name)
    assert name in types
    known = get_typestore(Stores.ROS2_JAZZY).fielddefs
    for kind, fields in types.items():
        if kind in known:
            assert fields == known[kind]
    assert set(class_of(name).get_fields_and_field_types()) == {field for field, _ in types[name][1]}


def test_what_is_not_installed_is_named():
    with pytest.raises(RecordError, match="moon_msgs"):
        class_of("moon_msgs/msg/Crater")
    with pytest.raises(RecordError, match="sensor_msgs/msg/Nothing"):
        class_of("sensor_msgs/msg/Nothing")
