"""From options to the integer program: log-odds against what each is, by logistic models learnt on data.

Source: Pishchulin et al., "DeepCut", 2016, section 2.1: a cost is log((1 - p) / p).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pose_ros.human.estimators.deepcut_options import (
    Options,
    kind_of,
    limb_features,
    offset_features,
    offset_pairs,
    scales,
)
from pose_ros.human.estimators.deepcut_problem import Problem
from pose_ros.human.estimators.openpose_layouts import Layout

SUREST = 6.0  # log-odds of one pair


@dataclass(frozen=True)
class Model:
    """Weights of features, see deepcut_options: of the logarithm of heat, and by their kinds of limbs
    and of offsets. usual: a kind of limb's length in trunks, from neck to hip."""

    heat: tuple[float, ...]
    limb: Mapping[str, tuple[float, ...]]
    offset: Mapping[str, tuple[float, ...]]
    usual: Mapping[str, float]

    def of_limb(self, kind: str) -> np.ndarray:
        """Of a kind that was not learnt: the mean of all."""
        return np.array(self.limb[kind]) if kind in self.limb else np.mean(list(self.limb.values()), axis=0)


def heat_features(heat: np.ndarray) -> np.ndarray:
    """(O,2)."""
    return np.stack([np.ones_like(heat), np.log(heat.clip(1e-3, 1))], -1)


def problem_of(options: Options, layout: Layout, model: Model, lean: float = 0.0) -> Problem:
    """Log-odds that an option is no joint, and that two are not of one person; lean: more for every limb.

    Nobody has two of one joint: what one map shows twice of one person was suppressed with its peaks.
    """
    count, skeleton = len(options), layout.skeleton
    unary = -(heat_features(options.heat) @ np.array(model.heat))
    pair = np.zeros((count, count))
    scale = scales(options, layout, model.usual)

    def add(ends: tuple[int, int], logit: np.ndarray) -> None:
        first, second = (options.of(end) for end in ends)
        cost = -np.clip(logit, -SUREST, SUREST)
        pair[np.ix_(first, second)] += cost
        pair[np.ix_(second, first)] += cost.T

    for n, ends in enumerate(layout.limbs):
        add(ends, limb_features(options, scale, n, ends) @ model.of_limb(kind_of(skeleton, ends)) + lean)
    for ends in offset_pairs(skeleton):
        add(ends, offset_features(options, scale, ends) @ np.array(model.offset[kind_of(skeleton, ends)]))
    pair[options.joint[:, None] == options.joint] = np.inf
    np.fill_diagonal(pair, 0)
    return Problem(unary, pair, options.candidate, np.zeros(count, bool))
