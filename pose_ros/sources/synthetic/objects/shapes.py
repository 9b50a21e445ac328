"""Objects of random sizes with the symmetries they are known to have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build, groups, prints
from pose_ros.types import Symmetries

Draw = Callable[[np.random.Generator], "Shape"]
X_UP = rotation_exp(np.array([0, np.pi / 2, 0]))
Y_UP = rotation_exp(np.array([-np.pi / 2, 0, 0]))


@dataclass(frozen=True)
class Shape:
    """A mesh in m with its name and symmetries; those respect its colours."""

    name: str
    mesh: Mesh
    symmetries: Symmetries

    def moved(self, motion: RigidTransform) -> Shape:
        return replace(self, mesh=self.mesh.moved(motion), symmetries=groups.moved(self.symmetries, motion))

    def painted(self, rgb) -> Shape:
        return replace(self, mesh=build.painted(self.mesh, rgb))


def cracker_box(rng) -> Shape:
    size = np.sort(rng.uniform((0.03, 0.07, 0.1), (0.06, 0.14, 0.2)))
    return Shape("printed_box", build.printed_box(size, prints.panels(rng, size)), Symmetries.none())


def flat_box(rng) -> Shape:
    size = rng.uniform((0.07, 0.08, 0.02), (0.1, 0.12, 0.035))
    return Shape("printed_flat_box", build.printed_box(size, prints.panels(rng, size)), Symmetries.none())


def soup_can(rng) -> Shape:
    return _can("printed_can", rng.uniform(0.03, 0.042), rng.uniform(0.08, 0.12), rng)


def coffee_can(rng) -> Shape:
    return _can("printed_large_can", rng.uniform(0.045, 0.055), rng.uniform(0.12, 0.16), rng)


def _can(name: str, radius: float, height: float, rng) -> Shape:
    half, rim = height / 2, 0.004
    wrapped = prints.wrapped(rng, 2 * np.pi * radius, height)
    metal = np.full((48, 48, 3), 190, np.uint8)
    profile = [
        (0, -half),
        (radius - rim, -half),
        (radius, -half + rim),
        (radius, half - rim),
        (radius - rim, half),
        (0, half),
    ]
    mesh = build.printed_turning(profile, (-half + rim, half - rim), (wrapped, metal))
    return Shape(name, mesh, Symmetries.none())


def mustard_bottle(rng) -> Shape:
    profile, wall = _bottle_profile(rng)
    wrapped = prints.wrapped(rng, 2 * np.pi * 0.035, wall[1] - wall[0])
    cap = np.full((48, 48, 3), prints.colour(rng), np.uint8)
    mesh = build.printed_turning(profile, wall, (wrapped, cap))
    return Shape("printed_bottle", mesh.scaled(np.array([1, 0.7, 1])), Symmetries.none())


def bottle(rng) -> Shape:
    profile, _ = _bottle_profile(rng)
    return Shape("bottle", build.revolve(profile), groups.round_())


def _bottle_profile(rng) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    radius, height, neck = rng.uniform(0.028, 0.042), rng.uniform(0.11, 0.14), rng.uniform(0.01, 0.014)
    angle = np.linspace(0, np.pi / 2, 8)
    shoulder = [(neck + (radius - neck) * np.cos(a), height * 0.7 + height * 0.16 * np.sin(a)) for a in angle]
    top = [
        (neck, height * 1.02),
        (neck * 1.3, height * 1.02),
        (neck * 1.3, height * 1.14),
        (0, height * 1.14),
    ]
    return [(0, 0), (radius * 0.95, 0), (radius, 0.004), *shoulder, *top], (0.004, height * 0.7)


def mug(rng) -> Shape:
    """A cup turned about z with a handle towards +x: only a mirror maps it onto itself, no motion."""
    radius, height, wall = rng.uniform(0.035, 0.046), rng.uniform(0.08, 0.105), 0.004
    cup = build.revolve(
        [(0, 0), (radius, 0), (radius, height), (radius - wall, height), (radius - wall, wall), (0, wall)]
    )
    angle = np.linspace(-np.pi / 2, np.pi / 2, 14)
    reach, tall = rng.uniform(0.024, 0.032), height * 0.3
    bow = np.stack(
        [radius - wall / 2 + reach * np.cos(angle), 0 * angle, height * 0.52 + tall * np.sin(angle)], 1
    )
    return Shape("mug", build.join(cup, build.sweep(bow, rng.uniform(0.004, 0.006))), Symmetries.none())


def bowl(rng) -> Shape:
    radius, wall = rng.uniform(0.055, 0.08), 0.004
    angle = np.linspace(0, np.pi / 2, 12)
    outside = [(radius * np.sin(a), radius * 0.7 * (1 - np.cos(a))) for a in angle]
    inside = [
        ((radius - wall) * np.sin(a), wall + (radius * 0.7 - wall) * (1 - np.cos(a))) for a in angle[::-1]
    ]
    return Shape("bowl", build.revolve([*outside, *inside]), groups.round_())


def l_bracket(rng) -> Shape:
    a, b, c, t = rng.uniform((0.06, 0.04, 0.03, 0.006), (0.11, 0.055, 0.05, 0.012))
    mesh = build.extrude([(0, 0), (a, 0), (a, t), (t, t), (t, b), (0, b)], c)
    return Shape("l_bracket", mesh, Symmetries.none())


def t_piece(rng) -> Shape:
    """Half a turn about its stem, y, maps it onto itself."""
    a, b, c, t = rng.uniform((0.08, 0.05, 0.025, 0.012), (0.12, 0.08, 0.04, 0.02))
    outline = [
        (-t / 2, 0),
        (t / 2, 0),
        (t / 2, b),
        (a / 2, b),
        (a / 2, b + t),
        (-a / 2, b + t),
        (-a / 2, b),
        (-t / 2, b),
    ]
    return Shape("t_piece", build.extrude(outline, c), groups.half_turn(np.array([0, 1.0, 0])))


def u_channel(rng) -> Shape:
    a, b, c, t = rng.uniform((0.05, 0.04, 0.06, 0.006), (0.08, 0.06, 0.12, 0.01))
    outline = [
        (-a / 2, 0),
        (a / 2, 0),
        (a / 2, b),
        (a / 2 - t, b),
        (a / 2 - t, t),
        (-a / 2 + t, t),
        (-a / 2 + t, b),
        (-a / 2, b),
    ]
    return Shape("u_channel", build.extrude(outline, c), groups.half_turn(np.array([0, 1.0, 0])))


def z_profile(rng) -> Shape:
    """Half a turn about z maps it onto itself."""
    a, b, c, t = rng.uniform((0.03, 0.04, 0.03, 0.008), (0.05, 0.06, 0.06, 0.012))
    half = [(-t / 2, -b / 2), (a, -b / 2), (a, -b / 2 + t), (t / 2, -b / 2 + t)]
    outline = np.array(half + [(-x, -y) for x, y in half])
    return Shape("z_profile", build.extrude(outline, c), groups.cyclic(2))


def stepped_block(rng) -> Shape:
    """A block with a lower and a narrower one on it, off its middle: no symmetry."""
    size = rng.uniform((0.06, 0.04, 0.025), (0.1, 0.06, 0.04))
    second = size * (0.45, 0.6, 0.8)
    lower, upper = build.box(size), build.box(second)
    upper = build.at(upper, 0.2 * size[0], 0.15 * size[1], (size[2] + second[2]) / 2 - 1e-3)
    pin = build.revolve([(0, 0), (0.007, 0), (0.007, 0.03), (0, 0.03)])
    pin = build.at(pin, -0.3 * size[0], -0.1 * size[1], size[2] / 2 - 1e-3)
    return Shape("stepped_block", build.join(lower, upper, pin), Symmetries.none())


def wedge(rng) -> Shape:
    a, b, c = rng.uniform((0.07, 0.03, 0.04), (0.12, 0.06, 0.07))
    return Shape("wedge", build.extrude([(0, 0), (a, 0), (0, b)], c), Symmetries.none())


def plain_box(rng) -> Shape:
    size = np.sort(rng.uniform((0.03, 0.05, 0.09), (0.045, 0.075, 0.14)))
    return Shape("box", build.box(size), groups.dihedral(2))


def brick(rng) -> Shape:
    """A square bar."""
    a, b = rng.uniform((0.045, 0.07), (0.06, 0.11))
    return Shape("square_bar", build.box((a, a, b)), groups.dihedral(4))


def cylinder(rng) -> Shape:
    r, h = rng.uniform((0.02, 0.06), (0.035, 0.12))
    return Shape(
        "cylinder", build.revolve([(0, -h / 2), (r, -h / 2), (r, h / 2), (0, h / 2)]), groups.round_(True)
    )


def cone(rng) -> Shape:
    r, top, h = rng.uniform((0.03, 0.006, 0.07), (0.045, 0.014, 0.11))
    return Shape("cone", build.revolve([(0, 0), (r, 0), (top, h), (0, h)]), groups.round_())


def torus(rng) -> Shape:
    r, t = rng.uniform((0.035, 0.01), (0.05, 0.017))
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = [(r + t * np.cos(a), t * np.sin(a)) for a in angle]
    return Shape("torus", build.revolve(ring, closed=True), groups.round_(True))


def tube(rng) -> Shape:
    r, t, h = rng.uniform((0.022, 0.004, 0.06), (0.035, 0.007, 0.11))
    ring = [(r, -h / 2), (r, h / 2), (r - t, h / 2), (r - t, -h / 2)]
    return Shape("tube", build.revolve(ring, closed=True), groups.round_(True))


def hexagonal_prism(rng) -> Shape:
    r, h = rng.uniform((0.025, 0.03), (0.04, 0.09))
    return Shape("hexagonal_prism", build.extrude(build.regular(6, r), h), groups.dihedral(6))


def cross(rng) -> Shape:
    a, t, c = rng.uniform((0.04, 0.02, 0.02), (0.055, 0.028, 0.035))
    t /= 2
    outline = [
        (t, -a),
        (t, -t),
        (a, -t),
        (a, t),
        (t, t),
        (t, a),
        (-t, a),
        (-t, t),
        (-a, t),
        (-a, -t),
        (-t, -t),
        (-t, -a),
    ]
    return Shape("cross", build.extrude(outline, c), groups.dihedral(4))


def tray(rng) -> Shape:
    a, b, h, t = rng.uniform((0.1, 0.07, 0.025, 0.004), (0.16, 0.1, 0.045, 0.006))
    walls = [build.at(build.box((a, t, h)), 0, side * (b - t) / 2, h / 2) for side in (-1, 1)] + [
        build.at(build.box((t, b, h)), side * (a - t) / 2, 0, h / 2) for side in (-1, 1)
    ]
    return Shape("tray", build.join(build.at(build.box((a, b, t)), 0, 0, t / 2), *walls), groups.cyclic(2))


def flange(rng, bolts: int | None = None) -> Shape:
    """A disc with a collar and bolts on a circle: as many turns as bolts."""
    bolts = int(rng.integers(3, 7)) if bolts is None else bolts
    r, t, collar, h = rng.uniform((0.045, 0.008, 0.016, 0.025), (0.06, 0.014, 0.024, 0.045))
    bore = collar * 0.65
    ring = [(bore, 0), (r, 0), (r, t), (collar, t), (collar, h), (bore, h)]
    heads = [
        build.at(build.extrude(build.regular(6, 0.007), 0.008), 0.78 * r * np.cos(a), 0.78 * r * np.sin(a),
                 t + 0.003, rotation_exp(np.array([0, 0, a])))
        for a in np.arange(bolts) * 2 * np.pi / bolts
    ]  # fmt: skip
    return Shape(
        f"flange_{bolts}", build.join(build.revolve(ring, closed=True), *heads), groups.cyclic(bolts)
    )


def gear(rng) -> Shape:
    teeth, r, h = int(rng.integers(7, 13)), rng.uniform(0.03, 0.045), rng.uniform(0.015, 0.03)
    angle = np.arange(4 * teeth) * (2 * np.pi / (4 * teeth)) + np.pi / (4 * teeth)
    radius = np.where(np.arange(4 * teeth) % 4 < 2, r, 0.78 * r)
    # Turned so that a tooth's middle lies on x, the axis of the half turns.
    angle = angle - np.pi / (2 * teeth)
    outline = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return Shape(f"gear_{teeth}", build.extrude(outline, h), groups.dihedral(teeth))


def pyramid(rng) -> Shape:
    r, h = rng.uniform((0.045, 0.05), (0.06, 0.08))
    base = np.c_[build.regular(4, r), np.zeros(4)]
    sides = [(k, (k + 1) % 4, 4) for k in range(4)]
    mesh = Mesh.plain(np.vstack([base, (0, 0, h)]), np.array([*sides, (2, 1, 0), (3, 2, 0)]))
    return Shape("pyramid", mesh, groups.cyclic(4))


def ball(rng) -> Shape:
    r = rng.uniform(0.025, 0.04)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 25)
    return Shape(
        "ball", build.revolve([(max(r * np.cos(a), 0), r * np.sin(a)) for a in angle]), groups.sphere()
    )


def dumbbell(rng) -> Shape:
    """Two discs of different sizes on a bar."""
    a, b, bar, h = rng.uniform((0.03, 0.018, 0.008, 0.08), (0.04, 0.025, 0.012, 0.12))
    profile = [(0, 0), (a, 0), (a, 0.02), (bar, 0.02), (bar, h), (b, h), (b, h + 0.02), (0, h + 0.02)]
    return Shape("dumbbell", build.revolve(profile), groups.round_())


def hammer(rng) -> Shape:
    """A handle and a head that differs on its two sides."""
    length, r = rng.uniform((0.12, 0.009), (0.17, 0.012))
    handle = build.revolve([(0, 0), (r, 0), (r, length), (0, length)])
    head = build.at(build.box((0.05, 0.026, 0.026)), 0.01, 0, length)
    face = build.at(build.revolve([(0, 0), (0.016, 0), (0.016, 0.022), (0, 0.022)]), 0.03, 0, length, X_UP)
    claw = build.at(
        build.extrude([(0, -0.012), (0, 0.012), (-0.045, 0.012), (-0.045, 0.006)], 0.012),
        -0.014,
        0,
        length,
        np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    )
    return Shape("hammer", build.join(handle, head, face, claw), Symmetries.none())


def gripper_part(rng) -> Shape:
    """A plate with two different pegs and a rib: no symmetry, as most machined parts."""
    a, b, t = rng.uniform((0.07, 0.045, 0.01), (0.1, 0.06, 0.016))
    peg = build.revolve([(0, 0), (0.009, 0), (0.009, 0.03), (0, 0.03)])
    square = build.box((0.016, 0.016, 0.022))
    rib = build.box((a * 0.5, 0.006, 0.014))
    return Shape(
        "machined_part",
        build.join(
            build.box((a, b, t)), build.at(peg, -0.3 * a, 0.2 * b, t / 2 - 1e-3),
            build.at(square, 0.3 * a, 0.15 * b, t / 2 + 0.01),
            build.at(rib, 0.05 * a, -0.3 * b, t / 2 + 0.006),
        ),
        Symmetries.none(),
    )  # fmt: skip


TEXTURED: tuple[Draw, ...] = (cracker_box, soup_can, flat_box, mustard_bottle, coffee_can)
PLAIN: tuple[Draw, ...] = (
    mug, l_bracket, flange, bottle, stepped_block, hexagonal_prism, gripper_part, cone, t_piece, torus,
    plain_box, bowl, wedge, cylinder, cross, hammer, u_channel, tray, z_profile, gear, tube, brick, pyramid,
    dumbbell,
)  # fmt: skip
BIN_PARTS: tuple[Draw, ...] = (
    gripper_part,
    l_bracket,
    stepped_block,
    flange,
    t_piece,
    mug,
    hammer,
    cylinder,
    hexagonal_prism,
    u_channel,
)


def off_centre(shape: Shape, rng: np.random.Generator) -> Shape:
    """The same with its origin far outside of its bounding box, and turned: as exported from an assembly."""
    way = rng.normal(size=3)
    away = way / np.linalg.norm(way) * 4 * shape.mesh.diameter
    turned = RigidTransform.exp(np.concatenate([away, rng.normal(0, 0.5, 3)]))
    return replace(shape.moved(turned), name=f"off_centre_{shape.name}")
