"""The server dies, is sealed or hangs during signatures: each ends in a good one or a typed error."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from signerd.core.algorithms import DEFAULT
from signerd.providers import registry
from signerd.providers.base import Order, Setup
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import BAO, order, setup
from tests.support.outages import TYPED, Load, guarded_signatures
from tests.support.servers.vault import FakeVault
from tests.support.servers.vault_bao import OpenBao


@pytest_asyncio.fixture
async def local(tmp_path: Path) -> AsyncIterator[Load]:
    """Signatures with a key in a file: nothing that happens to Vault may disturb them."""
    section = SimpleNamespace(directory=tmp_path / "keys")
    guarded = Guarded(
        "local", "local", registry.build("local", Setup("local", section, {"password": lambda: b"p"}))
    )
    load = Load(guarded_signatures(guarded, await guarded.create(Order("k", 1, DEFAULT, "t1"))))
    yield load
    await load.end()
    assert set(load.outcomes) == {"ok"}


@asynccontextmanager
async def loaded(server: FakeVault | OpenBao) -> AsyncIterator[Load]:
    """Signatures by Vault; at the end each that is under way has to end well."""
    provider = VaultProvider(setup(server, call=2.0))
    guarded = Guarded("vault", "vault-transit", provider, limits=Limits(call=2.0))
    load = Load(guarded_signatures(guarded, await guarded.create(order())))
    yield load
    await load.end()
    await guarded.close()
    assert set(load.outcomes) <= {"ok", *TYPED}


@pytest.fixture
def own_fake(tmp_path: Path) -> FakeVault:
    """A fake that may be killed."""
    return FakeVault(tmp_path)


async def test_killed_and_started_again(own_fake: FakeVault, local: Load) -> None:
    with own_fake:
        async with loaded(own_fake) as load:
            for _ in range(2):
                await load.some("ok")
                own_fake.kill()
                await load.failures()
                await local.some("ok")
                await asyncio.to_thread(own_fake.start)
                await load.some("ok")


async def test_sealed_and_unsealed(own_fake: FakeVault, local: Load) -> None:
    with own_fake:
        async with loaded(own_fake) as load:
            await load.some("ok")
            own_fake.set(sealed=True)
            await load.failures()
            await local.some("ok")
            own_fake.set(sealed=False)
            await load.some("ok")


async def test_frozen_and_thawed(own_fake: FakeVault, local: Load) -> None:
    with own_fake:
        async with loaded(own_fake) as load:
            await load.some("ok")
            own_fake.signal(signal.SIGSTOP)
            await load.failures()
            await local.some("ok")
            own_fake.signal(signal.SIGCONT)
            await load.some("ok")


if BAO is not None:

    async def test_openbao_restarted_and_sealed(tmp_path: Path, local: Load) -> None:
        directory = tmp_path / "openbao"
        directory.mkdir()
        with OpenBao(str(BAO), directory) as server:
            async with loaded(server) as load:
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
