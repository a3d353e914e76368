"""Orders that were given up or fail: the tag stays one key's."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.provider import AwsKmsProvider
from signerd.providers.base import Order
from tests.unit.providers.aws_kms.provided import Keys, keys, provider, reason

__all__ = ["keys", "provider"]


async def test_an_order_given_up_is_finished_and_its_tag_used(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.gate.clear()
    order = Order("k", 1, DEFAULT, "t1")
    task = asyncio.ensure_future(provider.create(order))
    await asyncio.sleep(0.05)
    task.cancel()
    again = asyncio.ensure_future(provider.create(order))
    await asyncio.sleep(0.05)
    assert not again.done()
    keys.gate.set()
    with pytest.raises(SignerdError) as caught:
        await again
    assert reason(caught) is Reason.KEY_EXISTS
    assert keys.made == ["t1"]


async def test_an_order_given_up_before_the_key_is_made_makes_none(
    provider: AwsKmsProvider, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, arns = Event(), keys.arns

    def slow() -> list[str]:
        gate.wait(10)
        return arns()

    monkeypatch.setattr(keys, "arns", slow)
    order = Order("k", 1, DEFAULT, "t1")
    first = asyncio.create_task(provider.create(order))
    await asyncio.sleep(0)
    (running,) = provider._orders.values()
    first.cancel()
    await asyncio.wait([first])
    gate.set()
    await asyncio.wait([running])
    assert keys.made == []
    assert (await provider.create(order)).tags == order.tags
    assert keys.made == ["t1"]


async def test_a_tag_whose_order_failed_can_be_ordered_again(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.gate.clear()
    keys.failure = SignerdError(Reason.PROVIDER_UNAVAILABLE, "no")
    calls = [asyncio.ensure_future(provider.create(Order("k", 1, DEFAULT, "t1"))) for _ in range(2)]
    await asyncio.sleep(0.05)
    keys.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in results] == [SignerdError, SignerdError]
    keys.failure = None
    assert (await provider.create(Order("k", 1, DEFAULT, "t1"))).tags["tag"] == "t1"


async def test_a_tag_that_a_key_has_is_not_used_again(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.made.extend(f"t{number}" for number in range(40))
    with pytest.raises(SignerdError) as caught:
        await provider.create(Order("k", 1, DEFAULT, "t39"))
    assert reason(caught) is Reason.KEY_EXISTS
    assert len(keys.made) == 40
