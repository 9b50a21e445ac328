"""Measures the face template of pose_ros/human/head.py: `python bench/fit_face_template.py FOLDER...`.

FOLDER: RGB-D folders with truth.json that has the rotation of `head` (`pose_ros synth people`). Where in the
head's frame do the network's points lie, and the skin that depth sees there? Means over all looks at faces
that are turned away by at most 45 degrees, left and right made alike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pose_ros.geometry.rigid import matrix_from_quaternion
from pose_ros.human.face import FaceConfig, FaceLooker
from pose_ros.human.head import INDICES
from pose_ros.skeleton import COCO_17
from pose_ros.sources.source import open_source
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

EVERY = 10  # frames
MIRRORED = {33: 263, 133: 362, 234: 454, 127: 356, 54: 284, 67: 297, 48: 278, 50: 280, 117: 346, 93: 323}
FACE_FROM_EARS = 0.09  # m, how far the face lies before the point between the ears


def looks_of(folder: Path, looker: FaceLooker):
    """(points of the mesh and of the skin (K,3) m, ray, camera), in the head's frame, of every look."""
    with open_source(str(folder)) as source:
        for n, (key, frame) in enumerate(zip(source.keys(), source, strict=True)):
            people = source.truth[key]
            if n % EVERY or not people:
                continue
            xyz = np.array([[person.joints[joint] for joint in COCO_17.joints] for person in people])
            known = np.ones(xyz.shape[:2])
            covariance = np.tile(np.eye(3), (*known.shape, 1, 1))
            joints = Keypoints3D(xyz, known, covariance, known * Origin.MEASURED, COCO_17)
            xy = frame.camera.project(xyz)
            flat = Keypoints2D(xy, known, np.zeros((len(xy), 4)), COCO_17)
            ids = [str(person.id) for person in people]
            mesh = looker(frame.rgb, frame.camera, flat, joints, ids, n / 30)
            for person, points, logit in zip(mesh.person, mesh.points, mesh.logit, strict=True):
                head = people[person].joints["head"]
                turn = matrix_from_quaternion(people[person].rotations["head"])
                facing = -turn[:, 0] @ head / np.linalg.norm(head)
                if logit > 4 and facing > np.cos(np.pi / 4):
                    yield _look(points[INDICES], frame, head, turn)


def _look(points: np.ndarray, frame, head: np.ndarray, turn: np.ndarray):
    rays = frame.camera.rays(points[:, :2])
    ray = frame.camera.rays(points[:, :2].mean(0, keepdims=True))[0]
    z = ray / np.linalg.norm(ray)
    x = np.cross([0.0, 1, 0], z) / np.linalg.norm(np.cross([0.0, 1, 0], z))
    view = np.stack([x, np.cross(z, x), z], axis=-1)
    metres = (np.linalg.norm(head) - FACE_FROM_EARS) / frame.camera.fx
    shape = (points - points.mean(0)) * metres @ (turn.T @ view).T
    u, v = np.rint(points[:, :2]).astype(int).T
    inside = (u >= 0) & (u < frame.camera.width) & (v >= 0) & (v < frame.camera.height)
    depth = np.where(
        inside, frame.depth[v.clip(0, len(frame.depth) - 1), u.clip(0, frame.camera.width - 1)], np.nan
    )
    skin = (rays * depth[:, None] - head) @ turn
    skin[np.linalg.norm(skin, axis=-1) > 0.2] = np.nan
    return shape, skin, turn.T @ z, -turn.T @ head


def _nearest(directions: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """The point (3,) nearest to all lines: where the middle of the meshes is in the head's frame."""
    across = np.eye(3) - directions[:, :, None] * directions[:, None]
    return np.linalg.solve(across.sum(0), np.einsum("nij,nj->i", across, origins))


def _symmetric(points: np.ndarray) -> np.ndarray:
    row = {index: k for k, index in enumerate(INDICES.tolist())}
    twin = {**MIRRORED, **{left: right for right, left in MIRRORED.items()}}
    other = points[[row[twin.get(index, index)] for index in row]]
    return (points + other * [1, -1, 1]) / 2


def main(folders: list[str]) -> None:
    looker, looks = FaceLooker(FaceConfig(every=0.0, per_frame=100), torch.device("cpu")), []
    for folder in tqdm(folders):
        looker.reset()
        looks += looks_of(Path(folder), looker)
    shape, skin, direction, origin = (np.array(part) for part in zip(*looks, strict=True))
    middle = _nearest(direction, origin)
    template = _symmetric(shape.mean(0) + middle) * 1e3
    seen = _symmetric(np.nanmedian(skin, 0)) * 1e3
    print(f"# {len(looks)} looks; index: (x, y, z of the mesh, x of the skin), mm")
    for index, mesh, depth in zip(
        INDICES, template.round().astype(int), seen.round().astype(int), strict=True
    ):
        print(f"{index}: ({mesh[0]}, {mesh[1]}, {mesh[2]}, {depth[0]}),")


if __name__ == "__main__":
    main(sys.argv[1:])
