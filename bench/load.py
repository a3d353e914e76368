"""Closed-loop load: so many callers, each asking again as soon as it has its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

from bench.measures import Sample

Call = Callable[[], Awaitable[object]]


async def drive(call: Call, in_flight: int, seconds: float, per_call: int = 1) -> Sample:
    """Drive `call` for so many seconds; the value is calls a second times `per_call`."""
    latencies: list[float] = []
    end = perf_counter() + seconds

    async def caller() -> None:
        while (started := perf_counter()) < end:
            await call()
            latencies.append(perf_counter() - started)

    started = perf_counter()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    elapsed = perf_counter() - started
    latencies.sort()
    return Sample(
        len(latencies) * per_call / elapsed,
        latencies[len(latencies) // 2] * 1000,
        latencies[int(len(latencies) * 0.99)] * 1000,
    )
