"""What is to be chosen and parted at what cost, and answers that are good though not proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SWEEPS = 50  # over all options; a search has come to rest long before


@dataclass(frozen=True)
class Problem:
    """Option o says that candidate[o] is a certain joint; of one candidate at most one option is chosen.

    unary (O,): cost of choosing it. pair (O,O), symmetric, diagonal 0: cost of two being of one person, inf:
    they never are. must (O,): it is chosen in any case. An answer is the person (O,) of each, -1: not chosen.
    """

    unary: np.ndarray
    pair: np.ndarray
    candidate: np.ndarray
    must: np.ndarray

    def __len__(self) -> int:
        return len(self.unary)

    def cost(self, person: np.ndarray) -> float:
        """Of an answer; inf where it breaks a rule."""
        kept = np.flatnonzero(person >= 0)
        if (person[self.must] < 0).any() or len(np.unique(self.candidate[kept])) < len(kept):
            return np.inf
        same = person[kept][:, None] == person[kept]
        return float(self.unary[kept].sum() + self.pair[np.ix_(kept, kept)][same].sum() / 2)

    def floor(self) -> float:
        """What no answer can undercut: every negative cost taken, each once."""
        unary = np.where(self.must, self.unary, np.minimum(self.unary, 0))
        return float(unary.sum() + np.minimum(self.pair, 0).sum() / 2)

    def part(self, kept: np.ndarray) -> Problem:
        return Problem(self.unary[kept], self.pair[np.ix_(kept, kept)], self.candidate[kept], self.must[kept])

    def merged(self, sets: Sequence[np.ndarray], people: int) -> Problem:
        """Each set of options as one; the first `people` sets are people, chosen already and apart."""
        member = np.zeros((len(sets), len(self)))
        for n, one in enumerate(sets):
            member[n, one] = 1
        finite = np.where(np.isinf(self.pair), 0, self.pair)
        between = member @ finite @ member.T
        never = member @ np.isinf(self.pair) @ member.T > 0
        never[:people, :people] = True
        unary = member @ self.unary + np.diagonal(between) / 2
        pair = np.where(never, np.inf, between)
        np.fill_diagonal(pair, 0)
        candidate = np.array([self.candidate[one[0]] for one in sets], int)
        return Problem(unary, pair, candidate, np.arange(len(sets)) < people)


def grown(problem: Problem) -> np.ndarray:
    """An answer (O,): of each candidate the cheapest option, each a person, who then merge and move."""
    person = np.full(len(problem), -1)
    for n in np.argsort(np.where(problem.must, -np.inf, problem.unary), kind="stable"):
        if not (person[problem.candidate == problem.candidate[n]] >= 0).any():
            person[n] = n
    return improved(problem, person)


def improved(problem: Problem, person: np.ndarray) -> np.ndarray:
    """An answer no dearer, in which no candidate is better off elsewhere, and no two people as one."""
    person = person.copy()
    if not np.isfinite(problem.cost(person)):
        return grown(problem)
    for _ in range(SWEEPS):
        changed = _merge(problem, person)
        for candidate in np.unique(problem.candidate):
            changed |= _move(problem, person, np.flatnonzero(problem.candidate == candidate))
        changed |= _drop(problem, person)
        if not changed:
            break
    return person


def _members(person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """People's ids (P,), and whose member each option is (P,O)."""
    ids = np.unique(person[person >= 0])
    return ids, person == ids[:, None]


def _merge(problem: Problem, person: np.ndarray) -> bool:
    """The two people who save most as one, again and again."""
    changed = False
    ids, member = _members(person)
    finite = np.where(np.isinf(problem.pair), 0, problem.pair)
    between = member @ finite @ member.T + np.where(member @ np.isinf(problem.pair) @ member.T, np.inf, 0)
    np.fill_diagonal(between, np.inf)
    while between.size and between.min() < 0:
        a, b = np.unravel_index(np.argmin(between), between.shape)
        person[person == ids[b]] = ids[a]
        between[a] += between[b]
        between[:, a] += between[:, b]
        between[b], between[:, b], between[a, a] = np.inf, np.inf, np.inf
        changed = True
    return changed


def _move(problem: Problem, person: np.ndarray, options: np.ndarray) -> bool:
    """One candidate to where it costs least: of somebody, alone, or no joint at all."""
    chosen = np.flatnonzero(person[options] >= 0)
    now = (int(chosen[0]), int(person[options[chosen[0]]])) if len(chosen) else None
    person[options] = -1
    ids, member = _members(person)
    costs = np.zeros((len(options), len(ids) + 1))  # the last place: alone
    for n, one in enumerate(member):
        costs[:, n] = problem.pair[np.ix_(options, one)].sum(axis=1)
    costs += problem.unary[options, None]
    places = [*ids.tolist(), int(ids.max(initial=-1)) + 1]
    was = places.index(now[1]) if now and now[1] in places[:-1] else -1
    before = costs[now[0], was] if now else 0.0
    least = np.unravel_index(np.argmin(costs), costs.shape)
    if min(costs[least], np.inf if problem.must[options].any() else 0.0) > before - 1e-9:
        if now is not None:
            person[options[now[0]]] = now[1]
        return False
    if costs[least] < 0 or problem.must[options].any():
        person[options[least[0]]] = places[least[1]]
    return True


def _drop(problem: Problem, person: np.ndarray) -> bool:
    """People who cost more than they save."""
    changed = False
    for one in np.unique(person[person >= 0]):
        mine = np.flatnonzero(person == one)
        alone = problem.unary[mine].sum() + problem.pair[np.ix_(mine, mine)].sum() / 2
        if alone > 1e-9 and not problem.must[mine].any():
            person[mine] = -1
            changed = True
    return changed
