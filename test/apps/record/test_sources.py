"""Messages to columns."""

from types import SimpleNamespace as Namespace

import numpy as np
import pytest
from record_scene import (
    FRAMES,
    JOINTS,
    START,
    cloud,
    header,
    image,
    info_text,
    joints,
    person,
)

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.sources import (
    FeatureConfig,
    Joints,
    ObjectSlots,
    Pictures,
    Skeletons,
    sources_of,
    table_of,
)
from pose_ros.errors import FrameError
from pose_ros.people_rows import PeopleReader
from pose_ros.skeleton import BLAZEPOSE_33


def test_joints_are_taken_by_name():
    source = Joints("joint_states", "observation.state", (), "linear")
    source.declare(joints(START, (1, 2)))
    assert source.features[0].names == JOINTS
    (sample,) = source.samples(joints(START, (1, 2, 3), ("elbow", "gripper", "shoulder")), 5)
    assert sample.stamp_ns == START
    assert sample.value.tolist() == [3, 1]
    assert source.samples(joints(START, (1,), ("elbow",)), 5) == []  # of another robot
    chosen = Joints("joint_states", "action", ("b", "a"), "hold")
    assert chosen.features[0].names == ("b", "a")


def test_commands_come_as_trajectories_and_numbers_too():
    point = Namespace(positions=[0.5, 0.25])
    trajectory = Namespace(header=header(START), joint_names=["elbow", "shoulder"], points=[point])
    source = Joints("commands", "action", JOINTS, "hold")
    assert source.samples(trajectory, 5)[0].value.tolist() == [0.25, 0.5]
    numbers = Namespace(layout=None, data=[1.0, 2.0])
    (sample,) = source.samples(numbers, 5)
    assert sample.stamp_ns == 5  # without a stamp, when it was received
    assert sample.value.tolist() == [1, 2]
    unnamed = Joints("commands", "action", (), "hold")
    unnamed.declare(numbers)
    assert unnamed.features[0].names == ("joint_0", "joint_1")
    assert source.samples(Namespace(header=header(START), joint_names=[], points=[]), 5) == []


def test_people_come_back_from_the_cloud():
    info, one = PeopleReader(info_text()), person(distance=2.5)
    got = info(cloud([one, person("p3", hand_up=True)], START))
    assert (got.stamp_ns, got.frame_id, [p.id for p in got]) == (START, "camera", ["p1", "p3"])
    back = got.people[0]
    np.testing.assert_allclose(back.keypoints3d.xyz, one.keypoints3d.xyz, atol=1e-6)
    np.testing.assert_allclose(back.keypoints3d.covariance, one.keypoints3d.covariance, atol=1e-9)
    np.testing.assert_array_equal(back.keypoints3d.origin, one.keypoints3d.origin)
    assert tuple(back.camera_from_joint) == FRAMES
    for name in FRAMES:
        ours, theirs = back.camera_from_joint[name], one.camera_from_joint[name]
        np.testing.assert_allclose(ours.rotation, theirs.rotation, atol=1e-6)
        np.testing.assert_allclose(ours.translation, theirs.translation, atol=1e-6)


@pytest.mark.parametrize("spoil", ["field", "rows", "bytes", "state", "quaternion"])
def test_a_cloud_of_something_else_is_refused(spoil):
    message = cloud([person()], START)
    if spoil == "field":
        message.fields.pop(0)
    elif spoil == "rows":
        message.width, message.data = 30, message.data[: 30 * message.point_step]
    elif spoil == "bytes":
        message.data = message.data[:-3]
    else:
        name, value = {"state": ("state", 9), "quaternion": ("qw", 0.0)}[spoil]
        field = next(field for field in message.fields if field.name == name)
        rows = message.data.copy().reshape(-1, message.point_step)
        if spoil == "state":
            rows[:, field.offset] = value
        else:
            for other in message.fields:
                if other.name in ("qx", "qy", "qz", "qw"):
                    rows[33:, other.offset : other.offset + 4] = 0
        message.data = rows.reshape(-1)
    with pytest.raises(FrameError):
        PeopleReader(info_text())(message)


def test_an_info_of_something_else_is_refused():
    for bad in ("{", "[]", '{"skeleton": "x"}'):
        with pytest.raises(FrameError, match="skeletons/info"):
            PeopleReader(bad)


def skeletons():
    source = Skeletons("skeletons/points", "")
    source.hear_info(info_text())
    return source


def test_skeletons_are_the_operators():
    source, one = skeletons(), person(distance=1.5)
    values = source.values(cloud([person("p2", distance=4.0), one], START))
    assert set(values) == {feature.name for feature in source.features}
    np.testing.assert_allclose(
        values["observation.skeleton.xyz"].reshape(-1, 3), one.keypoints3d.xyz[0], atol=1e-6
    )
    np.testing.assert_allclose(values["observation.hands"], [0.1, 0], atol=1e-6)
    assert values["observation.skeleton.rotation"].shape == (4 * len(FRAMES),)
    assert source.features[0].names[BLAZEPOSE_33.index("left_wrist") * 3 + 1] == "left_wrist.y"


def test_nobody_is_unknown_not_zero():
    source = skeletons()
    for values in (source.values(cloud([], START)),):
        assert all(np.isnan(value).all() for value in values.values())
    assert source.person is None


def test_before_the_info_there_are_no_columns():
    source = Skeletons("skeletons/points", "")
    assert source.values(cloud([person()], START)) == {}
    assert source.features is None


def detections(*found):
    def one(id, label, score, x):
        place, turn = Namespace(x=x, y=0.0, z=1.0), Namespace(x=0.0, y=0.0, z=0.0, w=1.0)
        pose = Namespace(pose=Namespace(position=place, orientation=turn))
        return Namespace(
            id=id, results=[Namespace(hypothesis=Namespace(class_id=label, score=score), pose=pose)]
        )

    return Namespace(header=header(START), detections=[one(*each) for each in found])


def test_slots_hold_their_object_by_id_or_label():
    source = ObjectSlots("objects/detections", ("mug", "box_2", "spoon"))
    values = source.values(
        detections(
            ("mug_1", "mug", 0.5, 1.0),
            ("mug_4", "mug", 0.9, 4.0),
            ("box_1", "box", 0.9, 5.0),
            ("box_2", "box", 0.1, 6.0),
        )
    )
    pose = values["observation.objects.pose"].reshape(3, 7)
    assert pose[0, 0] == 4.0  # the likeliest mug
    assert pose[1, 0] == 6.0  # that very box
    assert np.isnan(pose[2]).all()
    assert values["observation.objects.score"].tolist() == [0.9, 0.1, 0.0]
    broken = detections(("mug_1", "mug", 0.5, np.nan))
    broken.detections.append(Namespace(id="x", results=[]))
    assert np.isnan(source.values(broken)["observation.objects.pose"]).all()


def test_pictures_are_decoded_late_and_of_even_size():
    source = Pictures("image", "front")
    source.declare(image(START, 77, height=49, width=65))
    assert source.features[0].shape == (48, 64, 3)
    (sample,) = source.samples(image(START, 77, height=49, width=65), 5)
    assert sample.value.rgb().shape == (49, 65, 3)
    assert (sample.value.rgb() == 77).all()


def test_the_table_is_what_is_known_and_wanted():
    sources = sources_of(FeatureConfig(action="commands", slots="mug", cameras="front=image, wrist=w/image"))
    assert [source.topic for source in sources] == [
        "joint_states", "skeletons/points", "objects/detections", "image", "w/image", "commands"
    ]  # fmt: skip
    sources[0].declare(joints(START, (1, 2)))
    assert table_of(sources).names == (
        "observation.state", "observation.objects.pose", "observation.objects.score"
    )  # fmt: skip
    assert table_of(sources, "*.score, observation.state").names == (
        "observation.state", "observation.objects.score"
    )  # fmt: skip
    with pytest.raises(RecordError, match=r"observation\.objects\.pose"):
        table_of(sources, "act*")
    with pytest.raises(RecordError, match="none yet"):
        table_of(sources_of(FeatureConfig()))


@pytest.mark.parametrize("cameras", ["image", "a/b=image", "=image", "a="])
def test_cameras_have_a_name_and_a_topic(cameras):
    with pytest.raises(RecordError, match="NAME=TOPIC"):
        sources_of(FeatureConfig(cameras=cameras))
