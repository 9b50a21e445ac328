"""First poses: hypotheses from everywhere, fitted and weighed in batches, a funnel from many to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pose_ros.config import option
from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import fit_to_field, to_object
from pose_ros.objects.model import ObjectModel
from pose_ros.objects.refine import refine
from pose_ros.objects.segments import Segments
from pose_ros.objects.so3 import angle_between, even_rotations
from pose_ros.objects.verify import Evidence, look, weigh
from pose_ros.objects.view import View

# The funnel, from wide to narrow: points of the segment, samples of the surface (share of starts kept).
FIRST_POINTS, FIRST_SHARE = 24, 0.2
WIDE_POINTS, WIDE_SAMPLES = 48, 64
MIDDLE_POINTS, MIDDLE_SAMPLES = 128, 160
NARROW_POINTS, NARROW_SAMPLES = 320, 512
GLANCES, GLANCES_KEPT = 64, 4  # starts that tell whether a model may fit a segment at all
# Starts beside the segment's centroid: what is partly hidden has its centre elsewhere.
ASIDE = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
SAME_TURN, SAME_PLACE = 0.2, 0.05  # rad, diameters: hypotheses nearer than this are one


Scales = Sequence[float | torch.Tensor]


@dataclass(frozen=True)
class RegisterConfig:
    rotations: int = option(600, "rotations tried for an object without symmetry", range=(50, 20000))
    lateral: float = option(
        0.25, "how far aside starts lie, for objects partly hidden", unit="diameters", range=(0.0, 1.0)
    )
    middle: int = option(64, "hypotheses that reach the second stage", range=(4, 4096))
    narrow: int = option(10, "hypotheses that reach the last stage", range=(1, 256))


@dataclass(frozen=True)
class Hypotheses:
    """B poses of models for segments, best first as far as known; tensors (B,…)."""

    model: torch.Tensor
    segment: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor
    evidence: Evidence | None = None
    information: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.model)

    def select(self, chosen: torch.Tensor) -> Hypotheses:
        return Hypotheses(
            self.model[chosen],
            self.segment[chosen],
            self.rotation[chosen],
            self.translation[chosen],
            self.evidence and self.evidence.select(chosen),
            None if self.information is None else self.information[chosen],
        )

    @staticmethod
    def joined(parts: list[Hypotheses]) -> Hypotheses:
        fields = zip(*((h.model, h.segment, h.rotation, h.translation) for h in parts), strict=True)
        evidence = None
        if parts[0].evidence is not None:
            columns = zip(*(vars(h.evidence).values() for h in parts), strict=True)
            evidence = Evidence(*(torch.cat(column) for column in columns))
        information = None if parts[0].information is None else torch.cat([h.information for h in parts])
        return Hypotheses(*(torch.cat(field) for field in fields), evidence, information)


class Register:
    """Searches segments for models from nothing."""

    def __init__(self, models: list[ObjectModel], bank: Bank, config: RegisterConfig | None = None) -> None:
        self.config = config or RegisterConfig()
        self.bank = bank
        self._rotations = [self._start_rotations(model) for model in models]

    def promises(self, view: View, segments: Segments, pairs: list[tuple[int, int]]) -> torch.Tensor:
        """How well (P,) each (model, segment) can fit at first glance: few starts and points, all at once."""
        starts = Hypotheses.joined([self._glances(segments, *pair) for pair in pairs])
        diameter = self.bank.diameter[starts.model]
        points = segments.points[starts.segment, :FIRST_POINTS]
        scales = [0.2 * diameter, 0.12 * diameter]
        fitted = self._moved(starts, points, scales)
        far = self._far(fitted, points).reshape(len(pairs), GLANCES)
        best = far.topk(GLANCES_KEPT, largest=False).indices
        rows = (best + torch.arange(len(pairs), device=best.device)[:, None] * GLANCES).reshape(-1)
        fitted = fitted.select(rows)
        diameter, points = diameter[rows], segments.points[fitted.segment, :WIDE_POINTS]
        fitted = self._moved(fitted, points, [0.08 * diameter, 0.05 * diameter, 0.03 * diameter])
        evidence = self.weighed(view, segments, fitted, WIDE_POINTS, WIDE_SAMPLES).evidence
        return (evidence.fitness * evidence.visible).reshape(len(pairs), GLANCES_KEPT).amax(1)

    def _glances(self, segments: Segments, model: int, segment: int) -> Hypotheses:
        starts = self._starts(segments, model, segment, aside=((0, 0),))
        spread = torch.linspace(0, len(starts) - 1, GLANCES, device=starts.model.device).round().long()
        return starts.select(spread)

    def _far(self, hypotheses: Hypotheses, points: torch.Tensor) -> torch.Tensor:
        """Mean distance (B,) m of points (P,3) or (B,P,3) from the surface, what is far counting alike."""
        local = to_object(hypotheses.rotation, hypotheses.translation, points)
        distance, _ = self.bank.distance(hypotheses.model, local)
        most = 0.1 * self.bank.diameter[hypotheses.model]
        return torch.minimum(distance.abs(), most[:, None]).mean(-1)

    def __call__(self, view: View, segments: Segments, model: int, segment: int) -> Hypotheses:
        """The best distinct hypotheses of one model for one segment, the best first."""
        wide = self._wide(view, segments, self._starts(segments, model, segment))
        diameter = float(self.bank.diameter[model])
        scales = [share * diameter for share in (0.05, 0.035, 0.025, 0.02)]
        middle = self._moved(wide, segments.points[segment, :MIDDLE_POINTS], scales)
        middle = self.ranked(view, segments, middle, MIDDLE_POINTS, MIDDLE_SAMPLES)
        return self.polished(view, segments, self._distinct(middle, self.config.narrow))

    def polished(
        self,
        view: View,
        segments: Segments,
        hypotheses: Hypotheses,
        iterations: int = 6,
        textured: torch.Tensor | None = None,
    ) -> Hypotheses:
        """The hypotheses fitted to points and outline of their segments, the best first."""
        h = hypotheses
        rotation, translation, information = refine(
            self.bank, h.model, h.rotation, h.translation, view,
            segments.points[h.segment, :NARROW_POINTS], segments.outline.select(h.segment),
            NARROW_SAMPLES, iterations, textured,
        )  # fmt: skip
        fitted = Hypotheses(h.model, h.segment, rotation, translation, None, information)
        return self.ranked(view, segments, fitted, NARROW_POINTS, NARROW_SAMPLES)

    def ranked(
        self, view: View, segments: Segments, hypotheses: Hypotheses, points: int, samples: int
    ) -> Hypotheses:
        """The same, weighed with so many points and samples, the best first."""
        weighed = self.weighed(view, segments, hypotheses, points, samples)
        return weighed.select(weighed.evidence.fitness.argsort(descending=True))

    def weighed(
        self, view: View, segments: Segments, hypotheses: Hypotheses, points: int, samples: int
    ) -> Hypotheses:
        """The same with evidence from so many points and samples."""
        h = hypotheses
        sight = look(self.bank, h.model, h.rotation, h.translation, view, samples)
        in_segment = segments.mask.reshape(-1)[h.segment[:, None] * segments.mask.shape[1] + sight.place]
        cloud = segments.points[h.segment, :points]
        evidence = weigh(self.bank, h.model, h.rotation, h.translation, sight, cloud, in_segment)
        return Hypotheses(h.model, h.segment, h.rotation, h.translation, evidence, h.information)

    def _start_rotations(self, model: ObjectModel) -> torch.Tensor:
        """Rotations all over SO(3), one of each set that the shape's symmetry makes equal."""
        group = torch.as_tensor(model.shape_symmetries.sampled(36).rotation, dtype=torch.float32)
        # A continuous symmetry leaves a two-dimensional family: it must be cut from a denser set.
        count = self.config.rotations * (5 if model.shape_symmetries.is_continuous else 1)
        turns = torch.as_tensor(even_rotations(count), dtype=torch.float32)
        if len(group) > 1:
            # Nearest the identity among its equals: the trace is largest.
            trace = torch.einsum("nij,gji->ng", turns, group)
            turns = turns[trace[:, 0] >= trace.max(1).values - 1e-4]
        return turns.to(self.bank.device)

    def _starts(
        self, segments: Segments, model: int, segment: int, aside: tuple[tuple[int, int], ...] = ASIDE
    ) -> Hypotheses:
        """Every rotation at the place where its visible side has the segment's centroid, and beside it."""
        turns = self._rotations[model]
        centroid = segments.points[segment].mean(0)
        view = self.bank.view_of(turns, centroid.expand(len(turns), 3))
        place = centroid - (turns @ self.bank.visible_center[model, view][..., None])[..., 0]
        reach = self.config.lateral * self.bank.diameter[model]
        steps = torch.tensor([(*step, 0) for step in aside], device=turns.device)
        place = (place[:, None] + steps * reach).reshape(-1, 3)
        turns = turns.repeat_interleave(len(steps), 0)
        same = torch.ones(len(turns), dtype=torch.long, device=turns.device)
        return Hypotheses(same * model, same * segment, turns, place)

    def _wide(self, view: View, segments: Segments, starts: Hypotheses) -> Hypotheses:
        """The best of many starts on one segment, fitted roughly."""
        diameter, points = float(self.bank.diameter[starts.model[0]]), segments.points[starts.segment[0]]
        first = self._moved(starts, points[:FIRST_POINTS], [0.2 * diameter, 0.12 * diameter])
        far = self._far(first, points[:FIRST_POINTS])
        count = max(round(FIRST_SHARE * len(starts)), self.config.middle)
        first = first.select(far.topk(min(count, len(starts)), largest=False).indices)
        fitted = self._moved(first, points[:WIDE_POINTS], [0.08 * diameter, 0.06 * diameter])
        ranked = self.ranked(view, segments, fitted, WIDE_POINTS, WIDE_SAMPLES)
        return ranked.select(torch.arange(min(self.config.middle, len(ranked)), device=points.device))

    def _moved(self, hypotheses: Hypotheses, points: torch.Tensor, scales: Scales) -> Hypotheses:
        h = hypotheses
        pose = fit_to_field(self.bank, h.model, h.rotation, h.translation, points, scales)
        return Hypotheses(h.model, h.segment, *pose)

    def _distinct(self, ranked: Hypotheses, count: int) -> Hypotheses:
        """The first `count` that are no repetition of a better one."""
        near_turn = angle_between(ranked.rotation[:, None], ranked.rotation[None]) < SAME_TURN
        apart = (ranked.translation[:, None] - ranked.translation[None]).norm(dim=-1)
        same = (near_turn & (apart < SAME_PLACE * self.bank.diameter[ranked.model])).cpu().numpy()
        kept: list[int] = []
        for number in range(len(ranked)):
            if len(kept) < count and not same[number, kept].any():
                kept.append(number)
        return ranked.select(torch.tensor(kept, device=ranked.model.device))
