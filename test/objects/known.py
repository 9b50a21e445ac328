"""Models that the tests of objects share, each made once, and how far a pose is from the truth."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from posed import BRIGHT, CAMERA, box_mesh, frame_of, grid_mesh, l_mesh, sphere_mesh

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.bank import Bank
from pose_ros.objects.model import ObjectModel, onboard
from pose_ros.objects.search import Search
from pose_ros.objects.view import View
from pose_ros.types import Detections2D, ObjectPoses

CPU = torch.device("cpu")
ASIDE = np.array([0.5, -0.3, 0.2])  # m, of the mesh whose origin is far outside
BOX = (0.12, 0.08, 0.05)


def can_mesh(radius: float = 0.035, height: float = 0.12, sides: int = 48) -> Mesh:
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    low = np.column_stack([ring, np.full(sides, -height / 2)])
    vertices = np.concatenate([low, low + [0, 0, height], [[0, 0, -height / 2], [0, 0, height / 2]]])
    here, then = np.arange(sides), (np.arange(sides) + 1) % sides
    under, over = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    corners = [
        (here, then, then + sides),
        (here, then + sides, here + sides),
        (then, here, under),
        (here + sides, then + sides, over),
    ]
    return grid_mesh(vertices, np.concatenate([np.stack(c, 1) for c in corners]))


MESHES = {
    "bracket": l_mesh,
    "aside": lambda: grid_mesh(l_mesh().vertices + ASIDE, l_mesh().triangles),
    "box": lambda: box_mesh(BOX),
    "bright": lambda: box_mesh(BOX, BRIGHT),
    "can": can_mesh,
    "ball": lambda: sphere_mesh(0.04),
}


@cache
def known(name: str) -> ObjectModel:
    return onboard(name, MESHES[name]())


def some(*names: str) -> dict[str, ObjectModel]:
    return {name: known(name) for name in names}


@cache
def bank_of(*names: str) -> Bank:
    return Bank.of(list(some(*names).values()), CPU)


@cache
def search_of(*names: str) -> Search:
    return Search(some(*names), bank_of(*names))


def placed(name: str, pose: RigidTransform) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Model 0 of its own bank, with the pose of its middle as a batch of one."""
    bank, model = bank_of(name), torch.zeros(1, dtype=torch.long)
    rotation = torch.as_tensor(pose.rotation[None], dtype=torch.float32)
    origin = torch.as_tensor(pose.translation[None], dtype=torch.float32)
    return model, rotation, bank.from_mesh(model, rotation, origin)


def seen(things, rng=None, camera: PinholeCamera = CAMERA, stamp_ns: int = 10**9):
    """The frame of named models at poses, and the mask of each (N,H,W)."""
    frame, owner = frame_of([(known(name).mesh, pose) for name, pose in things], rng, camera, stamp_ns)
    return frame, np.stack([owner == n for n in range(len(things))]) if things else owner[None][:0]


def view_of(frame) -> View:
    return View.of(frame, CPU)


def found(
    things, models: tuple[str, ...], seed: int | None = 0, label: tuple[str, ...] = (), labels=None
) -> tuple[ObjectPoses, dict[str, str]]:
    """Poses of `models` in a picture of things, given the mask of each, which may have a label."""
    frame, masks = seen(things, None if seed is None else np.random.default_rng(seed))
    given = Detections2D(masks, label or ("",) * len(masks), np.ones(len(masks)))
    return search_of(*models)(frame, view_of(frame), given, labels)


def error_of(name: str, pose: RigidTransform, truth: RigidTransform) -> tuple[float, float]:
    """How far (m) the middle is, and by how much (deg) it is turned, but for a symmetry."""
    model = known(name)
    same = truth @ model.symmetries.sampled(360)
    cosine = (np.einsum("nij,ij->n", same.rotation, pose.rotation) - 1) / 2
    middle = model.bounds.mean(0)
    return (
        float(np.linalg.norm(pose.apply(middle) - truth.apply(middle))),
        float(np.degrees(np.arccos(cosine.clip(-1, 1))).min()),
    )


def pose_at(poses: ObjectPoses, number: int) -> RigidTransform:
    every = poses.camera_from_object
    return RigidTransform(every.rotation[number], every.translation[number])
