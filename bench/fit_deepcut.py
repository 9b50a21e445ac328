"""Fits DeepCut's models on rendered people, who pass before each other: writes deepcut_learnt.py.

python bench/fit_deepcut.py [FOLDER]: 70 scenes, and 240 pictures of FOLDER where it is given (shards as
`pose_ros train` makes them), through OpenPose's network. Some minutes of one core.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from tqdm import tqdm

from pose_ros.human.estimators.deepcut import DeepCutConfig
from pose_ros.human.estimators.deepcut_costs import Model, heat_features
from pose_ros.human.estimators.deepcut_options import (
    Options,
    find_options,
    kind_of,
    limb_features,
    offset_features,
    offset_pairs,
    scales,
)
from pose_ros.human.estimators.openpose import STRIDE, OpenPose, OpenPoseConfig
from pose_ros.human.estimators.openpose_layouts import Layout
from pose_ros.human.training.pictures import read_shards
from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.render import develop
from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource

OUT = Path(__file__).parents[1] / "pose_ros/human/estimators/deepcut_learnt.py"
SCENES, PEOPLE, MOTIONS = range(30_000_000, 30_000_070), 3, ("cross", "mixed", "walk")
FRAMES, APART = 3, 1.3  # of a scene, s
PICTURES = 240  # of a folder, with at least two people
NEAR, FAR = 0.2, 0.4  # trunks from the nearest joint of its kind: true up to here, none from there on
RIDGE = 1e-3
NOBODY, UNSURE = -1, -2

Picture = tuple[np.ndarray, np.ndarray]  # rgb, key points (N,17,2) px


@dataclass(frozen=True)
class Labelled:
    """The options of a picture, and whose joint each truly is: (O,), or NOBODY, or UNSURE."""

    options: Options
    owner: np.ndarray


def scenes(seeds: Iterable[int], people: int) -> Iterator[Picture]:
    for seed in seeds:
        motion = MOTIONS[seed % len(MOTIONS)]
        scene = SyntheticSource(SyntheticConfig(seed=seed, frames=FRAMES, people=people, motion=motion))
        scene.times = np.arange(FRAMES) * APART
        for n, picture in scene.pictures():
            rgb = develop(picture, np.random.default_rng([seed, n]), scene._exposure, scene._grain)
            truth = scene._truth[f"{n:05d}"]
            xy = [[scene.camera.project(one.joints[joint]) for joint in COCO_17.joints] for one in truth]
            yield rgb, np.array(xy)


def of_folder(folder: str, seed: int = 0) -> Iterator[Picture]:
    shards, found = read_shards(folder), 0
    for n in np.random.default_rng(seed).permutation(len(shards)):
        picture = shards[int(n)]
        if len(picture) > 1:
            yield picture.rgb, picture.xy.astype(float)
            found += 1
        if found == PICTURES:
            return


def label(options: Options, xy: np.ndarray, joints: tuple[str, ...], cell: float) -> Labelled:
    """xy (N,17,2) px of the people's joints. cell: px."""
    neck, hips = (
        xy[:, COCO_17.indices(f"left_{part}", f"right_{part}")].mean(axis=1) for part in ("shoulder", "hip")
    )
    trunk = np.linalg.norm(neck - hips, axis=1).clip(min=1.0)
    true = np.stack([neck if j == "neck" else xy[:, COCO_17.index(j)] for j in joints], axis=1)
    places = (options.xy + 0.5) * cell - 0.5
    far = np.linalg.norm(places[:, None] - true[:, options.joint].transpose(1, 0, 2), axis=-1) / trunk
    least = far.min(axis=1)
    owner = np.where(least < NEAR, far.argmin(axis=1), np.where(least > FAR, NOBODY, UNSURE))
    return Labelled(options, owner)


def usual_lengths(pictures: list[Labelled], layout: Layout) -> dict[str, float]:
    """Of each kind of limb, the median in trunks: the mean length from neck to hips."""
    found: dict[str, list[float]] = {}
    neck, *hips = layout.skeleton.indices("neck", "left_hip", "right_hip")
    for one in pictures:
        for person in range(one.owner.max(initial=-1) + 1):
            mine = np.flatnonzero(one.owner == person)
            at = dict(zip(one.options.joint[mine].tolist(), one.options.xy[mine], strict=True))
            trunk = [np.linalg.norm(at[neck] - at[hip]) for hip in hips if neck in at and hip in at]
            for a, b in layout.limbs:
                if trunk and a in at and b in at:
                    kind = kind_of(layout.skeleton, (a, b))
                    found.setdefault(kind, []).append(np.linalg.norm(at[a] - at[b]) / np.mean(trunk))
    return {kind: round(float(np.median(every)), 3) for kind, every in found.items()}


def fit(x: np.ndarray, true: np.ndarray, even: bool) -> tuple[float, ...]:
    """Weights (F,) of the log-odds that what has features (N,F) is true; even: were half of it true."""
    sign = np.where(true, 1.0, -1.0)
    share = np.where(true, true.mean(), 1 - true.mean()) if even else 0.5
    weight = 0.5 / share / len(x)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = sign * (x @ w)
        slope = -sign * weight / (1 + np.exp(np.clip(z, -50, 50)))
        return float((weight * np.logaddexp(0, -z)).sum() + RIDGE * w @ w), x.T @ slope + 2 * RIDGE * w

    weights = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x
    return tuple(round(float(w), 3) for w in weights)


def fit_model(pictures: list[Labelled], layout: Layout) -> Model:
    """Pairs not of one person are of two, or one of the two is no joint: else a false peak near by would look
    better than the true one. How many there are depends on the pictures, so both kinds weigh the same."""
    usual = usual_lengths(pictures, layout)
    samples: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}

    def collect(what: str, kind: str, x: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
        sure = (first != UNSURE) & (second != UNSURE)
        samples.setdefault((what, kind), []).append((x[sure], ((first == second) & (first >= 0))[sure]))

    for one in pictures:
        options, owner = one.options, one.owner
        sure = owner != UNSURE
        samples.setdefault(("heat", ""), []).append((heat_features(options.heat)[sure], owner[sure] >= 0))
        scale = scales(options, layout, usual)
        limbs, offsets = enumerate(layout.limbs), offset_pairs(layout.skeleton)
        for n, ends in [*limbs, *((None, ends) for ends in offsets)]:
            kind = kind_of(layout.skeleton, ends)
            owners = owner[options.of(ends[0])][:, None], owner[options.of(ends[1])][None]
            if n is None:
                collect("offset", kind, offset_features(options, scale, ends), *owners)
            else:
                collect("limb", kind, limb_features(options, scale, n, ends), *owners)
    weights = {}
    for at, parts in samples.items():
        x, true = (np.concatenate(v) for v in zip(*parts, strict=True))
        weights[at] = fit(x, true, even=at[0] != "heat")
        right = ((x @ np.array(weights[at]) > 0) == true).mean()
        print(f"{' '.join(at):24s} {len(true):6d}, {true.mean():.2f} of them true, {right:.3f} told")
    limb, offset = ({k: w for (what, k), w in weights.items() if what == w2} for w2 in ("limb", "offset"))
    return Model(weights["heat", ""], limb, offset, usual)


def write(model: Model) -> None:
    lines = [
        '"""DeepCut\'s models, fitted by bench/fit_deepcut.py; their features are in deepcut_options."""'
    ]
    lines += ["", "from pose_ros.human.estimators.deepcut_costs import Model", "", "# fmt: off"]
    lines += ["LEARNT = Model("]
    for name in ("heat", "limb", "offset", "usual"):
        value = getattr(model, name)
        if isinstance(value, dict):
            lines += [f"    {name}={{", *(f'        "{k}": {v},' for k, v in value.items()), "    },"]
        else:
            lines.append(f"    {name}={value},")
    OUT.write_text("\n".join([*lines, ")", ""]))


def main() -> None:
    torch.set_num_threads(1)
    openpose = OpenPose(OpenPoseConfig(), torch.device("cpu"))
    layout, config = openpose.layout, DeepCutConfig()
    sources = [scenes(SCENES, PEOPLE), *(of_folder(folder) for folder in sys.argv[1:])]
    pictures = []
    for rgb, xy in tqdm((one for source in sources for one in source), unit="picture"):
        heat, fields, scale = openpose.maps(rgb)
        _, options = find_options(heat, fields, layout, config.min_heat, config.most, config.spot)
        pictures.append(label(options, xy, layout.skeleton.joints, STRIDE / scale))
    write(fit_model(pictures, layout))


if __name__ == "__main__":
    main()
