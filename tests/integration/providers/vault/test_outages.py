"""The server dies, is sealed or hangs during signatures: each ends in a good one or a typed error."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import SignerdError
from signerd.providers import registry
from signerd.providers.base import Material, Order, Setup
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, pinned_version
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import BAO, order, setup, until
from tests.support.servers.vault import FakeVault
from tests.support.servers.vault_bao import OpenBao

WORKERS = 32
TYPED = {"PROVIDER_UNAVAILABLE", "PROVIDER_TIMEOUT", "PROVIDER_THROTTLED"}


@dataclass
class Load:
    """Signatures by one key, many at once, until it is stopped; each is verified."""

    guarded: Guarded
    made: Material

    def __post_init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.stopped = False
        self.pinned = pinned_version(self.made.uri, DEFAULT, self.made.public_key)
        self.tasks = [asyncio.create_task(self._run(number)) for number in range(WORKERS)]

    async def _run(self, worker: int) -> None:
        number = 0
        while not self.stopped:
            number += 1
            given = prepare(DEFAULT, Message(b"%d of %d" % (number, worker)))
            try:
                self.pinned.verify(given, await self.guarded.sign(self.pinned, given))
                self.outcomes["ok"] += 1
            except SignerdError as error:
                self.outcomes[error.reason.name] += 1
            # A key in this process signs without waiting: others need a turn.
            await asyncio.sleep(0.005)

    async def some(self, outcome: str, number: int = 100) -> None:
        """Wait for so many more of an outcome."""
        wanted = self.outcomes[outcome] + number

        async def reached() -> bool:
            return self.outcomes[outcome] >= wanted or any(task.done() for task in self.tasks)

        await until(reached)

    async def failures(self) -> None:
        """Wait until signatures fail."""
        before = self._failed()

        async def reached() -> bool:
            return self._failed() > before

        await until(reached)

    def _failed(self) -> int:
        return sum(number for outcome, number in self.outcomes.items() if outcome != "ok")

    async def end(self) -> None:
        self.stopped = True
        await asyncio.gather(*self.tasks)
        assert set(self.outcomes) <= {"ok", *TYPED}


@pytest_asyncio.fixture
async def local(tmp_path: Path) -> AsyncIterator[Load]:
    """Signatures with a key in a file: nothing that happens to Vault may disturb them."""
    section = SimpleNamespace(directory=tmp_path / "keys")
    guarded = Guarded(
        "local", "local", registry.build("local", Setup("local", section, {"password": lambda: b"p"}))
    )
    load = Load(guarded, await guarded.create(Order("k", 1, DEFAULT, "t1")))
    yield load
    await load.end()
    assert set(load.outcomes) == {"ok"}


async def loaded(server: FakeVault | OpenBao) -> Load:
    provider = VaultProvider(setup(server, call=2.0))
    guarded = Guarded("vault", "vault-transit", provider, limits=Limits(call=2.0))
    return Load(guarded, await guarded.create(order()))


@pytest.fixture
def own_fake(tmp_path: Path) -> FakeVault:
    """A fake that may be killed."""
    return FakeVault(tmp_path)


async def test_killed_and_started_again(own_fake: FakeVault, local: Load) -> None:
    with own_fake:
        load = await loaded(own_fake)
        for _ in range(2):
            await load.some("ok")
            own_fake.kill()
            await load.failures()
            await local.some("ok")
            await asyncio.to_thread(own_fake.start)
            await load.some("ok")
        await load.end()
        await load.guarded.close()


async def test_sealed_and_unsealed(own_fake: FakeVault, local: Load) -> None:
    with own_fake:
        load = await loaded(own_fake)
        await load.some("ok")
        own_fake.set(sealed=True)
        await load.failures()
        await local.some("ok")
        own_fake.set(sealed=False)
        await load.some("ok")
        await load.end()
        await load.guarded.close()


async def test_frozen_and_thawed(own_fake: FakeVault, local: Load) -> None:
    with own_fake:
        load = await loaded(own_fake)
        await load.some("ok")
        own_fake.signal(signal.SIGSTOP)
        await load.failures()
        await local.some("ok")
        own_fake.signal(signal.SIGCONT)
        await load.some("ok")
        await load.end()
        await load.guarded.close()


if BAO is not None:

    async def test_openbao_restarted_and_sealed(tmp_path: Path, local: Load) -> None:
        directory = tmp_path / "openbao"
        directory.mkdir()
        with OpenBao(str(BAO), directory) as server:
            load = await loaded(server)
            await load.some("ok")
            await asyncio.to_thread(server.seal)
            await load.failures()
            await local.some("ok")
            await asyncio.to_thread(server.unseal)
            await load.some("ok")
            server.kill()
            await load.failures()
            await local.some("ok")
            await asyncio.to_thread(server.start_sealed)
            await load.failures()
            await asyncio.to_thread(server.unseal)
            await load.some("ok")
            await load.end()
            await load.guarded.close()
            assert load.outcomes["ok"] >= 300
