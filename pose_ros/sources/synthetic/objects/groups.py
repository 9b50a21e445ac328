"""Symmetry groups by name, about z unless moved: what a mesh made by code is known to have."""

from __future__ import annotations

import itertools

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.types import Symmetries

HALF_TURN_X = np.diag([1.0, -1, -1])


def turns(count: int) -> np.ndarray:
    """(count,3,3) about z, the identity first."""
    return rotation_exp(np.arange(count)[:, None] * (2 * np.pi / count) * np.array([0, 0, 1.0]))


def group(rotations: np.ndarray, axis: np.ndarray | None = None) -> Symmetries:
    return Symmetries(RigidTransform(rotations, np.zeros((len(rotations), 3))), axis)


def cyclic(count: int) -> Symmetries:
    """C_n: `count` equal turns about z."""
    return group(turns(count))


def dihedral(count: int) -> Symmetries:
    """D_n: `count` turns about z, each also after half a turn about x."""
    return group(np.concatenate([turns(count), turns(count) @ HALF_TURN_X]))


def half_turn(axis: np.ndarray) -> Symmetries:
    """C_2 about a unit axis (3,)."""
    return group(np.stack([np.eye(3), 2 * np.outer(axis, axis) - np.eye(3)]))


def round_(flip: bool = False) -> Symmetries:
    """Every turn about z; with `flip` also half turns across it."""
    return group(np.stack([np.eye(3), HALF_TURN_X])[: 1 + flip], np.array([0, 0, 1.0]))


def cube() -> Symmetries:
    """The 24 rotations of a cube."""
    signed = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]
    proper = [rotation for rotation in signed if np.linalg.det(rotation) > 0]
    return group(np.array(sorted(proper, key=lambda rotation: -np.trace(rotation))))


def tetrahedron() -> Symmetries:
    """The 12 rotations of the tetrahedron on every other corner of a cube."""
    rotations = cube().discrete.rotation
    keeps = [np.prod(rotation @ np.ones(3)) > 0 for rotation in rotations]
    return group(rotations[keeps])


def sphere() -> Symmetries:
    return Symmetries(RigidTransform(np.eye(3)[None], np.zeros((1, 3))), None, True)


def moved(symmetries: Symmetries, motion: RigidTransform) -> Symmetries:
    """Those of the object after its mesh was moved in its own frame."""
    discrete = symmetries.discrete
    back = motion.inverse()
    each = RigidTransform(
        motion.rotation @ discrete.rotation @ back.rotation,
        motion.apply(discrete.rotation @ back.translation + discrete.translation),
    )
    axis = None if symmetries.axis is None else motion.rotation @ symmetries.axis
    return Symmetries(each, axis, symmetries.is_sphere, motion.apply(symmetries.center))
