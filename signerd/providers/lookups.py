"""Many look-ups at a provider, a few at a time: signatures go first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

_A = TypeVar("_A")
_T = TypeVar("_T")


async def each(look: Callable[[_A], Awaitable[_T]], arguments: Iterable[_A], at_once: int) -> list[_T]:
    """What `look` gives for each argument, in their order; raises the first failure, and gives up the rest then."""
    slots = asyncio.Semaphore(at_once)

    async def one(argument: _A) -> _T:
        async with slots:
            return await look(argument)

    tasks = [asyncio.ensure_future(one(argument)) for argument in arguments]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
