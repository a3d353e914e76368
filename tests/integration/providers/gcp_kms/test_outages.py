"""The server goes away and comes back: every request ends, and signing goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from signerd.providers.gcp_kms.provider import GcpKmsProvider, build
from tests.integration.providers.gcp_kms.keys import GIVEN, order
from tests.support.patience import in_the_end
from tests.support.servers.gcp import GcpServer, setup

AT_ONCE = 32
ENDS = (Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT)


class Signing:
    """Signatures one after the other in many lanes, each verified, until told to stop."""

    def __init__(self, provider: GcpKmsProvider, material: Material) -> None:
        self.ended: Counter[str] = Counter()
        self.stopping = False
        self._provider = provider
        self._material = material
        self._verify = verifier(load_public_key(material.public_key, DEFAULT), DEFAULT)
        self._lanes = [asyncio.create_task(self._lane(number)) for number in range(AT_ONCE)]

    async def _lane(self, lane: int) -> None:
        count = 0
        while not self.stopping:
            count += 1
            given = prepare(DEFAULT, Message(f"{lane} {count}".encode()))
            try:
                self._verify(given, await self._provider.sign(self._material.uri, DEFAULT, given))
                self.ended["signed"] += 1
            except SignerdError as error:
                self.ended["failed" if error.reason in ENDS else error.reason.name] += 1
                await asyncio.sleep(0.02)

    async def until(self, ended: str, more: int = 100) -> None:
        wanted = self.ended[ended] + more
        while self.ended[ended] < wanted:  # noqa: ASYNC110 - the lanes count, they have nobody to tell
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.stopping = True
        await asyncio.gather(*self._lanes)
        assert set(self.ended) == {"signed", "failed"}


@pytest.mark.parametrize("end", [GcpServer.stop, GcpServer.kill], ids=["stopped", "killed"])
async def test_the_server_goes_and_comes_back_during_signatures(
    server: GcpServer, end: Callable[[GcpServer], None]
) -> None:
    provider = build(setup(server.endpoint, call=1.0))
    material = await provider.create(order("outage", 1, end.__name__))
    signing = Signing(provider, material)
    await signing.until("signed")
    end(server)
    await signing.until("failed")
    assert not provider.health().healthy
    await asyncio.to_thread(server.start)
    await signing.until("signed")
    await signing.stop()
    assert await in_the_end(lambda: provider.find(material.uri)) == [material]
    assert provider.health().healthy
    await provider.close()


async def test_calls_spread_over_as_many_connections_as_they_need(server: GcpServer) -> None:
    provider = build(setup(server.endpoint, concurrent=256))
    material = await provider.create(order("spread"))
    server.set(watched=True, latency=0.05)
    before = server.calls().get("connections", 0)
    await asyncio.gather(*(provider.sign(material.uri, DEFAULT, GIVEN) for _ in range(256)))
    assert server.calls()["connections"] - before == 3
    server.set(watched=False)
    await provider.close()


async def test_calls_where_nobody_listens_end() -> None:
    provider = build(setup("127.0.0.1:9", call=0.5))
    with pytest.raises(SignerdError) as caught:
        await provider.held()
    assert caught.value.reason in ENDS
    await provider.close()
    await provider.close()
