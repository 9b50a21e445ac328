"""Objects whose grasps are known, and oracles that share no code with what they judge."""

import functools
import math

import numpy as np

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.onboard import OnboardConfig, onboard
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build, groups
from pose_ros.sources.synthetic.objects.labelled import labelled_shapes
from pose_ros.types import Symmetries

FEW = OnboardConfig(samples=350, pairs=80, grasps=60)
PANDA = Gripper()
FRICTION_ANGLE = math.atan(FEW.friction)


def ball(radius=0.03, rings=24):
    angle = np.linspace(-np.pi / 2, np.pi / 2, rings)
    profile = [(radius * np.cos(a), radius * np.sin(a)) for a in angle]
    profile[0], profile[-1] = (0.0, -radius), (0.0, radius)
    return build.revolve(profile)


@functools.cache
def known(name):
    """(mesh, symmetries) of an object."""
    if name == "block":
        return build.box((0.03, 0.06, 0.12)), groups.dihedral(2)
    if name == "wide_cube":
        return build.box((0.1, 0.1, 0.1)), Symmetries.none()
    if name == "ball":
        return ball(), Symmetries.none()
    shape = labelled_shapes(0)[name]
    return shape.mesh, shape.symmetries


@functools.cache
def grasps_of(name, with_symmetries=True):
    mesh, symmetries = known(name)
    return onboard(mesh, PANDA, symmetries if with_symmetries else None, FEW)


def hits_of_ray(mesh, origin, direction):
    """All (distance, normal) along a ray, by a plain loop over triangles (Moeller and Trumbore 1997)."""
    found = []
    for a, b, c in mesh.vertices[mesh.triangles]:
        one, two = b - a, c - a
        p = np.cross(direction, two)
        determinant = one @ p
        if abs(determinant) < 1e-14:
            continue
        away = origin - a
        u = away @ p / determinant
        q = np.cross(away, one)
        v = direction @ q / determinant
        if u >= -1e-9 and v >= -1e-9 and u + v <= 1 + 1e-9:
            normal = np.cross(one, two)
            found.append((two @ q / determinant, normal / np.linalg.norm(normal)))
    return sorted(found, key=lambda hit: hit[0])


def angle(a, b):
    return math.acos(max(-1.0, min(1.0, float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b)))))


def in_box(point, low, high):
    return all(low[k] < point[k] < high[k] for k in range(3))


def standing(mesh, place=(0.5, 0.0, 0.0), yaw=0.0):
    """root_from_object of an object that stands on z = 0."""
    turn = rotation_exp(np.array([0, 0, yaw]))
    return RigidTransform(turn, np.array(place) - [0, 0, mesh.bounds[0, 2]])
