"""Requests that go on while a key technology is away, and how each of them ended.

load = Load(request)                 # `request` raises what the door or the guard raises
await load.some("ok")
await load.failures()
await load.end()
assert set(load.outcomes) <= {"ok", *TYPED}
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.errors import SignerdError
from signerd.providers.base import Material
from signerd.providers.guard import Guarded, pinned_version
from signerd.v1.keys_pb2 import DiscoverKeysRequest
from signerd.v1.signer_pb2 import PublicKeyRequest, SignRequest
from tests.support.daemons import Daemon
from tests.support.refusals import Refused

TYPED = {"PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT", "PROVIDER_THROTTLED"}
SECONDS = 60.0
Request = Callable[[bytes], Awaitable[None]]


class Load:
    """Requests of one kind, many at once, until it is stopped; `outcomes` counts "ok" and names of reasons.

    Anything else than an answer or a typed error ends a lane, and is raised by `end`.
    """

    def __init__(self, request: Request, at_once: int = 32) -> None:
        self.outcomes: Counter[str] = Counter()
        self._request = request
        self._stopped = False
        self._lanes = [asyncio.create_task(self._run(lane)) for lane in range(at_once)]

    async def _run(self, lane: int) -> None:
        number = 0
        while not self._stopped:
            number += 1
            try:
                await self._request(b"%d of %d" % (number, lane))
                self.outcomes["ok"] += 1
            except (SignerdError, Refused) as error:
                self.outcomes[error.reason.name] += 1
            # A key in this process signs without waiting: others need a turn.
            await asyncio.sleep(0.005)

    @property
    def failed(self) -> int:
        return self.outcomes.total() - self.outcomes["ok"]

    async def some(self, outcome: str, number: int = 100) -> None:
        """Wait for so many more of an outcome."""
        wanted = self.outcomes[outcome] + number
        await self._until(lambda: self.outcomes[outcome] >= wanted)

    async def failures(self) -> None:
        """Wait until requests fail."""
        before = self.failed
        await self._until(lambda: self.failed > before)

    async def end(self) -> None:
        """Let each request that is under way end."""
        self._stopped = True
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*self._lanes)

    async def _until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not reached() and not any(lane.done() for lane in self._lanes):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)


def guarded_signatures(guarded: Guarded, made: Material) -> Request:
    """Signatures by a guarded provider, each verified."""
    pinned = pinned_version(made.uri, DEFAULT, made.public_key)

    async def sign(message: bytes) -> None:
        given = prepare(DEFAULT, Message(message))
        pinned.verify(given, await guarded.sign(pinned, given))

    return sign


async def signatures(daemon: Daemon, key: str) -> Request:
    """Signatures by a daemon, each verified by the key's public key as it is now."""
    shown = await daemon.call("Signer/PublicKey", PublicKeyRequest(key=key))
    verify = verifier(load_public_key(shown.versions[0].der, DEFAULT), DEFAULT)

    async def sign(message: bytes) -> None:
        answer = await daemon.call("Signer/Sign", SignRequest(key=key, message=message))
        verify(prepare(DEFAULT, Message(message)), answer.signature)

    return sign


def listings(daemon: Daemon, provider: str) -> Request:
    """Looks at what a provider holds: they need it whatever is in memory."""

    async def discover(_: bytes) -> None:
        await daemon.call("Keys/DiscoverKeys", DiscoverKeysRequest(provider=provider))

    return discover
