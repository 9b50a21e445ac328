"""Which options are joints, and of whom: one integer linear program, solved by HiGHS.

Source: Pishchulin et al., "DeepCut", 2016, section 2; Insafutdinov et al., "DeeperCut", 2016, section 4;
Chopra and Rao, "The partition problem", 1993, for the inequalities along paths.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult
from scipy.sparse.csgraph import connected_components

from pose_ros.human.estimators.deepcut_problem import Problem, grown, improved
from pose_ros.human.estimators.deepcut_relaxation import Relaxation

SHARP = 1e-6  # costs closer than this are one


@dataclass(frozen=True)
class Partition:
    """person (O,) of each option, -1 for one that is no joint. bound: nothing costs less, where it is finite.

    seconds: time taken. proved: no other answer is cheaper.
    """

    person: np.ndarray
    cost: float
    bound: float
    seconds: float

    @property
    def gap(self) -> float:
        """What a cheaper answer could save at most."""
        return max(self.cost - self.bound, 0.0)

    @property
    def proved(self) -> bool:
        return self.gap <= 10 * SHARP * max(1.0, abs(self.cost))


def solve(problem: Problem, seconds: float, start: np.ndarray | None = None) -> Partition:
    """The cheapest answer, or in so many seconds the cheapest found; never dearer than `start` (O,).

    Options that cannot pay for themselves are dropped, and those that no chain of negative costs connects
    are never of one person, so each connected set is a program of its own; its bound is its own, too.
    """
    began = time.perf_counter()
    person = np.full(len(problem), -1)
    bound, people = 0.0, 0
    sets = _sets(problem)
    for n, kept in enumerate(sets):
        spent = time.perf_counter() - began
        # What is left is shared by the number of pairs; small sets come first, and need less than a quarter.
        share = max(len(kept) ** 2 / sum(len(one) ** 2 for one in sets[n:]), 0.25)
        given = None if start is None else start[kept]
        found, least = _solve_connected(problem.part(kept), max(seconds - spent, 0.0) * share, given)
        person[kept] = np.where(found >= 0, found + people, -1)
        people += len(kept)
        bound += least
    cost = problem.cost(person)
    if start is not None and problem.cost(start) < cost:  # only if what was dropped costs exactly nothing
        person, cost = start, problem.cost(start)
    return Partition(person, cost, min(bound, cost), time.perf_counter() - began)


def solve_stages(
    problem: Problem, stages: list[np.ndarray], seconds: float, start: np.ndarray | None = None
) -> Partition:
    """DeeperCut's increments: the options of each stage (bool (O,)) in turn; what is decided stays decided.

    An answer for all is not proved by the cheapest of each stage, so the bound is of all negative costs.
    """
    began = time.perf_counter()
    person = np.full(len(problem), -1)
    for n, stage in enumerate(stages):
        people = [np.flatnonzero(person == one) for one in range(person.max(initial=-1) + 1)]
        taken = problem.candidate[person >= 0]
        fresh = np.flatnonzero(stage & (person < 0) & ~np.isin(problem.candidate, taken))
        part = problem.merged(people + [np.array([one]) for one in fresh], len(people))
        left = max(seconds - (time.perf_counter() - began), 0.0) / (len(stages) - n)
        found = solve(part, left).person
        person[fresh] = found[len(people) :]
        for old, members in enumerate(people):
            person[members] = found[old]
        person = _numbered(person)
    answers = [improved(problem, person)] + ([] if start is None else [improved(problem, start)])
    person = min(answers, key=problem.cost)
    return Partition(person, problem.cost(person), problem.floor(), time.perf_counter() - began)


def _numbered(person: np.ndarray) -> np.ndarray:
    """The people by 0, 1, ... in place of any numbers."""
    chosen = person >= 0
    numbered = np.full(len(person), -1)
    numbered[chosen] = np.unique(person[chosen], return_inverse=True)[1]
    return numbered


def _sets(problem: Problem) -> list[np.ndarray]:
    """The options that could pay, in sets that have nothing to do with each other, the smallest first."""
    kept = np.arange(len(problem))
    while True:
        part = problem.part(kept)
        pays = part.must | (part.unary + np.minimum(part.pair, 0).sum(axis=1) < 0)
        if pays.all():
            break
        kept = kept[pays]
    linked = (part.pair < 0) | (part.candidate[:, None] == part.candidate)
    count, member = connected_components(linked, directed=False) if len(kept) else (0, kept)
    return sorted((kept[member == n] for n in range(count)), key=len)


def _solve_connected(problem: Problem, seconds: float, start: np.ndarray | None) -> tuple[np.ndarray, float]:
    """(person, bound). First the relaxation with ever more inequalities, then whole numbers."""
    began = time.perf_counter()
    starts = [grown(problem)] + ([] if start is None else [improved(problem, start)])
    best = min(starts, key=problem.cost)
    cost, bound = problem.cost(best), problem.floor()
    relaxation, whole = Relaxation(problem), False
    while cost - bound > SHARP:
        left = seconds - (time.perf_counter() - began)
        if left <= 0:
            break
        answer: OptimizeResult = relaxation.solve(left, whole)
        least = answer.mip_dual_bound if whole else answer.fun if answer.status == 0 else None
        if least is not None and np.isfinite(least):
            bound = max(bound, float(least))
        if answer.x is None:
            break
        rounded = improved(problem, relaxation.rounded(answer.x))
        if problem.cost(rounded) < cost:
            best, cost = rounded, problem.cost(rounded)
        broken = relaxation.tighten(answer.x)
        if not broken and whole:
            break
        whole = whole or not broken
    return best, bound
