"""Shapes whose symmetry groups are known, colours included: what finding symmetries is measured on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build, groups, prints, shapes
from pose_ros.sources.synthetic.objects.shapes import Shape
from pose_ros.types import Symmetries

RED, GREEN, BLUE, YELLOW, WHITE, BLACK = (
    (200, 40, 40), (50, 160, 60), (50, 70, 190), (220, 200, 60), (235, 235, 235), (30, 30, 30),
)  # fmt: skip


def labelled_shapes(seed: int = 0) -> dict[str, Shape]:
    """name -> shape with its true symmetries. Sizes are drawn from the seed, groups are not."""
    rng = np.random.default_rng(seed)
    drawn = [draw(rng) for draw in (*shapes.PLAIN, shapes.ball) if draw is not shapes.flange]
    drawn += [shapes.flange(rng, bolts) for bolts in (3, 4, 5, 6)]
    drawn += [_cube(), _tetrahedron(), _equal_bracket(), _prism(3), _prism(5), _capsule(), _slab_with_hole()]
    drawn += [draw(rng) for draw in shapes.TEXTURED]
    drawn += _coloured(rng)
    for name in ("cylinder", "hexagonal_prism", "mug", "printed_box"):
        drawn.append(shapes.off_centre(next(one for one in drawn if one.name == name), rng))
    return {one.name: one for one in drawn}


def _cube(edge: float = 0.06) -> Shape:
    return Shape("cube", build.box((edge,) * 3), groups.cube())


def _tetrahedron(half: float = 0.03) -> Shape:
    corners = half * np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], float)
    mesh = Mesh.plain(corners, np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)]))
    return Shape("tetrahedron", mesh if build.volume(mesh) > 0 else build.flipped(mesh), groups.tetrahedron())


def _equal_bracket(length: float = 0.07, thick: float = 0.012, width: float = 0.04) -> Shape:
    """Both legs alike: half a turn about the diagonal."""
    outline = [(0, 0), (length, 0), (length, thick), (thick, thick), (thick, length), (0, length)]
    diagonal = np.array([1.0, 1, 0]) / np.sqrt(2)
    return Shape("equal_l_bracket", build.extrude(outline, width), groups.half_turn(diagonal))


def _prism(corners: int) -> Shape:
    return Shape(
        f"prism_{corners}", build.extrude(build.regular(corners, 0.035), 0.06), groups.dihedral(corners)
    )


def _capsule(radius: float = 0.02, length: float = 0.06) -> Shape:
    angle = np.linspace(0, np.pi / 2, 8)
    lower = [(radius * np.sin(a), -length / 2 - radius * np.cos(a)) for a in angle]
    upper = [(radius * np.cos(a), length / 2 + radius * np.sin(a)) for a in angle]
    upper[-1], lower[0] = (0.0, upper[-1][1]), (0.0, lower[0][1])
    return Shape("capsule", build.revolve([*lower, *upper]), groups.round_(True))


def _slab_with_hole() -> Shape:
    """A frame, its window off the middle along x: half a turn about x."""
    a, b, t = 0.12, 0.07, 0.015
    bars = [
        build.at(build.box((a, t, t)), 0, side * (b - t) / 2) for side in (-1, 1)
    ] + [
        build.at(build.box((0.04, b, t)), -(a - 0.04) / 2), build.at(build.box((t, b, t)), (a - t) / 2),
    ]  # fmt: skip
    return Shape("frame", build.join(*bars), groups.half_turn(np.array([1.0, 0, 0])))


def _coloured(rng: np.random.Generator) -> list[Shape]:
    """The same shapes, on which colours leave less symmetry, or none."""
    cube = _cube()
    normals = cube.mesh.normals
    top = np.where(normals[:, 2:] > 0.9, RED, WHITE)
    ends = np.where(np.abs(normals[:, 2:]) > 0.9, RED, WHITE)
    faces = np.select(
        [normals[:, k : k + 1] * sign > 0.9 for k in range(3) for sign in (1, -1)],
        [np.array(colour) for colour in (RED, GREEN, BLUE, YELLOW, WHITE, BLACK)],
    )
    prism = _prism(6)
    angle = np.arctan2(prism.mesh.normals[:, 1], prism.mesh.normals[:, 0])
    side = np.floor(angle / (np.pi / 3)).astype(int) % 2 == 0
    upright = np.abs(prism.mesh.normals[:, 2]) > 0.9
    # The alternate sides' middles lie at 30 and 90 degrees: half turns are about the former.
    alternate = groups.moved(groups.dihedral(3), _turn(np.pi / 6))
    ball = shapes.ball(rng)
    upper = ball.mesh.vertices[ball.mesh.triangles].mean(1)[:, 2:] > 0
    plain = Shape("", build.box((0.04, 0.07, 0.1)), groups.dihedral(2))
    x_end = np.where(plain.mesh.normals[:, :1] > 0.9, BLUE, YELLOW)
    stripe = groups.moved(groups.dihedral(4), _turn(np.pi / 8))
    return [
        Shape("cube_red_top", build.painted(cube.mesh, top), groups.cyclic(4)),
        Shape("cube_red_ends", build.painted(cube.mesh, ends), groups.dihedral(4)),
        Shape("cube_all_different", build.painted(cube.mesh, faces), Symmetries.none()),
        Shape("cube_one_colour", build.painted(cube.mesh, BLUE), groups.cube()),
        Shape(
            "prism_6_alternate",
            build.painted(prism.mesh, np.where((side & ~upright)[:, None], RED, WHITE)),
            alternate,
        ),
        Shape("half_red_ball", build.painted(ball.mesh, np.where(upper, RED, WHITE)), groups.round_()),
        Shape("box_one_side", build.painted(plain.mesh, x_end), groups.half_turn(np.array([1.0, 0, 0]))),
        _striped_can("ringed_can", 3, False, groups.round_()),
        _striped_can("striped_can", 4, True, stripe),
        replace(_repeated_box(rng), name="box_same_print_twice"),
    ]


def _turn(angle: float) -> RigidTransform:
    return RigidTransform(rotation_exp(np.array([0, 0, angle])), np.zeros(3))


def _striped_can(name: str, count: int, along: bool, symmetries: Symmetries) -> Shape:
    radius, half, rim = 0.033, 0.05, 0.004
    picture = prints.stripes(np.random.default_rng(3), 2 * np.pi * radius, 2 * half, count, along)
    metal = np.full((48, 48, 3), 190, np.uint8)
    profile = [
        (0, -half), (radius - rim, -half), (radius, -half + rim), (radius, half - rim), (radius - rim, half),
        (0, half),
    ]  # fmt: skip
    return Shape(
        name, build.printed_turning(profile, (-half + rim, half - rim), (picture, metal)), symmetries
    )


def _repeated_box(rng: np.random.Generator) -> Shape:
    """The same print on opposite sides, upright on both, plain ends: half a turn about z."""
    size = np.array([0.05, 0.08, 0.12])
    front, _, flank, *_ = prints.panels(rng, size, WHITE)
    plain = np.full((24, 24, 3), 220, np.uint8)
    mesh = build.printed_box(size, (front, front, flank, flank, plain, plain))
    return Shape("", mesh, groups.cyclic(2))
