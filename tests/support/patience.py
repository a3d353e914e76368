"""Calls with a short time limit that succeed in the end: on a busy machine the first may take too long.

made = await in_the_end(lambda: provider.sign(uri, DEFAULT, GIVEN))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from signerd.errors import Reason, SignerdError

SECONDS = 60.0
PASSING = frozenset({Reason.PROVIDER_TIMEOUT, Reason.PROVIDER_UNAVAILABLE})

T = TypeVar("T")


async def in_the_end(call: Callable[[], Awaitable[T]]) -> T:
    """The answer of the first try that is neither given up nor turned away; all tries share a minute."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await call()
            except SignerdError as error:
                if error.reason not in PASSING:
                    raise
                await asyncio.sleep(0.05)
