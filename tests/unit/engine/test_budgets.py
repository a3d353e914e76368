"""Budgets of identities: tokens that come back with time, and no fresh ones for those who come in crowds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signerd.engine.budgets import Budgets, Rate

RATE = Rate(per_second=10.0, burst=20.0)


def test_a_burst_is_taken_at_once_and_then_the_rate() -> None:
    budgets = Budgets(RATE)
    assert [budgets.take("ann", 1, 0.0) for _ in range(20)] == [0.0] * 20
    assert budgets.take("ann", 1, 0.0) == 0.1
    assert budgets.take("ann", 1, 0.1) == 0.0
    assert budgets.take("ann", 5, 0.1) == 0.5


def test_what_is_refused_takes_nothing() -> None:
    budgets = Budgets(RATE)
    assert budgets.take("ann", 21, 0.0) > 0
    assert budgets.take("ann", 20, 0.0) == 0.0


def test_identities_do_not_share() -> None:
    budgets = Budgets(RATE)
    assert budgets.take("ann", 20, 0.0) == 0.0
    assert budgets.take("bob", 20, 0.0) == 0.0


def test_a_crowd_shares_one_budget_and_those_who_were_there_keep_theirs() -> None:
    budgets = Budgets(RATE, most=2)
    budgets.take("ann", 20, 1.0)
    budgets.take("bob", 20, 1.0)
    assert budgets.take("crowd-1", 20, 1.0) == 0.0
    assert budgets.take("crowd-2", 1, 1.0) > 0
    assert budgets.take("ann", 1, 1.0) > 0


def test_places_of_those_who_use_nothing_are_given_on() -> None:
    budgets = Budgets(RATE, most=1)
    budgets.take("ann", 20, 1.0)
    budgets.take("bob", 20, 10.0)
    assert budgets.take("bob", 1, 10.0) > 0
    assert budgets.take("ann", 20, 10.0) == 0.0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=60))
def test_nobody_gets_more_than_burst_and_rate(steps: list[tuple[float, int]]) -> None:
    budgets, now, taken = Budgets(RATE), 0.0, 0
    for pause, count in steps:
        now += pause
        if budgets.take("ann", count, now) == 0.0:
            taken += count
    assert taken <= RATE.burst + now * RATE.per_second + 1e-6


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=60))
def test_who_waits_as_long_as_told_is_let_in(steps: list[tuple[float, int]]) -> None:
    budgets, now = Budgets(RATE), 0.0
    for pause, count in steps:
        now += pause
        wait = budgets.take("ann", count, now)
        if wait:
            now += wait + 1e-6
            assert budgets.take("ann", count, now) == 0.0
