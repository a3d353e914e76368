"""The cases, by name. A round runs each once, so that all see the same weather."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

from grpc import aio

from bench.ceilings import plain_signatures, syncs
from bench.load import drive
from bench.measures import Measure, Sample, alone, compared
from bench.processes import BIN, resident_megabytes
from signerd.client import AsyncClient, settings_from
from signerd.v1 import keys_pb2, resources_pb2, signer_pb2

KEY = "bench"
BATCH = 100
DIGEST = hashlib.sha256(b"bench").digest()
ITEM = signer_pb2.SignRequest(
    key=KEY,
    digest=resources_pb2.Digest(hash=resources_pb2.HASH_ALGORITHM_SHA256, value=DIGEST),
    request_id="0123456789abcdef0123456789abcdef",
)
Case = Callable[[], Awaitable[Sample]]


@dataclass(slots=True)
class Bench:
    """The running processes and what was found so far."""

    target: str
    bare: str
    pid: int
    directory: Path
    seconds: float
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    async def run(self, rounds: int, only: str, progress: Callable[[str], None]) -> list[Measure]:
        """Run all rounds of the cases that are wanted, and what they are held against."""
        async with aio.insecure_channel(self.target) as channel, aio.insecure_channel(self.bare) as bare:
            await create_key(channel)
            cases = self.cases(channel, bare)
            chosen = needed(only, list(cases))
            await drive(self._call(channel, "Sign", ITEM.SerializeToString()), 16, self.seconds)
            for number in range(1, rounds + 1):
                for name in chosen:
                    progress(f"round {number} of {rounds}: {name}")
                    self.samples[name].append(await cases[name]())
        return [one for one in self.measures() if one.name.startswith(only)]

    def cases(self, channel: aio.Channel, bare: aio.Channel) -> dict[str, Case]:
        """Every case and every ceiling."""
        item = ITEM.SerializeToString()
        batch = signer_pb2.BatchSignRequest(items=[ITEM] * BATCH).SerializeToString()
        sign, sign_batch = self._call(channel, "Sign", item), self._call(channel, "BatchSign", batch)
        empty = self._call(bare, "Sign", item)
        cases: dict[str, Case] = {}
        for count in (1, 16, 64):
            cases[f"empty.{count}"] = partial(drive, empty, count, self.seconds)
            cases[f"sign.unary.{count}"] = partial(drive, sign, count, self.seconds)
        cases["plain"] = partial(asyncio.to_thread, plain_signatures, self.seconds)
        for count in (1, 16):
            cases[f"sign.batch100.{count}"] = partial(drive, sign_batch, count, self.seconds, BATCH)
        cases["client.coalesced.64"] = self._coalesced
        cases["fdatasync"] = partial(asyncio.to_thread, syncs, self.directory, self.seconds)
        cases["rss_mb"] = self._memory
        cases["cli_help_s"] = cli_help
        return cases

    def _call(self, channel: aio.Channel, method: str, request: bytes) -> Callable[[], Awaitable[object]]:
        return partial(raw_method(channel, f"Signer/{method}"), request)

    async def _coalesced(self) -> Sample:
        async with AsyncClient(settings_from({}, self.target)) as client:
            digest = f"sha256:{DIGEST.hex()}"
            return await drive(lambda: client.sign(KEY, digest=digest), 64, self.seconds)

    async def _memory(self) -> Sample:
        return Sample(resident_megabytes(self.pid))

    def measures(self) -> list[Measure]:
        """What the samples say."""
        found = []
        for count in (1, 16, 64):
            found += self._against(f"sign.unary.{count}", "1/s", f"empty.{count}", "empty RPCs")
        for count in (1, 16):
            found += self._against(f"sign.batch100.{count}", "signatures/s", "plain", "plain signatures")
        if self.samples["sign.batch100.16"]:
            found.append(self._overhead())
        found += self._against("client.coalesced.64", "1/s", "sign.unary.64", "sign.unary.64")
        for name, unit in (("fdatasync", "1/s"), ("rss_mb", "MB"), ("cli_help_s", "s")):
            if self.samples[name]:
                found.append(alone(name, unit, self.samples[name]))
        return found

    def _against(self, name: str, unit: str, reference: str, label: str) -> list[Measure]:
        samples = self.samples[name]
        return [compared(name, unit, samples, self.samples[reference], label)] if samples else []

    def _overhead(self) -> Measure:
        """Microseconds that a signature in a batch costs above a plain one."""
        pairs = zip(self.samples["sign.batch100.16"], self.samples["plain"], strict=True)
        samples = [Sample(1e6 / batch.value - 1e6 / plain.value) for batch, plain in pairs]
        return alone("sign.batch100.overhead_us", "µs", samples)


def needed(only: str, names: list[str]) -> list[str]:
    """The cases of that prefix with what they are held against."""
    wanted = {name for name in names if name.startswith(only)}
    if "sign.batch100.overhead_us".startswith(only):
        wanted.add("sign.batch100.16")
    wanted |= {f"empty.{name.rpartition('.')[2]}" for name in wanted if name.startswith("sign.unary")}
    if any(name.startswith("sign.batch100") for name in wanted):
        wanted.add("plain")
    if "client.coalesced.64" in wanted:
        wanted.add("sign.unary.64")
    return [name for name in names if name in wanted]


async def create_key(channel: aio.Channel) -> None:
    """Make the key that all cases sign with."""
    request = keys_pb2.CreateKeyRequest(name=KEY, request_id="bench-key")
    await raw_method(channel, "Keys/CreateKey")(request.SerializeToString())


def raw_method(channel: aio.Channel, name: str) -> Callable[[bytes], Awaitable[object]]:
    """A method that takes and gives bytes, so that the client costs as little as it can."""
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/signerd.v1.{name}")
    return call


async def cli_help() -> Sample:
    """Seconds that `signerctl --help` takes."""
    started = perf_counter()
    process = await asyncio.create_subprocess_exec(BIN / "signerctl", "--help", stdout=subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError(f"signerctl --help ended with {process.returncode}")
    return Sample(perf_counter() - started)
