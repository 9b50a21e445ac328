"""A first pose for the body fit, from joints that are roughly known."""

from __future__ import annotations

import numpy as np

from pose_ros.body.rig import PARENTS, SEGMENTS, SIDES, frame_along, unit
from pose_ros.types import Keypoints3D

STRAIGHT = np.sin(np.radians(15))  # below this bend the hinge of a limb cannot be seen


def segment_frames(rough: Keypoints3D) -> np.ndarray:
    """camera_from_segment rotations (N,15,3,3) that agree with the directions between the joints.

    What is unknown turns with the segment that carries it; a person without a torso gets NaN throughout.
    """
    joints = {name: rough.xyz[:, k] for k, name in enumerate(rough.skeleton.joints)}

    def middle(part: str) -> np.ndarray:
        return (joints[f"left_{part}"] + joints[f"right_{part}"]) / 2

    def leftward(part: str) -> np.ndarray:
        return joints[f"left_{part}"] - joints[f"right_{part}"]

    spine = middle("shoulder") - middle("hip")
    frames = {
        "pelvis": frame_along(spine, leftward("hip")),
        "chest": frame_along(spine, leftward("shoulder")),
    }
    # Between the ears, looking to the eyes: the neck tells up.
    gaze, ears = middle("eye") - middle("ear"), leftward("ear")
    frames["head"] = _or_carried(frame_along(np.cross(gaze, ears), ears), frames["chest"])
    for side in SIDES:
        for upper, lower, end, sign in (("shoulder", "elbow", "wrist", -1), ("hip", "knee", "ankle", 1)):
            carrier = frames[PARENTS[f"{side}_{upper}"]]
            ways = [joints[f"{side}_{b}"] - joints[f"{side}_{a}"] for a, b in ((upper, lower), (lower, end))]
            with np.errstate(invalid="ignore", divide="ignore"):
                hinge = sign * np.cross(unit(ways[0]), unit(ways[1]))
            bent = np.linalg.norm(hinge, axis=-1) > STRAIGHT
            # Bones bend one way only: a hinge that says otherwise is a straight limb's noise.
            hinge = np.where(bent[:, None], hinge, carrier[..., 1])
            for name, way, above in ((upper, ways[0], carrier), (lower, ways[1], None)):
                above = frames[f"{side}_{upper}"] if above is None else above
                frames[f"{side}_{name}"] = _or_carried(frame_along(-way, hinge), above)
        frames[f"{side}_hand"] = frames[f"{side}_elbow"]
        frames[f"{side}_foot"] = frames[f"{side}_knee"]
    return np.stack([frames[name] for name in SEGMENTS], axis=1)


def _or_carried(frame: np.ndarray, carrier: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(frame).all((-1, -2), keepdims=True), frame, carrier)
