"""Look-ups go out a few at a time, and none goes on after a failure."""

from __future__ import annotations

import asyncio

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers.lookups import each


async def test_answers_come_in_the_order_of_the_arguments() -> None:
    async def look(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await each(look, [5, 0, 3], 3) == [5, 0, 3]
    assert await each(look, [], 3) == []


async def test_no_more_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def look(_: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    await each(look, range(20), 4)
    assert most == 4


async def test_after_a_failure_the_rest_is_given_up() -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def look(number: int) -> None:
        begun.append(number)
        try:
            await asyncio.sleep(0)
            if number == 0:
                raise SignerdError(Reason.PROVIDER_DENIED, "no")
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    with pytest.raises(SignerdError, match="no"):
        await each(look, range(10), 4)
    await asyncio.sleep(0)
    assert sorted(ended) == sorted(begun)
    assert 9 not in begun
