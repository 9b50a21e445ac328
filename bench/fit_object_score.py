"""Fit the constants of pose_ros/objects/score.py on synthetic scenes, and print them.

Every hypothesis of every pair of model and segment in tables, clutter and bins is labelled right (its MSSD is
below a tenth of the diameter) or wrong (above a fifth); half of the pictures are made worse than the scenes
are, with bumps in the depth and with other exposure, as real cameras are worse than simulated ones. Four
models of another scene are searched for in every one, too: they are absent.

    python bench/fit_object_score.py --seeds 111 112 113 114
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import torch
from scipy.optimize import minimize
from tqdm import tqdm

from pose_ros.config import parse
from pose_ros.eval.bop import corner_points, mssd
from pose_ros.eval.calibration import auroc, expected_calibration_error
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.bank import Bank
from pose_ros.objects.model import ObjectModel, onboard
from pose_ros.objects.score import CLEAR
from pose_ros.objects.search import Search, SearchConfig
from pose_ros.objects.segment import Segmenter
from pose_ros.objects.segments import segments_of
from pose_ros.objects.view import View
from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, SyntheticObjects
from pose_ros.types import Detections2D, RGBDFrame

RIGHT, WRONG = 0.1, 0.2  # MSSD in diameters
FRAMES = {"table": 8, "clutter": 5, "bin": 2}
FOREIGN = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[111, 112, 113, 114])
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    own, named, strangers = [], [], onboarded(SyntheticObjects(parse(ObjectSceneConfig(), ["seed=99"])))
    for seed in seeds:
        for scene, frames in FRAMES.items():
            settings = [f"seed={seed}", f"scene={scene}", f"frames={frames}"]
            source = SyntheticObjects(parse(ObjectSceneConfig(), settings))
            collect(source, strangers, np.random.default_rng(seed), own, named)
    rows, right = np.array([row for row, _ in own]), np.array([label for _, label in own])
    weights = logistic(rows[:, :-1], right)
    print(f"EVIDENCE_BIAS = {weights[-1]:.2f}\nEVIDENCE_WEIGHTS = {tuple(weights[:-1].round(2).tolist())}")
    for name, pairs in (("UNNAMED", own), ("NAMED", named)):
        rows, right = np.array([row for row, _ in pairs]), np.array([label for _, label in pairs])
        both = np.stack([rows[:, :-1] @ weights[:-1] + weights[-1], rows[:, -1].clip(-CLEAR, CLEAR)], 1)
        slope = logistic(both, right)
        chance = 1 / (1 + np.exp(-(both @ slope[:-1] + slope[-1])))
        quality = f"AUROC {auroc(chance, right):.3f}, ECE {expected_calibration_error(chance, right):.3f}"
        print(f"{name} = {tuple(slope.round(2).tolist())}  # of {len(right)}, {right.sum()} right: {quality}")


def onboarded(source: SyntheticObjects) -> dict[str, ObjectModel]:
    models = source.bop_models().items()
    return {
        f"obj_{n:06d}": onboard(f"obj_{n:06d}", m.mesh, m.symmetries) for n, m in tqdm(models, unit="model")
    }


def collect(source: SyntheticObjects, strangers, rng: np.random.Generator, own: list, named: list) -> None:
    models = onboarded(source)
    foreign = rng.choice(list(strangers), FOREIGN, replace=False)
    models |= {f"foreign_{label}": strangers[label] for label in foreign}
    search = Search(models, Bank.of(list(models.values()), torch.device("cpu")), SearchConfig(pairs=60))
    corners = {label: corner_points(model.mesh) for label, model in models.items()}
    for shot in tqdm(source.shots(), total=len(source), unit="frame"):
        frame = worse(shot.frame, rng) if rng.random() < 0.5 else shot.frame
        labels = tuple(truth.label for truth in shot.truth)
        # A name that is wrong for every name that is right.
        wrong = tuple(rng.choice([other for other in models if other != label]) for label in labels)
        given = Detections2D(np.concatenate([shot.mask] * 2), labels + wrong, np.ones(2 * len(labels)))
        for detections, rows in ((Segmenter()(frame), own), (given, named)):
            view = View.of(frame, torch.device("cpu"))
            contest, _ = search.contest(view, segments_of(frame, detections, view), list(models))
            for n in range(0 if contest is None else len(contest.score)):
                error = error_of(search, contest.hypotheses, n, shot.truth, corners)
                if not RIGHT <= error <= WRONG:
                    rows.append((contest.rows[n].numpy().astype(float), error < RIGHT))


def error_of(search: Search, hypotheses, n: int, truth, corners) -> float:
    """Least MSSD of a hypothesis in diameters; infinite where its model is absent."""
    one = hypotheses.select(torch.tensor([n]))
    label, model = search.labels[int(one.model)], search.models[int(one.model)]
    origin = search.bank.to_mesh(one.model, one.rotation, one.translation)
    pose = RigidTransform(one.rotation[0].double().numpy(), origin[0].double().numpy())
    errors = [
        mssd(pose, other.camera_from_object, corners[label], model.symmetries)
        for other in truth
        if other.label == label
    ]
    return min(errors, default=np.inf) / model.diameter


def worse(frame: RGBDFrame, rng: np.random.Generator) -> RGBDFrame:
    """The frame with bumps in its depth, and exposed and focused otherwise."""
    bumps = cv2.GaussianBlur(rng.standard_normal(frame.depth.shape).astype(np.float32), (0, 0), 7)
    depth = frame.depth + bumps / bumps.std() * rng.uniform(0, 0.0018) * (frame.depth / 0.6) ** 2
    light = (frame.rgb / 255.0 * rng.uniform(0.7, 1.8)).clip(0, 1) ** rng.uniform(0.7, 1.4)
    rgb = cv2.GaussianBlur((255 * light).astype(np.uint8), (0, 0), rng.uniform(0.3, 1.5))
    return RGBDFrame(rgb, depth.astype(np.float32), frame.camera, frame.stamp_ns, frame.frame_id)


def logistic(rows: np.ndarray, right: np.ndarray, ridge: float = 1e-3) -> np.ndarray:
    """Weights, the bias last."""

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds = rows @ weights[:-1] + weights[-1]
        wrong = 1 / (1 + np.exp(-odds)) - right
        value = np.mean(np.logaddexp(0, odds) - right * odds) + ridge * np.mean(weights[:-1] ** 2)
        slope = rows.T @ wrong / len(right) + 2 * ridge * weights[:-1] / len(weights[:-1])
        return value, np.append(slope, wrong.mean())

    return minimize(loss, np.zeros(rows.shape[1] + 1), jac=True).x


if __name__ == "__main__":
    main()
