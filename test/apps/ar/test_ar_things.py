"""Virtual things: shapes, files, anchors; what is wrong in a file is said with its name and what is valid."""

from dataclasses import dataclass

import numpy as np
import pytest
import trimesh
from ar_scene import at, frame

from pose_ros.apps.ar.anchor import (
    JOINTS,
    KINDS,
    Anchor,
    OperatorLock,
    Place,
    places_of_objects,
    places_of_people,
)
from pose_ros.apps.ar.overlay import ArConfig, Overlay
from pose_ros.apps.ar.shapes import SHAPES, shape
from pose_ros.apps.ar.thing import load_things, things_from
from pose_ros.apps.ar.virtual_mesh import BUDGET, VirtualMesh
from pose_ros.errors import ConfigError
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, People, Person, TrackState


@dataclass(frozen=True)
class Sighting:
    id: str
    label: str
    root_from_object: RigidTransform


def person(number, state=TrackState.TRACKED, **poses):
    return Person(
        f"p{number}", state, 3, Keypoints2D.empty(COCO_17), Keypoints3D.empty(COCO_17), poses
    )  # fmt: skip


def places():
    people = People(
        (
            person(1, head=at(3.0), left_wrist=at(2.5), body=at(3.1)),
            person(2, head=at(2.0), right_ankle=at(2.2)),
            person(3, TrackState.TENTATIVE, head=at(1.0)),
        ),
        0,
        "camera",
    )
    objects = [
        Sighting("mug_1", "mug", at(0.8)),
        Sighting("mug_2", "mug", at(0.6)),
        Sighting("duck_1", "duck", at(1)),
    ]
    return places_of_people(people) + places_of_objects(objects) + [Place("frame", "base_link", at(4.0))]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("head", ["p1", "p2"]), ("head:p1", ["p1"]), ("head:nearest", ["p2"]), ("head:p9", []),
        ("left_wrist", ["p1"]), ("right_wrist", []), ("object", ["mug_1", "mug_2", "duck_1"]),
        ("object:mug", ["mug_1", "mug_2"]), ("object:mug_2", ["mug_2"]), ("object:nearest", ["mug_2"]),
        (" object : duck ", ["duck_1"]), ("frame:base_link", ["base_link"]), ("frame:odom", []),
        ("head:operator", ["p2"]),
    ],
)  # fmt: skip
def test_an_anchor_finds_what_it_means_and_nothing_else(text, ids):
    everything = places()
    found = Anchor.parse(text).find(everything, OperatorLock()(everything))
    assert [place.id for place in found] == ids


@pytest.mark.parametrize("text", ["", "hat", "nose:p1", "frame", "frame:", "Head"])
def test_an_anchor_that_is_none_says_what_is_valid(text):
    with pytest.raises(ConfigError, match="anchor") as error:
        Anchor.parse(text)
    assert "frame:" in str(error.value) or all(kind in str(error.value) for kind in KINDS)


def test_every_joint_and_who_is_needed():
    assert {Anchor.parse(joint).needs for joint in JOINTS} == {"people"}
    assert (Anchor.parse("object:x").needs, Anchor.parse("frame:x").needs) == ("objects", "frames")


def test_the_operator_stays_though_another_comes_nearer():
    lock = OperatorLock()
    see = lambda **z: [Place("head", name, at(distance)) for name, distance in z.items()]  # noqa: E731
    assert lock([]) is None
    assert lock(see(p1=2.0, p2=3.0)) == "p1"
    assert lock(see(p1=2.0, p2=0.5)) == "p1"
    assert lock(see(p2=0.5, p3=2.0)) == "p2"


def test_places_are_in_the_camera_whatever_frame_people_and_objects_are_in():
    camera_from_root = RigidTransform(rotation_exp(np.array([0.3, -1.0, 0.2])), np.array([1.0, 2, 3]))
    pose = at(2.0, (0.1, 0.2, 0.3))
    root_from = camera_from_root.inverse() @ pose
    (head,) = places_of_people(People((person(1, head=root_from),), 0, "map"), camera_from_root)
    (mug,) = places_of_objects([Sighting("mug_1", "mug", root_from)], camera_from_root)
    for place in (head, mug):
        np.testing.assert_allclose(place.camera_from_anchor.rotation, pose.rotation, atol=1e-12)
        np.testing.assert_allclose(place.camera_from_anchor.translation, pose.translation, atol=1e-12)


def test_a_joint_that_is_no_number_is_no_place():
    lost = RigidTransform(np.eye(3), np.full(3, np.nan))
    assert not places_of_people(People((person(1, head=lost, tail=at(1.0)),), 0, "camera"))


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_closed_and_their_outside_is_outside(name):
    mesh = shape(name)
    solid = trimesh.Trimesh(mesh.vertices, mesh.triangles)
    assert solid.volume > 0
    assert len(VirtualMesh.of(mesh).mesh.triangles) == len(mesh.triangles)  # nothing was doubled
    assert 0.05 < mesh.diameter < 0.5
    assert mesh.has_color


def test_shapes_fit_whom_they_are_for():
    """A head of 19 by 15 cm whose top is 12 cm above the ears is in the hat, a wrist in the ring."""
    hat = trimesh.Trimesh(shape("hat").vertices, shape("hat").triangles)
    rays = np.array([[x, y, -1.0] for x in (-0.08, 0, 0.08) for y in (-0.06, 0, 0.06)])
    hits, _, _ = hat.ray.intersects_location(rays, np.tile([0.0, 0, 1], (9, 1)))
    assert len(hits) == 18
    assert hits[:, 2].min() > 0.04
    assert hits[:, 2].max() > 0.14
    ring = shape("ring").vertices
    assert 0.03 < np.hypot(ring[:, 0], ring[:, 1]).min() < 0.04


def test_normals_are_smooth_on_a_ball_and_sharp_on_a_box():
    ball = trimesh.creation.icosphere(3)
    smooth = VirtualMesh.of(Mesh.plain(ball.vertices, ball.faces)).corner_normals
    np.testing.assert_allclose(smooth, ball.vertices[ball.faces], atol=0.02)
    cube = VirtualMesh.of(shape("box"))
    np.testing.assert_allclose(cube.corner_normals, np.repeat(cube.mesh.normals[:, None], 3, 1), atol=1e-9)


def test_an_inside_out_mesh_is_turned_and_a_huge_one_has_fewer_triangles():
    ball = trimesh.creation.icosphere(2)
    turned = VirtualMesh.of(Mesh.plain(ball.vertices, ball.faces[:, ::-1]))
    assert trimesh.Trimesh(turned.mesh.vertices, turned.mesh.triangles).volume > 0
    huge = trimesh.creation.icosphere(6)
    for faces, sides in ((huge.faces, 1), (huge.faces[:50_000], 2)):
        virtual = VirtualMesh.of(Mesh.plain(huge.vertices, faces))
        assert len(virtual.mesh.triangles) <= sides * BUDGET < len(faces)
        assert str(len(faces)) in virtual.note


def test_a_file_of_things(tmp_path):
    trimesh.creation.icosphere(1, 100.0).export(tmp_path / "ball.ply")
    (tmp_path / "things.yaml").write_text(
        "ball: {mesh: ball.ply, unit: mm, anchor: 'object:mug', xyz: [0, 0, 0.1], rpy: [0, 0, 1.5707963], "
        "scale: 2, replaces: true, rgb: [255, 0, 0]}\nhat: {shape: hat, anchor: head, tolerance: 0}\n"
    )
    ball, hat = load_things(str(tmp_path / "things.yaml"))
    assert (ball.name, ball.anchor, hat.anchor) == ("ball", Anchor("object", "mug"), Anchor("head"))
    np.testing.assert_allclose(ball.mesh.mesh.bounds, [[-0.2] * 3, [0.2] * 3], atol=0.02)
    np.testing.assert_allclose(ball.anchor_from_mesh.apply(np.array([1.0, 0, 0])), [0, 1, 0.1], atol=1e-6)
    assert (ball.mesh.mesh.corner_rgb == [255, 0, 0]).all()
    assert ball.replaced is not None
    assert hat.replaced is None
    assert hat.tolerance == 0
    (wrist,) = things_from({"r": {"shape": "ring", "anchor": "left_wrist"}})
    assert wrist.tolerance > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["name: {shape: hat"]), ("[1, 2]", ["name: {shape: hat"]), ("a: {", ["cannot be read"]),
        ("a: hat", ["thing a", "anchor"]), ("a: {shape: hat}", ["thing a", "anchor"]),
        ("a: {shape: hat, anchor: nose}", ["thing a", "nose", "left_wrist"]),
        ("a: {shape: cap, anchor: head}", ["thing a", "cap", "hat, ring"]),
        ("a: {anchor: head}", ["thing a", "mesh"]),
        ("a: {shape: hat, mesh: b.obj, anchor: head}", ["thing a", "either"]),
        ("a: {mesh: none.obj, anchor: head}", ["thing a", "none.obj", "does not exist"]),
        ("a: {shape: hat, anchor: head, colour: red}", ["thing a", "colour", "rgb"]),
        ("a: {shape: hat, anchor: head, xyz: [1, 2]}", ["thing a", "xyz", "3"]),
        ("a: {shape: hat, anchor: head, xyz: [1, 2, .nan]}", ["thing a", "xyz", "finite"]),
        ("a: {shape: hat, anchor: head, rpy: 3}", ["thing a", "rpy"]),
        ("a: {shape: hat, anchor: head, scale: 0}", ["thing a", "scale", "positive"]),
        ("a: {shape: hat, anchor: head, scale: big}", ["thing a", "scale", "number"]),
        ("a: {shape: hat, anchor: head, replaces: maybe}", ["thing a", "replaces", "true or false"]),
        ("a: {mesh: x.obj, unit: mile, anchor: head}", ["thing a", "mile", "mm"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said(tmp_path, text, words):
    file = tmp_path / "things.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_things(str(file))
    assert all(word in str(error.value) for word in ["things.yaml", *words]), str(error.value)


def test_a_file_that_is_absent_or_binary(tmp_path):
    for file in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_things(str(file))
    (tmp_path / "b.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(ConfigError, match=r"b\.yaml"):
        Overlay(ArConfig(things=str(tmp_path / "b.yaml")))


def test_the_usual_things_are_drawn_on_whoever_is_seen_and_nobody_changes_no_byte():
    overlay, seen = Overlay(), frame(depth=5.0)
    assert overlay.needs == {"people", "objects"}
    assert overlay.frames == ()
    nobody = overlay(seen)
    assert len(nobody) == 0
    np.testing.assert_array_equal(nobody.rgb, seen.rgb)
    upright = RigidTransform(np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]), np.array([0, 0, 1.0]))
    head = overlay(seen, [Place("head", "p1", upright)])
    assert len(head) == 1
    rows, _ = np.nonzero((head.rgb != seen.rgb).any(-1))
    assert rows.max() < seen.camera.cy  # z of a head is up
    mug = overlay(seen, [Place("object", "mug_1", at(1.0), "mug")])
    assert 0 < (mug.rgb != seen.rgb).any(-1).sum() < 2000
    assert set(overlay.stage_ms) == {"light", "draw"}


def test_the_light_is_fixed_or_of_the_picture():
    seen = frame(depth=3.0)
    place = [Place("object", "mug_1", at(0.8), "mug")]
    dark = type(seen)(seen.rgb // 3, seen.depth, seen.camera, seen.stamp_ns, seen.frame_id)
    drawn = lambda light, which: Overlay(ArConfig(light=light))(which, place).rgb  # noqa: E731
    mask = (drawn("fixed", seen) != seen.rgb).any(-1) & (drawn("fixed", dark) != dark.rgb).any(-1)
    inside = mask & np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1)
    np.testing.assert_array_equal(drawn("fixed", seen)[inside], drawn("fixed", dark)[inside])
    assert drawn("picture", dark)[inside].mean() < 0.6 * drawn("picture", seen)[inside].mean()
