"""The reader without ROS and the one with it understand the same; definitions are whole."""

import pytest

pytest.importorskip("pyarrow")
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from pose_ros.apps.record.errors import RecordError
from pose_ros.ros.record_types import class_of, definition_of


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
