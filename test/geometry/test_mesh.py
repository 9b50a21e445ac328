import numpy as np
import pytest
import trimesh
from PIL import Image

from pose_ros.errors import MeshError
from pose_ros.geometry.mesh import Mesh, load_mesh

CUBE = """v 0 0 0\nv 0.1 0 0\nv 0.1 0.2 0\nv 0 0.2 0\nv 0 0 0.3\nv 0.1 0 0.3\nv 0.1 0.2 0.3\nv 0 0.2 0.3
f 4 3 2 1\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n"""


@pytest.fixture
def box(tmp_path):
    file = tmp_path / "box.obj"
    file.write_text(CUBE)
    return file


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".glb", ".off"])
def test_every_kind_of_file_gives_the_same_shape(box, suffix):
    other = box.with_suffix(suffix)
    trimesh.load(box, process=False).export(other)
    mesh = load_mesh(other)
    np.testing.assert_allclose(mesh.bounds, [[0, 0, 0], [0.1, 0.2, 0.3]], atol=1e-6)
    assert mesh.areas.sum() == pytest.approx(2 * (0.02 + 0.03 + 0.06), rel=1e-5)


def scaled(text: str, factor: float) -> str:
    """The same OBJ with its vertices in another unit."""
    lines = (line.split() for line in text.splitlines())
    return "\n".join(
        " ".join([kind, *(str(float(x) * factor) for x in rest)] if kind == "v" else [kind, *rest])
        for kind, *rest in lines
    )


@pytest.mark.parametrize(("unit", "factor"), [("m", 1), ("cm", 100), ("mm", 1000), ("in", 1 / 0.0254)])
def test_the_origin_stays_the_files_own_and_the_unit_scales(box, unit, factor):
    box.write_text(scaled(CUBE, factor))
    np.testing.assert_allclose(load_mesh(box, unit).bounds, [[0, 0, 0], [0.1, 0.2, 0.3]], atol=1e-9)


def test_the_axis_that_is_up_becomes_z(box):
    np.testing.assert_allclose(np.ptp(load_mesh(box, up="y").bounds, axis=0), [0.1, 0.3, 0.2])
    np.testing.assert_allclose(np.ptp(load_mesh(box, up="x").bounds, axis=0), [0.3, 0.2, 0.1])
    mesh = load_mesh(box, up="y")
    assert mesh.vertices[:, 2].max() == pytest.approx(0.2)  # what pointed along +y points up


def test_millimetres_taken_for_metres_are_refused_with_the_remedy(box):
    box.write_text(scaled(CUBE, 1000))
    with pytest.raises(MeshError, match="mm"):
        load_mesh(box)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "triangles|truncated"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\n", "triangles|truncated"),
        ("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "area"),
        ("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "area"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "broken|truncated"),
    ],
)
def test_broken_files_are_refused_by_name(tmp_path, content, words):
    file = tmp_path / "broken.obj"
    file.write_text(content)
    with pytest.raises(MeshError, match=words) as caught:
        load_mesh(file)
    assert "broken.obj" in str(caught.value)


def test_a_truncated_ply_is_refused(box, tmp_path):
    whole = tmp_path / "whole.ply"
    trimesh.load(box, process=False).export(whole)
    half = tmp_path / "half.ply"
    half.write_bytes(whole.read_bytes()[: len(whole.read_bytes()) // 2])
    with pytest.raises(MeshError, match=r"half\.ply"):
        load_mesh(half)


def test_what_is_asked_for_must_exist(tmp_path, box):
    with pytest.raises(MeshError, match="does not exist"):
        load_mesh(tmp_path / "none.obj")
    with pytest.raises(MeshError, match=r"valid: \.obj"):
        load_mesh(tmp_path / "x.step")
    with pytest.raises(MeshError, match="valid: m, cm, mm, in"):
        load_mesh(box, unit="feet")
    with pytest.raises(MeshError, match="valid: z, y, x"):
        load_mesh(box, up="w")


def test_triangles_without_area_are_dropped_and_noted(box):
    box.write_text(CUBE + "f 1 1 2\n")
    mesh = load_mesh(box)
    assert len(mesh.triangles) == 12
    assert any("no area" in note for note in mesh.notes)


def test_texture_is_read_where_uv_says(tmp_path):
    """Four quarters of a picture on one square, v upwards."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:] = (255, 0, 0), (0, 255, 0)
    picture[32:, :32], picture[32:, 32:] = (0, 0, 255), (255, 255, 255)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    (tmp_path / "square.mtl").write_text("newmtl m\nmap_Kd picture.png\n")
    (tmp_path / "square.obj").write_text(
        "mtllib square.mtl\nv 0 0 0\nv .1 0 0\nv .1 .1 0\nv 0 .1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
        "usemtl m\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    )
    mesh = load_mesh(tmp_path / "square.obj")
    assert mesh.has_color
    triangle, weights = mesh.sample(4000, np.random.default_rng(0))
    points, colors = mesh.points(triangle, weights), mesh.colors(triangle, weights)
    for right, up, color in (
        (0, 0, (0, 0, 255)),
        (1, 0, (255, 255, 255)),
        (0, 1, (255, 0, 0)),
        (1, 1, (0, 255, 0)),
    ):
        inside = (np.abs(points[:, :2] - (0.025 + 0.05 * right, 0.025 + 0.05 * up)) < 0.02).all(1)
        np.testing.assert_allclose(colors[inside].mean(0), color, atol=1)


def test_samples_lie_evenly_on_the_surface(box):
    mesh = load_mesh(box)
    triangle, weights = mesh.sample(20_000, np.random.default_rng(1))
    assert np.allclose(weights.sum(1), 1)
    assert (weights >= 0).all()
    share = np.bincount(triangle, minlength=12) / 20_000
    np.testing.assert_allclose(share, mesh.areas / mesh.areas.sum(), atol=0.002)


def test_the_diameter_is_the_greatest_distance(box):
    rng = np.random.default_rng(2)
    vertices = rng.normal(size=(60, 3))
    mesh = Mesh.plain(vertices, rng.permutation(60).reshape(-1, 3))
    brute = max(np.linalg.norm(a - b) for a in vertices for b in vertices)
    assert mesh.diameter == pytest.approx(brute)
    assert load_mesh(box).diameter == pytest.approx(np.linalg.norm([0.1, 0.2, 0.3]))
