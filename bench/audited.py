"""What the Merkle log costs: the daemon against the same daemon with the plain record file, side by side."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import uvloop
from grpc import aio

from bench.cases import BATCH, ITEM, create_key, raw_method
from bench.load import drive
from bench.measures import Measure, Sample, alone, compared
from bench.processes import BIN, address, daemon
from signerd.v1 import admin_pb2, signer_pb2

UNARY, BATCHED, SIZE = "audited.unary.64", "audited.batch100.16", "audit.bytes_per_record"
CASES = (UNARY, BATCHED, SIZE)
PROGRAMS = {"tiles": (str(BIN / "signerd"),), "plain": (sys.executable, "-m", "bench.plain_log")}
_WARM_UP = 1.0


def measure_log(
    directory: Path, only: str, rounds: int, seconds: float, progress: Callable[[str], None]
) -> list[Measure]:
    """All cases of the log that begin like `only`."""
    chosen = [name for name in CASES if name.startswith(only)]
    if not chosen:
        return []
    homes = {name: directory / f"home-{name}" for name in PROGRAMS}
    with (
        daemon(homes["tiles"], program=PROGRAMS["tiles"]),
        daemon(homes["plain"], program=PROGRAMS["plain"]),
    ):
        found = uvloop.run(_run(homes, rounds, seconds, progress))
    return [one for one in found if one.name in chosen]


async def _run(
    homes: dict[str, Path], rounds: int, seconds: float, progress: Callable[[str], None]
) -> list[Measure]:
    samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(aio.insecure_channel(address(home)))
            for name, home in homes.items()
        }
        for channel in channels.values():
            await create_key(channel)
            await _unary(channel, _WARM_UP)
        for number in range(rounds):
            # Each is first in turn: the other's disk work may still go on under the second.
            for name in (list(channels), list(reversed(channels)))[number % 2]:
                progress(f"round {number + 1} of {rounds}: audited, {name}")
                samples[UNARY, name].append(await _unary(channels[name], seconds))
                samples[BATCHED, name].append(await _batched(channels[name], seconds))
        sizes = {name: Sample(await _bytes_per_record(channels[name], homes[name])) for name in homes}
    return [
        *(_compared(case, samples[case, "tiles"], samples[case, "plain"]) for case in (UNARY, BATCHED)),
        alone(SIZE, "B", [sizes["tiles"]]),
    ]


def _compared(name: str, tiles: list[Sample], plain: list[Sample]) -> Measure:
    return compared(name, "1/s" if name == UNARY else "signatures/s", tiles, plain, "plain record file")


def _unary(channel: aio.Channel, seconds: float) -> Awaitable[Sample]:
    return drive(partial(raw_method(channel, "Signer/Sign"), ITEM.SerializeToString()), 64, seconds)


def _batched(channel: aio.Channel, seconds: float) -> Awaitable[Sample]:
    request = signer_pb2.BatchSignRequest(items=[ITEM] * BATCH).SerializeToString()
    return drive(partial(raw_method(channel, "Signer/BatchSign"), request), 16, seconds, BATCH)


async def _bytes_per_record(channel: aio.Channel, home: Path) -> float:
    """Bytes of all files of the log for each record in it."""
    answer = await raw_method(channel, "Admin/GetStatus")(b"")
    assert isinstance(answer, bytes)
    sequence = admin_pb2.GetStatusResponse.FromString(answer).audit.sequence
    files = (path.stat().st_size for path in (home / "audit").rglob("*") if path.is_file())
    return sum(files) / sequence
