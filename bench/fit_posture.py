"""Fits the regression of pose_ros/apps/posture/postures.py on people of sticks who act: writes its weights.

    python bench/fit_posture.py

Seeds 10 000 upward; those below are for evaluation. Errors of joints are drawn anew for every sequence.
"""

from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from pose_ros.apps.posture.features import JOINTS, features
from pose_ros.eval.acted import Errors, act
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS

OUT = Path(__file__).parents[1] / "pose_ros/apps/posture/posture_weights.py"
SEQUENCES, FIRST = 60, 10_000  # of each motion, of several seconds
RIDGE = 3e-4
SETTLED = 0.45  # frames nearer than 0.5 - this to half way into a posture are nobody's


def drawn(motion: str, seed: int) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    errors = Errors(0.01, rng.choice([0.015, 0.03, 0.045]), correlation=0.5)
    acted = act(motion, seed, 8.0, 4.0, errors, speed=rng.uniform(0.8, 1.4))
    joints = np.stack([
        p.keypoints3d.xyz[0, p.keypoints3d.skeleton.indices(*JOINTS)] for p in acted.persons
    ])  # fmt: skip
    up = acted.up + rng.normal(size=3) * 0.03  # gravity is known to a degree or two
    return joints, acted.postures, acted.into, up / np.linalg.norm(up)


def main() -> None:
    names = ("standing", "sitting", "squatting", "kneeling", "lying", "bending", "plank")
    rows, labels = [], []
    for motion in ALL_MOTIONS:
        for seed in range(FIRST, FIRST + SEQUENCES):
            joints, postures, into, up = drawn(motion, seed)
            keep = np.abs(into - 0.5) > 0.5 - SETTLED if "lying" not in postures else into > 0
            rows.append(features(joints, up)[keep])
            labels += [names.index(name) for name, kept in zip(postures, keep, strict=True) if kept]
    x, y = np.concatenate(rows), np.array(labels)
    centre, scale = x.mean(0), x.std(0)
    standard = np.clip((x - centre) / scale, -4, 4)
    x = np.concatenate([standard, standard**2, np.ones((len(x), 1))], axis=1)
    weight = 1 / np.bincount(y, minlength=len(names))[y]
    weight /= weight.sum()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(x.shape[1], len(names))
        z = x @ w
        z -= z.max(1, keepdims=True)
        p = np.exp(z)
        p /= p.sum(1, keepdims=True)
        value = -np.sum(weight * np.log(np.maximum(p[np.arange(len(y)), y], 1e-12)))
        p[np.arange(len(y)), y] -= 1
        gradient = x.T @ (weight[:, None] * p) + 2 * RIDGE * w
        return value + RIDGE * np.sum(w**2), gradient.ravel()

    found = minimize(loss, np.zeros(x.shape[1] * len(names)), jac=True, method="L-BFGS-B",
                     options={"maxiter": 500})  # fmt: skip
    w = found.x.reshape(x.shape[1], len(names))
    right = (x @ w).argmax(1) == y
    print(f"{len(y)} frames, {right.mean():.4f} right; by posture:",
          {n: round(float(right[y == k].mean()), 4) for k, n in enumerate(names)})  # fmt: skip

    def table(name: str, values: np.ndarray) -> str:
        return f"{name} = np.array({np.round(values, 3).tolist()})\n"

    OUT.write_text(
        '"""What postures look like: written by bench/fit_posture.py."""\n\n'
        "import numpy as np\n\n"
        + table("CENTRE", centre) + table("SCALE", scale)
        + "# (2F+1, P): features, their squares, 1 -> POSTURES.\n" + table("WEIGHTS", w)
    )  # fmt: skip


if __name__ == "__main__":
    main()
