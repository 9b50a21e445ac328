"""All models against all segments: who is where, no pixel belonging to two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.appearance import mismatch
from pose_ros.objects.bank import Bank
from pose_ros.objects.model import ObjectModel
from pose_ros.objects.region import claimed
from pose_ros.objects.register import NARROW_SAMPLES, Hypotheses, Register, RegisterConfig
from pose_ros.objects.score import CLEAR, features, log_odds, probability
from pose_ros.objects.segments import Segments, segments_of
from pose_ros.objects.so3 import orthogonal
from pose_ros.objects.uncertainty import covariance_of
from pose_ros.objects.verify import SIGMAS, look
from pose_ros.objects.view import View, depth_sigma
from pose_ros.types import Detections2D, ObjectPoses, RGBDFrame, Symmetries

TURNED = 4  # hypotheses of a pair whose colours are compared
AXIS_STEPS = 36  # turns about a continuous axis of the shape that its colours may tell apart
OUTERMOST = 24  # samples of a surface that tell whether two poses are the same
DIFFERENT = 0.1  # diameters: poses of which a point differs by more are two
KEPT = 2  # hypotheses of a pair that take part in the contest
TOO_LARGE, TOO_SMALL = 1.15, 0.18  # a segment's length over the model's diameter
LEAST_PAIRS = 3  # for each model, however many there are
LEAST_PROMISE = 0.25  # of a model's best segment at first glance
SHARED = 0.35  # of what supports a pose may belong to a better one


@dataclass(frozen=True)
class SearchConfig:
    least_score: float = option(0.35, "poses less probable are not reported", range=(0.0, 1.0))
    pairs: int = option(
        30,
        "pairs of model and segment that are searched thoroughly, the most promising",
        range=(1, 1000),
    )
    register: RegisterConfig = field(default_factory=RegisterConfig)


@dataclass(frozen=True)
class Contest:
    """Hypotheses of all pairs with their scores (B,) and features (B,F), the most probable first."""

    hypotheses: Hypotheses
    score: torch.Tensor
    rows: torch.Tensor


class Search:
    """Finds every instance of every model in one view."""

    def __init__(
        self, models: dict[str, ObjectModel], bank: Bank, config: SearchConfig | None = None
    ) -> None:
        self.config = config or SearchConfig()
        self.labels, self.models, self.bank = list(models), list(models.values()), bank
        self.register = Register(self.models, bank, self.config.register)
        device = bank.device
        centers = list(bank.center.cpu().double().numpy())
        of_shape = [model.shape_symmetries for model in self.models]
        of_both = [model.symmetries for model in self.models]
        self._turns = [_motions(s.shifted(-c), device) for s, c in zip(of_shape, centers, strict=True)]
        self._symmetries = [_motions(s.shifted(-c), device) for s, c in zip(of_both, centers, strict=True)]

    def __call__(
        self, frame: RGBDFrame, view: View, detections: Detections2D, labels: Iterable[str] | None = None
    ) -> tuple[ObjectPoses, dict[str, str]]:
        """Poses in a frame without lens distortion, and why labels (all, or those given) were not found."""
        segments = segments_of(frame, detections, view)
        wanted = self.labels if labels is None else [label for label in self.labels if label in set(labels)]
        contest, reasons = self.contest(view, segments, wanted)
        if contest is None:
            return ObjectPoses.empty(*frame.depth.shape), reasons
        return self._decided(frame, view, contest, wanted, reasons)

    def contest(
        self, view: View, segments: Segments, wanted: list[str]
    ) -> tuple[Contest | None, dict[str, str]]:
        """The best hypotheses of all pairs that may fit, and why labels have none."""
        reasons: dict[str, str] = {}
        pairs: list[tuple[int, int]] = []
        for label in wanted:
            model = self.labels.index(label)
            fitting = [(model, n) for n in range(len(segments)) if self._may_fit(segments, model, n)]
            if not fitting:
                reasons[label] = self._why_no_pair(segments, model)
            pairs += fitting
        entries = [self._entry(view, segments, *pair) for pair in self._promising(view, segments, pairs)]
        if not entries:
            return None, reasons
        hypotheses = Hypotheses.joined([entry.hypotheses for entry in entries])
        score, rows = torch.cat([e.score for e in entries]), torch.cat([e.rows for e in entries])
        order = score.argsort(descending=True)
        return Contest(hypotheses.select(order), score[order], rows[order]), reasons

    def _promising(
        self, view: View, segments: Segments, pairs: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """The pairs worth a thorough search: for each model its best few, then the best of all."""
        if len(pairs) <= 1:
            return pairs
        promise = self.register.promises(view, segments, pairs).cpu().numpy()
        order = np.argsort(-promise, kind="stable")
        rank: dict[int, int] = {}  # pairs so far of each model
        best: dict[int, float] = {}
        first, rest = [], []
        for place in order:
            model = pairs[place][0]
            rank[model] = rank.get(model, 0) + 1
            if promise[place] >= LEAST_PROMISE * best.setdefault(model, promise[place]):
                (first if rank[model] <= LEAST_PAIRS else rest).append(pairs[place])
        return first + rest[: max(self.config.pairs - len(first), 0)]

    def _may_fit(self, segments: Segments, model: int, segment: int) -> bool:
        if segments.label[segment]:
            return segments.label[segment] == self.labels[model]
        share = segments.extent[segment] / self.models[model].diameter
        return TOO_SMALL <= share <= TOO_LARGE

    def _why_no_pair(self, segments: Segments, model: int) -> str:
        if not len(segments):
            return "no segment has enough depth"
        if any(segments.label):
            return "no segment has its label"
        sizes = ", ".join(f"{100 * extent:.0f}" for extent in sorted(segments.extent, reverse=True)[:5])
        return (
            f"no segment of its size: it is {100 * self.models[model].diameter:.0f} cm, they are {sizes} cm"
        )

    def _entry(self, view: View, segments: Segments, model: int, segment: int) -> Contest:
        found = self.register(view, segments, model, segment)
        wrong = torch.zeros(len(found), device=self.bank.device)
        textured = self.models[model].is_textured
        if textured:
            found, wrong = self._by_colors(view, segments, found, model)
        diameter = self.models[model].diameter
        size = torch.full_like(wrong, float(segments.extent[segment] / diameter))
        quality = torch.full_like(wrong, float(segments.score[segment]))
        coarseness = SIGMAS * depth_sigma(found.translation[:, 2]) / diameter
        rows = features(found.evidence, wrong, textured, size, quality, coarseness)
        odds, best = log_odds(rows).sort(descending=True)
        found, rows = found.select(best), rows[best]
        kept = self._different(found, model)[:KEPT]
        odds, rows, found = odds[kept], rows[kept], found.select(kept)
        rival = odds.flip(0) if len(kept) > 1 else odds - CLEAR
        margin = odds - rival
        score = probability(odds, margin, is_named=bool(segments.label[segment]))
        return Contest(found, score, torch.cat([rows, margin[:, None]], 1))

    def _different(self, ranked: Hypotheses, model: int) -> torch.Tensor:
        """Places of those that differ from every better one by more than a symmetry."""
        turns, moves = self._symmetries[model]
        points = self.bank.points[model, :OUTERMOST]
        same_points = points @ turns.transpose(1, 2) + moves[:, None]
        if self.models[model].symmetries.is_sphere:  # its turns are too many to be tried
            points, same_points = torch.zeros_like(points), torch.zeros_like(same_points)
        placed = points @ ranked.rotation.transpose(1, 2) + ranked.translation[:, None]
        kept: list[int] = []
        for number in range(len(ranked)):
            turned = same_points @ ranked.rotation[number].T + ranked.translation[number]
            apart = (turned[None] - placed[kept][:, None]).norm(dim=-1).amax(-1)
            if not kept or apart.amin() > DIFFERENT * self.bank.diameter[model]:
                kept.append(number)
            if len(kept) == KEPT:
                break
        return torch.tensor(kept, device=ranked.model.device)

    def _by_colors(
        self, view: View, segments: Segments, found: Hypotheses, model: int
    ) -> tuple[Hypotheses, torch.Tensor]:
        """The best hypotheses, each turned into that of its lookalikes whose colours fit best."""
        turns, moves = self._turns[model]
        found = found.select(torch.arange(min(TURNED, len(found)), device=turns.device))
        rotation = (found.rotation[:, None] @ turns).reshape(-1, 3, 3)
        moved = (found.rotation[:, None] @ moves[None, :, :, None])[..., 0] + found.translation[:, None]
        which = torch.full((len(rotation),), model, device=turns.device)
        sight = look(self.bank, which, rotation, moved.reshape(-1, 3), view, NARROW_SAMPLES)
        wrong, _ = mismatch(self.bank, which, rotation, sight, view)
        wrong = wrong.reshape(len(found), len(turns))
        chosen = wrong.argmin(1)
        row = torch.arange(len(found), device=turns.device)
        picked = Hypotheses(
            found.model,
            found.segment,
            rotation.reshape(len(found), len(turns), 3, 3)[row, chosen],
            moved[row, chosen],
        )
        colored = torch.ones(len(picked), dtype=torch.bool, device=turns.device)
        polished = self.register.polished(view, segments, picked, iterations=4, textured=colored)
        sight = look(self.bank, polished.model, polished.rotation, polished.translation, view, NARROW_SAMPLES)
        return polished, mismatch(self.bank, polished.model, polished.rotation, sight, view)[1]

    def _decided(
        self, frame: RGBDFrame, view: View, contest: Contest, wanted: list[str], reasons: dict[str, str]
    ) -> tuple[ObjectPoses, dict[str, str]]:
        """The most probable first takes its pixels; who needs the same ones after that loses."""
        h = contest.hypotheses
        sight = look(self.bank, h.model, h.rotation, h.translation, view, NARROW_SAMPLES)
        support = sight.facing * sight.match
        free = torch.ones(view.depth.numel(), device=self.bank.device)
        kept: list[int] = []
        masks = []
        for number in range(len(h)):
            label = self.labels[int(h.model[number])]
            score = float(contest.score[number])
            if score < self.config.least_score:
                reasons.setdefault(label, self._why_rejected(contest, number))
                continue
            mine = support[number]
            taken = float((mine * (1 - free[sight.place[number]])).sum() / mine.sum().clamp_min(1e-6))
            if taken > SHARED:
                reasons.setdefault(label, f"best {score:.2f}, but its pixels are another object's")
                continue
            mask = claimed(self.bank, int(h.model[number]), h.rotation[number], h.translation[number], view)
            mask &= free.reshape(mask.shape) > 0
            free = free * ~mask.reshape(-1)
            kept.append(number)
            masks.append(mask.cpu().numpy())
        found = {self.labels[int(h.model[number])] for number in kept}
        reasons = {label: reason for label, reason in reasons.items() if label not in found}
        if not kept:
            return ObjectPoses.empty(*frame.depth.shape), reasons
        best = h.select(torch.tensor(kept, device=self.bank.device))
        origin = self.bank.to_mesh(best.model, best.rotation, best.translation)
        poses = ObjectPoses(
            RigidTransform(orthogonal(best.rotation.cpu().double().numpy()), origin.cpu().double().numpy()),
            tuple(self.labels[int(model)] for model in best.model),
            contest.score[kept].cpu().double().numpy(),
            covariance_of(best.information, best.rotation, best.model, self.models),
            best.evidence.visible.cpu().double().numpy(),
            np.stack(masks),
        )
        return poses, reasons

    def _why_rejected(self, contest: Contest, number: int) -> str:
        e = contest.hypotheses.evidence.select(torch.tensor([number]))
        text = f"best {float(contest.score[number]):.2f}"
        worst = {
            f"sees through {100 * float(e.seen_through):.0f} % of it": float(e.seen_through),
            f"only {100 * float(e.match):.0f} % of its surface was measured where expected": 1
            - float(e.match),
            f"{100 * (1 - float(e.explained)):.0f} % of the segment is not explained": 1 - float(e.explained),
        }
        return f"{text}: {max(worst, key=worst.get)}"


def _motions(symmetries: Symmetries, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotations (G,3,3) and translations (G,3)."""
    motions = symmetries.sampled(AXIS_STEPS)
    turns = torch.as_tensor(motions.rotation, dtype=torch.float32, device=device)
    return turns, torch.as_tensor(motions.translation, dtype=torch.float32, device=device)
