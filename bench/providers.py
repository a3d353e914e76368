"""Signatures by each provider through the daemon, against the same server asked by its own client."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import uvloop
import yaml
from grpc import aio

from bench.cases import DIGEST, raw_method
from bench.direct import Direct
from bench.load import drive
from bench.measures import Measure, Sample, alone, compared, missing
from bench.processes import address, daemon
from bench.rigs import LATENCY, RIGS, Missing, Rig, started
from signerd.client import AsyncClient, settings_from
from signerd.v1 import keys_pb2, resources_pb2, signer_pb2

IN_FLIGHT = (1, 16, 128)
SLOW, SLOW_SECONDS, SLOW_IN_FLIGHT = "provider.latency30ms", 0.03, 256
SLOW_PROVIDER, BATCHED, IN_PROCESS = "vault-transit", "pkcs11", "k8s-secret"
PROVIDER, HERE = "there", "here"
_BATCHES = 2
_MOST = SLOW_IN_FLIGHT // _BATCHES
_WARM_UP = 0.5
_AGAINST = {
    "aws-kms": "boto3 in threads",
    "gcp-kms": "google-cloud-kms, async",
    "vault-transit": "hvac in threads",
    "pkcs11": "raw session, one thread",
    "k8s-secret": "local",
}


def measure_providers(
    directory: Path, only: str, rounds: int, seconds: float, progress: Callable[[str], None]
) -> Iterator[Measure]:
    """All cases of providers that begin like `only`, one provider after the other."""
    for name in RIGS:
        chosen = [case for case in cases_of(name) if case.startswith(only)]
        if not chosen:
            continue
        try:
            with started(name, directory) as rig, provider_daemon(directory / f"home-{name}", rig) as target:
                yield from uvloop.run(Trial(name, rig, target, seconds, progress).run(chosen, rounds))
        except Missing as gone:
            yield from (missing(case, "1/s", str(gone)) for case in chosen)


def cases_of(provider: str) -> list[str]:
    """Names of a provider's cases."""
    names = [f"provider.{provider}.{count}" for count in IN_FLIGHT]
    return [*names, SLOW] if provider == SLOW_PROVIDER else names


@contextmanager
def provider_daemon(home: Path, rig: Rig) -> Iterator[str]:
    """A daemon with that provider, and local keys beside it; gives its address."""
    here = {"type": "local", "directory": str(home / "keys")}
    config = {"providers": {PROVIDER: dict(rig.section), HERE: here}, "default_provider": PROVIDER}
    environment = {"SIGNERD_PASSWORD": "bench", **rig.environment}
    with daemon(home, yaml.safe_dump(config), environment):
        yield address(home)


@dataclass(slots=True)
class Trial:
    """One provider, measured."""

    name: str
    rig: Rig
    target: str
    seconds: float
    progress: Callable[[str], None]
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))

    async def run(self, chosen: Sequence[str], rounds: int) -> list[Measure]:
        """Run all rounds; daemon and client take turns, so that both see the same weather."""
        direct = await asyncio.to_thread(self.rig.direct) if self.rig.direct else None
        async with aio.insecure_channel(self.target) as channel:
            for provider in (PROVIDER, HERE):
                key = keys_pb2.CreateKeyRequest(
                    name=provider, provider=provider, request_id=f"key-{provider}"
                )
                await raw_method(channel, "Keys/CreateKey")(key.SerializeToString())
            await self._sign(channel, PROVIDER, 16, _WARM_UP)
            for number in range(1, rounds + 1):
                for case in chosen:
                    self.progress(f"round {number} of {rounds}: {case}")
                    await self._measure(channel, case, direct)
        return [self._measured(case) for case in chosen]

    async def _measure(self, channel: aio.Channel, case: str, direct: Direct | None) -> None:
        if case == SLOW:
            await asyncio.to_thread(self.rig.delay, SLOW_SECONDS)
            self.samples[case].append(await self._sign(channel, PROVIDER, SLOW_IN_FLIGHT, self.seconds))
            await asyncio.to_thread(self.rig.delay, LATENCY)
            return
        in_flight = int(case.rpartition(".")[2])
        self.samples[case].append(await self._sign(channel, PROVIDER, in_flight, self.seconds))
        reference = direct or partial(self._sign, channel, HERE)
        self.samples[f"{case}.direct"].append(await reference(in_flight, self.seconds))

    async def _sign(self, channel: aio.Channel, key: str, in_flight: int, seconds: float) -> Sample:
        """One at a time by unary calls, else as the product's client does it, which joins those that wait.

        A token is asked by two batches that share the signatures, keys in this process by unary calls.
        """
        if in_flight == 1 or self.name == IN_PROCESS:
            call = partial(raw_method(channel, "Signer/Sign"), item(key).SerializeToString())
            return await drive(call, in_flight, seconds)
        if self.name != BATCHED:
            async with AsyncClient(settings_from({}, self.target), batch=_MOST) as client:
                digest = f"sha256:{DIGEST.hex()}"
                return await drive(lambda: client.sign(key, digest=digest), in_flight, seconds)
        items = in_flight // _BATCHES
        batch = signer_pb2.BatchSignRequest(items=[item(key)] * items).SerializeToString()
        return await drive(partial(raw_method(channel, "Signer/BatchSign"), batch), _BATCHES, seconds, items)

    def _measured(self, case: str) -> Measure:
        if case == SLOW:
            return replace(
                alone(case, "1/s", self.samples[case]), against=f"{self.name}, 30 ms, 256 in flight"
            )
        return compared(case, "1/s", self.samples[case], self.samples[f"{case}.direct"], _AGAINST[self.name])


def item(key: str) -> signer_pb2.SignRequest:
    """A request to sign a digest."""
    digest = resources_pb2.Digest(hash=resources_pb2.HASH_ALGORITHM_SHA256, value=DIGEST)
    return signer_pb2.SignRequest(key=key, digest=digest, request_id="0123456789abcdef0123456789abcdef")
