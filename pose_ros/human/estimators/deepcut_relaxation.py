"""The integer program without whole numbers, and the inequalities that make up for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra

from pose_ros.human.estimators.deepcut_problem import Problem

BROKEN = 1e-4  # an inequality missed by more than this
SHORT = 1e-9  # what every pair of a chain adds to its length: of equal chains the shortest
AT_ONCE = 400  # inequalities added in a round, the most broken


@dataclass
class _Rows:
    """Inequalities `terms <= high`, sparse."""

    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, plus: list[int], minus: list[int], high: float = 0.0) -> None:
        self.row += [len(self.high)] * (len(plus) + len(minus))
        self.column += [*plus, *minus]
        self.value += [1.0] * len(plus) + [-1.0] * len(minus)
        self.high.append(high)

    def matrix(self, columns: int):
        return coo_array((self.value, (self.row, self.column)), (len(self.high), columns)).tocsr()


class Relaxation:
    """x (option): it is chosen. y (pair with a cost): both are, and of one person.

    Pairs without a cost have no variable: people are what is connected by pairs. What must then hold is that
    a chain of pairs from a to b, all of one person, makes a and b of one person, too:
    sum of y along the chain - sum of x inside it <= y of (a, b), which is 0 where they never are.
    Only a pair that costs something, or is forbidden, can break it; those broken are added as they appear.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, count = problem, len(problem)
        never = np.isinf(problem.pair) | (problem.candidate[:, None] == problem.candidate)
        a, b = np.nonzero(np.triu((problem.pair != 0) & ~never, 1))
        self.ends = np.stack([a, b], axis=1)
        self.index = np.full((count, count), -1)  # of y among all variables
        self.index[a, b] = self.index[b, a] = count + np.arange(len(a))
        self.costs = np.concatenate([problem.unary, problem.pair[a, b]])
        apart = np.triu(never, 1) | np.triu(problem.pair > 0, 1)
        self.apart = np.argwhere(apart)
        self._pull = problem.pair < 0
        self._rows = _Rows()
        for n in np.flatnonzero(self.costs[count:] < 0):
            for end in self.ends[n]:
                self._rows.add([count + n], [end])
        for candidate in np.unique(problem.candidate):
            options = np.flatnonzero(problem.candidate == candidate)
            if len(options) > 1:
                self._rows.add(options.tolist(), [], 1.0)
        self._one_of_each(never)

    def _one_of_each(self, never: np.ndarray) -> None:
        """Of options that are never together, at most one is of one person with any other."""
        for n in range(len(self.problem)):
            left = np.flatnonzero(self._pull[n] & (self.index[n] >= 0)).tolist()
            while left:
                clique = [left.pop(0)]
                for other in list(left):
                    if never[other, clique].all():
                        clique.append(other)
                        left.remove(other)
                if len(clique) > 1:
                    self._rows.add([int(self.index[n, m]) for m in clique], [n])

    def solve(self, seconds: float, whole: bool) -> OptimizeResult:
        """With whole numbers, or without. `x` is None where there was no time for any."""
        count, columns = len(self.problem), len(self.costs)
        low, high = np.zeros(columns), np.ones(columns)
        low[:count] = self.problem.must
        matrix, limits = self._rows.matrix(columns), np.array(self._rows.high)
        if whole:
            constraints = LinearConstraint(matrix, -np.inf, limits) if len(limits) else None
            options = {"time_limit": seconds, "mip_rel_gap": 0.0}
            return milp(
                self.costs, integrality=np.ones(columns), bounds=Bounds(low, high), constraints=constraints,
                options=options,
            )  # fmt: skip
        bounds = np.stack([low, high], axis=1)
        rows = {"A_ub": matrix, "b_ub": limits} if len(limits) else {}
        return linprog(self.costs, bounds=bounds, method="highs", options={"time_limit": seconds}, **rows)

    def tighten(self, values: np.ndarray) -> bool:
        """Adds the inequalities that values (x, y) break; whether there are any."""
        count = len(self.problem)
        x = values[:count]
        y = np.zeros((count, count))
        y[tuple(self.ends.T)] = values[count:]
        # The length of a pair is what it leaves of its ends, so that of a chain is what its ends have in
        # excess of what the inequality allows.
        a, b = self.ends[values[count:] > BROKEN].T
        length = np.maximum((x[a] + x[b]) / 2 - y[a, b], 0) + SHORT
        graph = coo_array((length, (a, b)), (count, count)).tocsr()
        broken = []
        sources = np.unique(self.apart[:, 0])
        if not len(sources):
            return False
        distance, before = dijkstra(graph, directed=False, indices=sources, return_predecessors=True)
        row = {source: n for n, source in enumerate(sources.tolist())}
        for a, b in self.apart.tolist():
            reach = distance[row[a], b]
            missed = (x[a] + x[b]) / 2 - reach - y[a, b]
            if np.isfinite(reach) and missed > BROKEN:
                broken.append((missed, a, b))
        broken.sort(key=lambda one: -one[0])
        added = 0
        for _, a, b in broken[:AT_ONCE]:
            chain = [b]
            while chain[-1] != a:
                chain.append(int(before[row[a], chain[-1]]))
            if len(chain) == 2:
                continue  # the pair itself is the shortest chain
            edges = [int(self.index[p, q]) for p, q in pairwise(chain)]
            own = [int(self.index[a, b])] if self.index[a, b] >= 0 else []
            self._rows.add(edges, chain[1:-1] + own)
            added += 1
        return added > 0

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """The answer (O,) next to values: more than half chosen, more than half together."""
        count = len(self.problem)
        chosen = values[:count] > 0.5
        together = values[count:] > 0.5
        a, b = self.ends[together].T
        graph = coo_array((np.ones(len(a)), (a, b)), (count, count))
        person = connected_components(graph, directed=False)[1]
        return np.where(chosen, person, -1)
