"""The token bucket of AWS KMS: never more than the quota, never fewer than it allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.providers.aws_kms.quota import TokenBucket

FILLED = -1e6
"""Long before all times here: a bucket that began then is full."""
RATES = st.floats(0.1, 5000)
STEPS = st.lists(st.floats(0, 3), min_size=1, max_size=200)


def granted(bucket: TokenBucket, times: list[float]) -> list[float]:
    return [now for now in times if bucket.take(now) == 0]


def times_of(steps: list[float], scale: float) -> list[float]:
    now, times = 1000.0, []
    for step in steps:
        now += step * scale
        times.append(now)
    return times


@given(RATES, STEPS, st.floats(0, 1))
def test_no_stretch_of_time_gets_more_than_its_share(rate: float, steps: list[float], scale: float) -> None:
    passed = granted(TokenBucket(rate, FILLED), times_of(steps, scale))
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            most = max(1.0, rate) + rate * (passed[last] - passed[first])
            assert last - first + 1 <= most + 1e-3


@given(RATES, STEPS)
def test_waiting_as_told_is_enough_and_necessary(rate: float, steps: list[float]) -> None:
    bucket = TokenBucket(rate, FILLED)
    for now in times_of(steps, 1 / rate / 10):
        wait = bucket.take(now)
        if wait:
            assert 0 < wait <= 1 / rate + 1e-6
            assert bucket.take(now + wait * 0.9) > 0
            assert bucket.take(now + wait) == 0
            return


@given(st.integers(1, 5000))
def test_a_full_bucket_lets_one_second_pass_at_once(rate: int) -> None:
    bucket = TokenBucket(rate, FILLED)
    assert len(granted(bucket, [50.0] * (rate + 5))) == rate
    assert len(granted(bucket, [1000.0] * (rate + 5))) == rate


@pytest.mark.parametrize("rate", [0.5, 3.0, 1000.0])
def test_a_steady_caller_within_the_quota_is_never_refused(rate: float) -> None:
    bucket = TokenBucket(rate, FILLED)
    assert all(bucket.take(number / rate) == 0 for number in range(5000))


def test_a_steady_caller_above_the_quota_gets_the_quota() -> None:
    bucket = TokenBucket(100, FILLED)
    passed = granted(bucket, [number / 200 for number in range(2001)])
    assert math.isclose(len(passed), 100 + 10 * 100, abs_tol=1)


@given(RATES)
def test_a_bucket_begins_empty(rate: float) -> None:
    bucket = TokenBucket(rate, 50.0)
    assert bucket.take(50.0) == pytest.approx(1 / rate)
    assert bucket.take(50.0 + 1 / rate) == 0


@given(st.lists(st.tuples(RATES, st.floats(0, 2)), min_size=1, max_size=20), st.floats(0.001, 0.5))
def test_no_change_of_the_rate_mints_tokens(changes: list[tuple[float, float]], step: float) -> None:
    now, allowed, passed = 50.0, 0.0, 0
    bucket = TokenBucket(1.0, now)
    for rate, seconds in changes:
        bucket.set_rate(rate, now)
        end = now + seconds
        while now < end:
            now = min(end, now + step)
            while not bucket.take(now):
                passed += 1
        allowed += rate * seconds
        assert passed <= allowed + 1e-3


def test_tokens_that_are_there_stay_as_far_as_they_find_room() -> None:
    bucket = TokenBucket(100, FILLED)
    assert len(granted(bucket, [50.0] * 60)) == 60
    bucket.set_rate(50, 50.0)
    assert len(granted(bucket, [50.0] * 10)) == 10
    bucket.set_rate(200, 50.0)
    assert len(granted(bucket, [50.0] * 100)) == 30
    assert len(granted(bucket, [51.0] * 300)) == 200
