"""Joint centres from RGB-D: capsules of flesh on a skeleton are fitted to the depth a person shows.

Depth sees the skin, a robot needs the joint. So every point of the person's surface pulls the capsule it
lies on until the capsule's front touches it; key points pull sideways, bone lengths that are learned as the
person moves hold the joints together, and the network's shape and the frames before speak for what nothing
else tells. All of it is one robust Gauss-Newton problem in the joints' positions, for all people in one
batch, and its curvature is the joints' covariance.
"""

from __future__ import annotations

import numpy as np

from pose_ros.human.fit_problem import BONES, Problem, Told
from pose_ros.human.fit_state import BodyState, FitConfig, K
from pose_ros.human.flesh import FITTED
from pose_ros.human.keypoint_bias import bias_of
from pose_ros.skeleton import COCO_17, Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame


class KinematicFit:
    """Fits people of one estimator's skeleton; what is remembered of them is the caller's."""

    def __init__(self, config: FitConfig, skeleton: Skeleton) -> None:
        self.config, self.skeleton = config, skeleton
        self._from_estimator, self._bias = _from_estimator(skeleton), bias_of(skeleton)

    def __call__(
        self, frame: RGBDFrame, keypoints: Keypoints2D, rough: Keypoints3D, states: list[BodyState]
    ) -> Keypoints3D:
        """Joint centres of the people of a frame, in the estimator's skeleton; `states` are brought to it.

        rough: the lifted key points. A person whose lift is unknown stays unknown, and as remembered.
        """
        told = self._told(keypoints, rough)
        seen = np.flatnonzero(np.isfinite(told.rough[:, : len(COCO_17)]).all((1, 2)))
        if not len(seen):
            return rough
        problem = Problem(self.config, self._bias, frame, told.select(seen), [states[n] for n in seen])
        problem.solve()
        fitted, covariance, measured = problem.joints()
        return self._keypoints3d(keypoints, rough, seen, fitted, covariance, measured)

    def _told(self, keypoints: Keypoints2D, rough: Keypoints3D) -> Told:
        mix = self._from_estimator
        known = mix.any(1)
        score = np.einsum("kj,nj->nk", mix, keypoints.score)
        root = None if keypoints.xyz_root is None else np.einsum("kj,njx->nkx", mix, keypoints.xyz_root)
        lifted = np.einsum("kj,njx->nkx", mix, rough.xyz)
        lifted[:, ~known] = np.nan
        bones = np.array([known[FITTED.indices(*bone)].all() for bone in BONES])
        return Told(np.einsum("kj,njx->nkx", mix, keypoints.xy), score, root, lifted, bones)

    def _keypoints3d(self, keypoints, rough, seen, fitted, covariance, measured) -> Keypoints3D:
        xyz, cov, origin = rough.xyz.copy(), rough.covariance.copy(), rough.origin.copy()
        for k, name in enumerate(self.skeleton.joints):
            if name in FITTED.joints:
                n = FITTED.index(name)
                xyz[seen, k], cov[seen, k] = fitted[:, n], covariance[:, n]
                origin[seen, k] = np.where(measured[:, n], Origin.MEASURED, Origin.INFERRED)
        for name, led in _leads(self.skeleton).items():
            k = self.skeleton.index(name)
            shift = xyz[seen, k] - rough.xyz[seen, k]
            for other in self.skeleton.indices(*led):
                xyz[seen, other] = rough.xyz[seen, other] + shift
                cov[seen, other] = cov[seen, k] + 0.02**2 * np.eye(3)
                origin[seen, other] = origin[seen, k]
        score = rough.score
        return Keypoints3D(xyz, score, cov, origin, self.skeleton)


def _from_estimator(skeleton: Skeleton) -> np.ndarray:
    """Weights (21,K) that make FITTED's joints of an estimator's; a row of zeros where it has none."""
    mix = np.zeros((K, len(skeleton)))
    for k, name in enumerate(FITTED.joints):
        side = name.split("_")[0]
        parts = {"hand": (f"{side}_index", f"{side}_pinky"), "toe": (f"{side}_foot_index",)}
        sources = parts.get(name.removeprefix(f"{side}_"), (name,))
        if all(source in skeleton.joints for source in sources):
            mix[k, skeleton.indices(*sources)] = 1 / len(sources)
    return mix


def _leads(skeleton: Skeleton) -> dict[str, tuple[str, ...]]:
    """Joints that are not fitted, by the fitted one they go with."""
    leads = {"nose": ("mouth_left", "mouth_right")}
    for side in ("left", "right"):
        leads[f"{side}_eye"] = (f"{side}_eye_inner", f"{side}_eye_outer")
        leads[f"{side}_wrist"] = tuple(f"{side}_{p}" for p in ("pinky", "index", "thumb"))
        leads[f"{side}_ankle"] = (f"{side}_heel", f"{side}_foot_index")
    return {lead: tuple(joint for joint in led if joint in skeleton.joints) for lead, led in leads.items()}
