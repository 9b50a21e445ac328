"""Hands against the truth of people who show them from close by: `python bench/hands.py FIRST LAST`.

Seeds FIRST to LAST of HandSource, three frames each, the last is judged. Hands that count lie all in the
picture and show at least twelve of their 21 joints. `pipeline`: the default estimator finds bodies. `given`:
its wrists and elbows are the truth with errors of 12 mm, which shows what hands add to any body.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from pose_ros.human.hand_track import Hands
from pose_ros.human.hands import HandConfig
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.human.smooth import SmoothConfig
from pose_ros.skeleton import COCO_17, HAND_21
from pose_ros.sources.synthetic.hand_scene import HandSceneConfig, HandSource
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

FRAMES, SHOWN, BODY_SIGMA = 3, 12, 0.012


def given_body(frame, person, rng) -> tuple[Keypoints2D, Keypoints3D]:
    """The body's key points but for these errors; what lies behind the camera is unknown."""
    xyz = np.array([person.joints[name] for name in COCO_17.joints]) + rng.normal(0, BODY_SIGMA, (17, 3))
    xyz[xyz[:, 2] < 0.1] = np.nan
    known, score = np.isfinite(xyz).all(-1)[None], np.ones((1, 17))
    flat = Keypoints2D(np.nan_to_num(frame.camera.project(xyz))[None], score, np.zeros((1, 4)), COCO_17)
    origin = np.where(known, Origin.MEASURED, Origin.UNKNOWN)
    covariance = np.tile(np.eye(3) * BODY_SIGMA**2, (1, 17, 1, 1))
    return flat, Keypoints3D(xyz[None], score, covariance, origin, COCO_17)


def main(first: int, last: int) -> None:
    pipeline = HumanPipeline(replace(HumanConfig(), hands=True, faces=False, joints="kinematic"))
    stage = Hands(HandConfig(), SmoothConfig(), torch.device("cpu"))
    rows: dict[str, list] = {"pipeline": [], "given": []}
    for seed in tqdm(range(first, last)):
        source = HandSource(HandSceneConfig(seed=seed, frames=FRAMES))
        frames, rng = list(source), np.random.default_rng(seed)
        pipeline.reset()
        stage.reset()
        for frame, key in zip(frames, source.keys(), strict=True):
            person = source.truth[key][0]
            people = pipeline(frame)
            given = stage(frame, *given_body(frame, person, rng), ["p1"])[0]
        found = {"pipeline": [hand for one in people for hand in one.hands], "given": given}
        for side in ("left", "right"):
            names = [f"{side}_{joint}" for joint in HAND_21.joints]
            truth = np.array([person.joints[name] for name in names])
            visible = np.array([person.visible[name] for name in names])
            pixels = source.camera.project(truth)
            inside = ((pixels > 0) & (pixels < (source.camera.width, source.camera.height))).all()
            if not inside or visible.sum() < SHOWN:
                continue
            for kind, hands in found.items():
                own = [hand for hand in hands if hand.side == side]
                xyz = own[0].keypoints3d.xyz[0] if own else np.full((21, 3), np.nan)
                origin = own[0].keypoints3d.origin[0] if own else np.zeros(21)
                rows[kind].append((xyz - truth, origin, visible, truth[9, 2]))
    for kind, hands in rows.items():
        report(kind, hands)


def report(kind: str, hands: list) -> None:
    off, origin, visible, distance = (np.array(part) for part in zip(*hands, strict=True))
    error = np.linalg.norm(off, axis=-1) * 1e3
    found = np.isfinite(error[:, 0])
    right = found & (error[:, 0] < 100)
    e, mean = error[right], error[right].mean(1)
    measured = origin[right] == Origin.MEASURED
    shown = visible[right].sum(1)
    print(f"{kind}: {len(found)} hands, found {found.mean():.2f}, their own wrist's {right.mean():.2f}")
    print(f"  joints: mean {e.mean():.1f} mm, median {np.median(e):.1f}; tips {e[:, 4::4].mean():.1f}; "
          f"a hand's mean: median {np.median(mean):.1f}, under 10 mm {np.mean(mean < 10):.2f}, "
          f"under 15 mm {np.mean(mean < 15):.2f}")  # fmt: skip
    print(f"  measured joints ({measured.mean():.2f}) {e[measured].mean():.1f} mm, "
          f"others {e[~measured].mean():.1f}; "
          f"visible {e[visible[right]].mean():.1f}, hidden {e[~visible[right]].mean():.1f}")  # fmt: skip
    for low, high in ((12, 15), (15, 18), (18, 22)):
        some = (shown >= low) & (shown < high)
        print(f"  {low} to {high - 1} joints visible: {some.sum()} hands, mean {e[some].mean():.1f} mm")
    for low, high in ((0.3, 0.8), (0.8, 1.2), (1.2, 3.0)):
        some = (distance[right] >= low) & (distance[right] < high)
        print(f"  at {low} to {high} m: {some.sum()} hands, mean {e[some].mean():.1f} mm")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
