"""Models told of by path: units and axes found by their box, symmetries, what is wrong with them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from shapes_to_grasp import FEW, PANDA, known

from pose_ros.apps.grasp.errors import GraspError
from pose_ros.apps.grasp.library import known_object, mesh_of, symmetries_of
from pose_ros.errors import MeshError
from pose_ros.geometry.mesh import UNITS, Z_FROM_UP
from pose_ros.types import Symmetries

TINY = replace(FEW, samples=100, pairs=20, grasps=10)


def written(mesh, path, unit="m", up="z"):
    """The file that read with this unit and axis is this mesh."""
    vertices = mesh.vertices @ Z_FROM_UP[up] / UNITS[unit]
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.triangles.tolist()]
    path.write_text("\n".join(lines))
    return {"mesh": str(path), "bounds": mesh.bounds.tolist()}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("up", Z_FROM_UP)
def test_unit_and_up_axis_are_those_that_give_the_box(tmp_path, unit, up):
    mesh = known("mug")[0]
    entry = written(mesh, tmp_path / "mug.obj", unit, up)
    np.testing.assert_allclose(mesh_of("mug", entry).vertices, mesh.vertices, atol=1e-6)
    told = entry | {"unit": unit, "up": up}
    np.testing.assert_allclose(mesh_of("mug", told).vertices, mesh.vertices, atol=1e-6)


def test_a_mesh_that_is_not_as_told_is_refused(tmp_path):
    entry = written(known("mug")[0], tmp_path / "mug.obj")
    entry["bounds"] = (np.array(entry["bounds"]) * 1.2).tolist()
    with pytest.raises(MeshError):
        mesh_of("mug", entry)
    with pytest.raises(MeshError, match="names no mesh"):
        mesh_of("mug", {"mesh": None})
    with pytest.raises(MeshError, match="does not exist"):
        mesh_of("mug", {"mesh": "/nowhere/mug.obj"})


@pytest.mark.parametrize("name", ["mug", "block", "bottle", "prism_5"])
def test_symmetries_come_through_as_object_pose_tells_them(name):
    """models_json's own format, written here as its documentation has it."""
    symmetries = known(name)[1]
    matrices = np.tile(np.eye(4), (len(symmetries), 1, 1))
    matrices[:, :3, :3] = symmetries.discrete.rotation
    matrices[:, :3, 3] = symmetries.discrete.translation
    told = {
        "discrete": matrices.tolist(),
        "axis": None if symmetries.axis is None else symmetries.axis.tolist(),
        "sphere": symmetries.is_sphere,
        "center": symmetries.center.tolist(),
    }
    read = symmetries_of(json.loads(json.dumps({"symmetries": told})))
    np.testing.assert_allclose(read.discrete.rotation, symmetries.discrete.rotation)
    np.testing.assert_allclose(read.center, symmetries.center)
    assert read.is_continuous == symmetries.is_continuous
    assert len(symmetries_of({})) == len(Symmetries.none()) == 1


@pytest.mark.parametrize("told", [{"discrete": [[1, 2]]}, {"axis": [0, 0, 1]}, {"discrete": "all"}])
def test_broken_symmetries_are_refused(told):
    with pytest.raises(GraspError, match="cannot be understood"):
        symmetries_of({"symmetries": told})


def test_an_object_with_its_grasps(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path))
    mesh, _ = known("block")
    made = known_object("block", written(mesh, tmp_path / "block.obj", "mm"), PANDA, TINY)
    assert len(made.grasps) > 3
    np.testing.assert_allclose(made.mesh.bounds, mesh.bounds, atol=1e-6)
