"""How exact heads, irises and gazes are: `python bench/measure_faces.py [PORTRAITS]`.

One look at each of so many synthetic portraits (0.7 to 3 m, heads up to 45 degrees aside, eyes up to 25) with
seeds from 200000 on, on which nothing was fitted. Errors in degrees, millimetres and pixels, by distance.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch
from fit_face_template import look_at
from tqdm import tqdm

from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.human.face import FaceConfig, FaceLooker, FaceMesh
from pose_ros.human.face_points import Faces
from pose_ros.human.head import HeadConfig, look_at_heads
from pose_ros.human.orient import Orientation
from pose_ros.sources.synthetic.portrait import portrait

FIRST_SEED = 200_000
BINS = ((0.0, 9.0), (0.0, 1.0), (1.0, 1.5), (1.5, 9.0))  # m


def measure(seed: int, looker: FaceLooker, faces: Faces) -> list[float] | None:
    """Distance m, error of the head deg and mm, of irises px, of gaze deg, of gaze by the head alone deg."""
    shown = portrait(seed)
    points, logit = look_at(shown, looker, np.random.default_rng(seed))
    if logit < HeadConfig().min_logit:
        return None
    mesh, camera = FaceMesh(np.array([0]), points[None], np.array([logit])), shown.frame.camera
    heads = look_at_heads(1, mesh.person, mesh.points, mesh.logit, shown.frame.depth, camera, HeadConfig())
    head = RigidTransform(heads.rotation[0], heads.position[0])
    if not np.isfinite(head.translation).all():
        return None
    oriented = Orientation({"head": head}, frozenset(), {"head": np.radians(HeadConfig().look_sigma)})
    faces.reset()
    (face,) = faces(shown.frame, mesh, heads, ["p1"], [oriented])
    truth = shown.camera_from_head
    iris = np.linalg.norm(face.iris_pixels[:, 0] - camera.project(shown.iris), axis=-1).mean()
    return [
        truth.translation[2],
        np.degrees(np.linalg.norm(rotation_log(truth.rotation.T @ head.rotation))),
        np.linalg.norm(truth.translation - head.translation) * 1e3,
        iris,
        _between(face.camera_from_gaze.rotation[:, 2], shown.gaze),
        _between(head.rotation[:, 0], shown.gaze),
    ]


def _between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def main(portraits: int) -> None:
    device = torch.device("cpu")
    looker, faces = FaceLooker(FaceConfig(every=0.0), device), Faces(replace(FaceConfig(), gaze=True), device)
    rows = [measure(FIRST_SEED + n, looker, faces) for n in tqdm(range(portraits))]
    found = np.array([row for row in rows if row is not None])
    print(f"{len(found)} of {portraits} faces believed; mean, median, 90th percentile")
    for low, high in BINS:
        near = found[(found[:, 0] >= low) & (found[:, 0] < high)]
        if not len(near):
            continue
        print(f"{low} to {high} m: {len(near)}, {np.mean(near[:, 1] < 5):.0%} of heads within 5 degrees")
        for k, name in enumerate(("head deg", "head mm", "iris px", "gaze deg", "by head alone deg"), 1):
            values = near[:, k]
            print(f"  {name}: {values.mean():.2f}, {np.median(values):.2f}, {np.percentile(values, 90):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
