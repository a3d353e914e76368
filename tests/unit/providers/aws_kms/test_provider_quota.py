"""The quota of the account: told when it is used up, divided by the workers that live."""

from __future__ import annotations

import time

import pytest

from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.provider import AwsKmsProvider, build
from tests.unit.providers.aws_kms.provided import (
    GIVEN,
    KEYS,
    URI,
    Keys,
    keys,
    provided,
    provider,
    reason,
    setup,
)

__all__ = ["keys", "provider"]


async def test_a_used_up_quota_is_told_with_the_time_to_wait(keys: Keys) -> None:
    provider = provided(keys, rate=4)
    for _ in range(4):
        await provider.sign(URI, DEFAULT, GIVEN)
    with pytest.raises(SignerdError, match="signatures_per_second") as caught:
        await provider.sign(URI, DEFAULT, GIVEN)
    assert reason(caught) is Reason.PROVIDER_THROTTLED
    assert caught.value.retry_after == pytest.approx(0.25)
    assert keys.signed == 4


async def test_each_kind_of_key_has_its_own_quota(keys: Keys) -> None:
    provider, rsa = provided(keys, rate=1), BY_NAME["rsa-pss-2048-sha256"]
    await provider.sign(URI, DEFAULT, GIVEN)
    await provider.sign(URI, rsa, GIVEN)
    for algorithm in (DEFAULT, rsa):
        with pytest.raises(SignerdError):
            await provider.sign(URI, algorithm, GIVEN)


def granted(provider: AwsKmsProvider, now: float) -> int:
    return sum(provider._quotas["ecc"].take(now) == 0 for _ in range(500))


def test_the_quota_is_divided_by_the_workers_from_the_start() -> None:
    provider = build(setup(KEYS, workers=4, signatures_per_second=400))
    assert granted(provider, time.monotonic() + 10.0) == 100


@pytest.mark.parametrize(("workers", "share"), [(1, 400), (3, 133), (4, 100)])
def test_the_quota_is_divided_by_the_workers_that_live(keys: Keys, workers: int, share: int) -> None:
    provider = provided(keys, rate=400)
    provider.share(workers)
    assert granted(provider, 200.0) == share


async def test_a_new_share_counts_at_once(keys: Keys) -> None:
    provider = provided(keys, rate=8)
    provider.share(4)
    for _ in range(2):
        await provider.sign(URI, DEFAULT, GIVEN)
    with pytest.raises(SignerdError) as caught:
        await provider.sign(URI, DEFAULT, GIVEN)
    assert caught.value.retry_after == pytest.approx(0.5)
    provider.share(2)
    with pytest.raises(SignerdError) as caught:
        await provider.sign(URI, DEFAULT, GIVEN)
    assert caught.value.retry_after == pytest.approx(0.25)
