"""The integer program against all answers there are, on sets small enough to list them."""

from __future__ import annotations

import numpy as np
import pytest

from pose_ros.human.estimators.deepcut_problem import Problem, grown, improved
from pose_ros.human.estimators.deepcut_program import solve, solve_stages


def drawn(seed, count, mood=0.0, sparse=0.0, never=0.15, twins=True):
    """Costs of noise; pairs without a cost, pairs that never are of one person, candidates of two options."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(mood, 2, (count, count)), 1)
    upper[rng.random((count, count)) < sparse] = 0
    upper[np.triu(rng.random((count, count)) < never, 1)] = np.inf
    pair = np.where(np.triu(np.ones((count, count), bool), 1), upper, upper.T)
    np.fill_diagonal(pair, 0)
    candidate = np.sort(rng.integers(0, count, count)) if twins else np.arange(count)
    return Problem(rng.normal(0.3, 1, count), pair, candidate, np.zeros(count, bool))


def people(seed, count, joints, noise=0.5):
    """Options of people whom costs tell apart, but for the noise: the problem, and whose each option is."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(count), joints)
    joint = np.tile(np.arange(joints), count)
    pair = np.triu(np.where(truth[:, None] == truth, -2.0, 2.0) + rng.normal(0, noise, (len(truth),) * 2), 1)
    pair = pair + pair.T
    pair[(joint[:, None] == joint) & ~np.eye(len(truth), dtype=bool)] = np.inf
    nothing = np.zeros(len(truth), bool)
    return Problem(np.full(len(truth), -1.0), pair, np.arange(len(truth)), nothing), truth, joint


def answers(count):
    """All (count,) of people or none, each once."""
    if count == 0:
        yield ()
        return
    for head in answers(count - 1):
        for person in range(-1, max(head, default=-1) + 2):
            yield (*head, person)


def cheapest(problem):
    return min(problem.cost(np.array(one, int)) for one in answers(len(problem)))


def same(person):
    return (person[:, None] == person) & (person >= 0)


KINDS = [{}, {"sparse": 0.6}, {"mood": -1.0}, {"mood": 1.0, "never": 0.4}]


def test_the_cost_of_an_answer():
    problem = drawn(0, 5, never=0.0, twins=False)
    person = np.array([0, 1, 0, -1, 0])
    pairs = sum(problem.pair[a, b] for a, b in ((0, 2), (0, 4), (2, 4)))
    assert problem.cost(person) == pytest.approx(problem.unary[[0, 1, 2, 4]].sum() + pairs)
    assert problem.cost(np.full(5, -1)) == 0
    twins = Problem(problem.unary, problem.pair, np.array([0, 0, 1, 2, 3]), problem.must)
    assert twins.cost(person) == np.inf
    forced = Problem(problem.unary, problem.pair, problem.candidate, np.arange(5) == 3)
    assert forced.cost(person) == np.inf


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_no_answer_is_cheaper(seed, kind):
    problem = drawn(seed, 7, **kind)
    answer = solve(problem, 20.0)
    assert answer.cost == pytest.approx(cheapest(problem), abs=1e-5)
    assert answer.cost == pytest.approx(problem.cost(answer.person))
    assert answer.proved
    assert answer.gap <= 1e-4
    assert answer.bound <= answer.cost
    assert problem.floor() <= answer.cost + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_no_answer_is_cheaper_where_some_must_be(seed):
    drawn_freely = drawn(seed, 7, mood=0.5, twins=False)
    must = np.arange(7) < 3
    problem = Problem(drawn_freely.unary, drawn_freely.pair, drawn_freely.candidate, must)
    answer = solve(problem, 20.0)
    assert (answer.person[:3] >= 0).all()
    assert answer.cost == pytest.approx(cheapest(problem), abs=1e-5)
    assert answer.proved


@pytest.mark.parametrize("seed", range(4))
def test_what_neighbours_find_is_not_always_the_cheapest_and_never_wrong(seed):
    """The search alone keeps the rules and improves on its start; the program is at least as good."""
    problem = drawn(seed, 14, sparse=0.3)
    rng = np.random.default_rng(seed)
    start = np.where(np.diff(problem.candidate, prepend=-1) > 0, np.arange(14), -1)
    start = np.where(rng.random(14) < 0.5, start, -1)
    for answer in (grown(problem), improved(problem, start)):
        assert np.isfinite(problem.cost(answer))
        assert solve(problem, 20.0).cost <= problem.cost(answer) + 1e-5
    assert problem.cost(improved(problem, start)) <= problem.cost(start)


@pytest.mark.parametrize("seed", range(4))
def test_never_dearer_than_the_start_even_without_time(seed):
    problem, truth, _ = people(seed, 4, 8, noise=3.0)
    hurried, in_time = solve(problem, 0.0, truth), solve(problem, 20.0, truth)
    assert hurried.cost <= problem.cost(truth)
    assert in_time.proved
    assert hurried.bound <= in_time.cost + 1e-5
    assert in_time.cost <= hurried.cost + 1e-5
    assert hurried.gap == pytest.approx(hurried.cost - hurried.bound)
    assert not hurried.proved
    assert hurried.gap > in_time.gap


@pytest.mark.parametrize("seed", range(4))
def test_sets_that_have_nothing_to_do_with_each_other(seed):
    """Costs add up, and so do the bounds."""
    parts = [drawn(10 * seed + n, 6, twins=False) for n in range(3)]
    count = sum(map(len, parts))
    pair, at = np.full((count, count), 1.0), 0
    for part in parts:
        pair[at : at + len(part), at : at + len(part)] = part.pair
        at += len(part)
    unary = np.concatenate([part.unary for part in parts])
    whole = solve(Problem(unary, pair, np.arange(count), np.zeros(count, bool)), 20.0)
    assert whole.cost == pytest.approx(sum(solve(part, 20.0).cost for part in parts), abs=1e-5)
    assert whole.proved
    for a, b in ((0, 6), (6, 12), (0, 12)):
        assert not same(whole.person)[a : a + 6, b : b + 6].any()


@pytest.mark.parametrize("seed", range(4))
def test_in_stages_as_at_once_where_it_is_easy(seed):
    problem, truth, joint = people(seed, 3, 5)
    stages = [joint < 2, joint == 2, joint > 2]
    at_once, staged = solve(problem, 20.0), solve_stages(problem, stages, 20.0)
    for answer in (at_once, staged):
        np.testing.assert_array_equal(same(answer.person), same(truth))
    assert at_once.proved
    assert staged.bound <= at_once.cost <= staged.cost + 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_many_people_in_stages_in_hardly_any_time(seed):
    """Rules are kept, the gap is told, and nothing is proved that was not."""
    problem, truth, joint = people(seed, 12, 10, noise=2.5)
    stages = [joint < 3, joint < 6, joint >= 0]
    start = np.where(np.random.default_rng(seed).random(len(truth)) < 0.1, -1, truth)
    answer = solve_stages(problem, stages, 0.05, start)
    assert np.isfinite(answer.cost)
    assert answer.cost == pytest.approx(problem.cost(answer.person))
    assert answer.cost <= problem.cost(start)
    assert not answer.proved
    assert answer.gap > 0


def test_merged_options_cost_what_they_cost_apart():
    problem, truth, _ = people(0, 3, 4, noise=2.0)
    sets = [np.flatnonzero(truth == 0), np.flatnonzero(truth == 1)[:2], *np.arange(6, 12)[:, None]]
    merged = problem.merged(sets, 2)
    assert merged.must.tolist() == [True] * 2 + [False] * 6
    assert merged.pair[0, 1] == np.inf
    answer = solve(merged, 20.0)
    person = np.full(len(problem), -1)
    for n, one in enumerate(sets):
        person[one] = answer.person[n]
    assert problem.cost(person) == pytest.approx(answer.cost)


def test_nothing_gives_nobody():
    nothing = Problem(np.zeros(0), np.zeros((0, 0)), np.zeros(0, int), np.zeros(0, bool))
    for answer in (solve(nothing, 1.0), solve_stages(nothing, [np.zeros(0, bool)] * 2, 1.0)):
        assert answer.person.shape == (0,)
        assert answer.cost == answer.gap == 0
        assert answer.proved
    dear = Problem(np.ones(3), np.ones((3, 3)) - np.eye(3), np.arange(3), np.zeros(3, bool))
    assert (solve(dear, 1.0).person == -1).all()
    one = Problem(np.array([-1.0]), np.zeros((1, 1)), np.zeros(1, int), np.zeros(1, bool))
    assert solve(one, 1.0).person.tolist() == [0]
