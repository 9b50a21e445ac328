"""People of sticks who do the same motions as the rendered ones: much data in little time, no mesh, no torch.

Axes are REP-103's, z up, the floor at z = 0. A stick's end rests on the floor as deep as flesh would have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.sources.synthetic.motion import Pose

SIDES = {"left": 1.0, "right": -1.0}
# Segment -> points it carries, m in its own frame, of somebody 1.70 m tall. Left ones are mirrored.
_HEAD = {"nose": (0.1, 0, 0.09), "left_eye": (0.08, 0.03, 0.12), "left_ear": (0, 0.075, 0.1),
         "left_eye_inner": (0.085, 0.02, 0.12), "left_eye_outer": (0.07, 0.045, 0.12),
         "mouth_left": (0.085, 0.025, 0.03)}  # fmt: skip
_HAND = {"left_index": (0.03, 0, -0.09), "left_pinky": (-0.035, 0, -0.09), "left_thumb": (0.055, 0, -0.05)}
_FOOT = {"left_heel": (-0.05, 0, -0.05), "left_foot_index": (0.16, 0, -0.06)}
# How far skin lies outside of joints, m: what a body lies, kneels and stands on.
FLESH = {"hip": 0.1, "shoulder": 0.09, "knee": 0.05, "ankle": 0.05, "elbow": 0.04, "wrist": 0.03, "ear": 0.05}


@dataclass(frozen=True)
class Sticks:
    """Lengths in m, each of a whole limb or width."""

    trunk: float = 0.48
    shoulders: float = 0.36
    hips: float = 0.2
    upper_arm: float = 0.29
    forearm: float = 0.25
    thigh: float = 0.41
    shank: float = 0.41
    scale: float = 1.0

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Sticks:
        """Somebody: proportions vary by 8 %, size from a child's to a tall adult's."""
        usual = cls()
        lengths = [value * rng.normal(1, 0.08) for name, value in vars(usual).items() if name != "scale"]
        return cls(*lengths, scale=float(np.clip(rng.normal(1.0, 0.09), 0.72, 1.2)))

    def act(self, pose: Pose) -> dict[str, np.ndarray]:
        """Joints of BlazePose (T,3) m in the world, the lowest of them resting on the floor."""
        turned = pose.segments()
        frames = len(pose.heading)
        points: dict[str, np.ndarray] = {}

        def put(name: str, origin: np.ndarray, segment: str, way: tuple[float, float, float]) -> np.ndarray:
            points[name] = origin + turned[segment] @ (np.array(way) * self.scale)
            return points[name]

        pelvis = np.zeros((frames, 3))
        middle = pelvis + turned["pelvis"] @ [0, 0, 0.45 * self.trunk * self.scale]
        neck = middle + turned["chest"] @ [0, 0, 0.55 * self.trunk * self.scale]
        base = neck + turned["chest"] @ [0.0, 0, 0.08 * self.scale]
        for name, way in _HEAD.items():
            put(name, base, "head", way)
        for side, sign in SIDES.items():
            for table, segment, start in ((_HEAD, "head", base),):
                for name, (x, y, z) in table.items():
                    if "left" in name:
                        put(name.replace("left", side), start, segment, (x, sign * y, z))
            shoulder = put(f"{side}_shoulder", neck, "chest", (0, sign * self.shoulders / 2, 0))
            elbow = put(f"{side}_elbow", shoulder, f"{side}_shoulder", (0, 0, -self.upper_arm))
            wrist = put(f"{side}_wrist", elbow, f"{side}_elbow", (0, 0, -self.forearm))
            hip = put(f"{side}_hip", pelvis, "pelvis", (0, sign * self.hips / 2, 0))
            knee = put(f"{side}_knee", hip, f"{side}_hip", (0, 0, -self.thigh))
            ankle = put(f"{side}_ankle", knee, f"{side}_knee", (0, 0, -self.shank))
            for table, segment, start in ((_HAND, f"{side}_hand", wrist), (_FOOT, f"{side}_foot", ankle)):
                for name, (x, y, z) in table.items():
                    put(name.replace("left", side), start, segment, (x, sign * y, z))
        floor = np.min(
            [xyz[:, 2] - FLESH.get(name.split("_")[-1], 0.0) * self.scale for name, xyz in points.items()],
            axis=0,
        )
        held = (points["left_ankle"] + points["right_ankle"]) / 2 if pose.on_feet else pelvis
        shift = np.concatenate([pose.position - held[:, :2], -floor[:, None]], axis=1)
        return {name: xyz + shift for name, xyz in points.items()}
