"""Measures the constants of pose_ros/human/face_template.py: `python bench/fit_face_template.py [PORTRAITS]`.

Where in the head's frame do the network's points lie, and the skin that depth sees there; how much do people
differ in that; by how much are meshes turned wrong that are seen from aside or from below? Means and least
squares over looks at synthetic portraits (seeds 100000, 100001, …), left and right made alike. Seeds from
200000 on are for measuring: `python bench/measure_faces.py`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.human.face import FaceConfig, FaceLooker
from pose_ros.human.face_template import MESH_DEPTH
from pose_ros.human.head import direction_of_camera, turn_onto, view_rotation
from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.portrait import Portrait, portrait
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

FIRST_SEED, POINTS = 100_000, 60
FACE_FROM_EARS = 0.09  # m, how far the face lies before the point between the ears
NOSE_TIP = 4


@dataclass(frozen=True)
class Look:
    """A believed mesh (468,3) px, the depth (468,) m at its points, and the truth."""

    points: np.ndarray
    skin: np.ndarray
    camera: PinholeCamera
    camera_from_head: RigidTransform


def look_at(portrait: Portrait, looker: FaceLooker, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Mesh and logit of the second look, with key points as wrong as a network's are (12 mm)."""
    frame = portrait.frame
    xyz = np.array([[portrait.joints[joint] for joint in COCO_17.joints]])
    xyz = xyz + rng.normal(0, 0.012, xyz.shape)
    known = np.ones(xyz.shape[:2])
    covariance = np.tile(np.eye(3), (*known.shape, 1, 1))
    joints = Keypoints3D(xyz, known, covariance, known * Origin.MEASURED, COCO_17)
    flat = Keypoints2D(frame.camera.project(xyz), known, np.zeros((1, 4)), COCO_17)
    looker.reset()
    for n in range(2):
        mesh = looker(frame.rgb, frame.camera, flat, joints, ["p1"], float(n))
    return mesh.points[0], float(mesh.logit[0])


def depths(points: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(468,) m at the pixels of a mesh; NaN outside the picture."""
    u, v = np.rint(points[:, :2]).astype(int).T
    inside = (u >= 0) & (u < depth.shape[1]) & (v >= 0) & (v < depth.shape[0])
    return np.where(inside, depth[v.clip(0, len(depth) - 1), u.clip(0, depth.shape[1] - 1)], np.nan)


def fit(looks: list[Look]) -> str:
    """What is to be pasted into face_template.py."""
    rays = np.array([look.camera.rays(look.points[:, :2]) for look in looks])
    middle = np.array([look.camera.rays(look.points[:, :2].mean(0)) for look in looks])
    rotation = np.array([look.camera_from_head.rotation for look in looks])
    head = np.array([look.camera_from_head.translation for look in looks])
    view = view_rotation(middle)
    metres = (np.linalg.norm(head, axis=-1) - FACE_FROM_EARS) / np.array([look.camera.fx for look in looks])
    mesh = np.array([look.points for look in looks]) * [1, 1, MESH_DEPTH]
    mesh = (mesh - mesh.mean(1, keepdims=True)) * metres[:, None, None]
    shape = np.einsum("nji,nkj->nki", np.swapaxes(view, 1, 2) @ rotation, mesh).mean(0)
    mirror = np.linalg.norm(shape[:, None] * [1, -1, 1] - shape, axis=-1).argmin(1)
    twins = mirror[mirror] == np.arange(len(mirror))

    def symmetric(points: np.ndarray) -> np.ndarray:
        return (points + points[mirror] * [1, -1, 1][: points.shape[-1]]) / 2

    shape = symmetric(shape)
    skin = np.array([look.skin for look in looks])
    skin = np.einsum("nji,nkj->nki", rotation, rays * skin[..., None] - head[:, None])
    skin[np.linalg.norm(skin - np.nanmedian(skin, 0), axis=-1) > 0.03] = np.nan
    where, spread = symmetric(np.nanmean(skin, 0)), np.nanstd(skin[..., 0], 0)
    spread, seen = np.maximum(spread, spread[mirror]), np.isfinite(skin[..., 0]).mean(0)
    usable = np.flatnonzero(twins & (seen > 0.6) & (seen[mirror] > 0.6) & (spread < 0.02))
    indices = _spread_out(where, usable, mirror)
    # Lines along which the middles of the chosen points are seen: where they nearly meet the middle is.
    chosen = np.array([look.camera.rays(look.points[indices, :2].mean(0)) for look in looks])
    ray = np.einsum("nji,nj->ni", rotation, chosen / np.linalg.norm(chosen, axis=-1, keepdims=True))
    centre = _nearest(ray, np.einsum("nji,nj->ni", rotation, -head))
    shape = shape[indices] - shape[indices].mean(0) + centre * [1, 0, 1]
    view = view_rotation(chosen)
    turned = view @ turn_onto(
        shape - shape.mean(0), mesh[:, indices] - mesh[:, indices].mean(1, keepdims=True)
    )
    error = rotation_log(np.swapaxes(turned, 1, 2) @ rotation)
    aside, above = direction_of_camera(turned, chosen)
    odd, even = np.stack([aside, aside * above], -1), np.stack([np.ones_like(aside), above, aside**2], -1)
    weights = [np.linalg.lstsq(rows, error[:, k], rcond=None)[0] for k, rows in enumerate((odd, even, odd))]
    text = [f"# {len(looks)} looks; index: mesh x y z, skin x y z, how much people differ; mm"]
    columns = np.concatenate([shape, where[indices], spread[indices, None]], axis=1) * 1e3
    for index, row in zip(indices.tolist(), columns.round().astype(int).tolist(), strict=True):
        if row[1] >= 0:  # the left one of a pair, or of the middle
            text.append(f"({mirror[index]}, {index}): {tuple(row)},")
    names = ("ROLL: aside, aside * above", "PITCH: 1, above, aside²", "YAW: aside, aside * above")
    text += [f"# {name}: {row.round(3).tolist()}" for name, row in zip(names, weights, strict=True)]
    return "\n".join(text)


def _spread_out(points: np.ndarray, usable: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Some POINTS of the usable ones, each as far as can be from those before, with their mirror twins."""
    chosen = [NOSE_TIP]
    while len(chosen) < POINTS:
        gaps = np.linalg.norm(points[usable, None] - points[chosen], axis=-1).min(1)
        farthest = usable[np.argmax(gaps)]
        chosen += sorted({int(farthest), int(mirror[farthest])})
    return np.array(sorted(set(chosen)))


def _nearest(directions: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """The point (3,) nearest to all lines: where the middle of the meshes is in the head's frame."""
    across = np.eye(3) - directions[:, :, None] * directions[:, None]
    return np.linalg.solve(across.sum(0), np.einsum("nij,nj->i", across, origins))


def main(portraits: int) -> None:
    looker, looks = FaceLooker(FaceConfig(every=0.0), torch.device("cpu")), []
    for seed in tqdm(range(FIRST_SEED, FIRST_SEED + portraits)):
        shown = portrait(seed)
        points, logit = look_at(shown, looker, np.random.default_rng(seed))
        if logit > 2:
            skin = depths(points, shown.frame.depth)
            looks.append(Look(points, skin, shown.frame.camera, shown.camera_from_head))
    print(fit(looks))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
