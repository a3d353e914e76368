"""The token bucket of AWS KMS: never more than the quota, never fewer than it allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.providers.aws_kms.quota import TokenBucket

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
    passed = granted(TokenBucket(rate), times_of(steps, scale))
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            most = max(1.0, rate) + rate * (passed[last] - passed[first])
            assert last - first + 1 <= most + 1e-3


@given(RATES, STEPS)
def test_waiting_as_told_is_enough_and_necessary(rate: float, steps: list[float]) -> None:
    bucket = TokenBucket(rate)
    for now in times_of(steps, 1 / rate / 10):
        wait = bucket.take(now)
        if wait:
            assert 0 < wait <= 1 / rate + 1e-6
            assert bucket.take(now + wait * 0.9) > 0
            assert bucket.take(now + wait) == 0
            return


@given(st.integers(1, 5000))
def test_a_full_bucket_lets_one_second_pass_at_once(rate: int) -> None:
    bucket = TokenBucket(rate)
    assert len(granted(bucket, [50.0] * (rate + 5))) == rate
    assert len(granted(bucket, [1000.0] * (rate + 5))) == rate


@pytest.mark.parametrize("rate", [0.5, 3.0, 1000.0])
def test_a_steady_caller_within_the_quota_is_never_refused(rate: float) -> None:
    bucket = TokenBucket(rate)
    assert all(bucket.take(number / rate) == 0 for number in range(5000))


def test_a_steady_caller_above_the_quota_gets_the_quota() -> None:
    bucket = TokenBucket(100)
    passed = granted(bucket, [number / 200 for number in range(2001)])
    assert math.isclose(len(passed), 100 + 10 * 100, abs_tol=1)
