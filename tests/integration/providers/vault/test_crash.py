"""A worker that dies between making a key in transit and recording it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from signerd.providers.guard import Guarded
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import Server, setup
from tests.support.lives import adopted_after_a_crash, destroyed_after_a_crash
from tests.support.servers.vault import FakeVault


@pytest_asyncio.fixture
async def guarded(any_server: Server) -> AsyncIterator[Guarded]:
    if isinstance(any_server, FakeVault):
        any_server.mend()
    made = Guarded("vault", "vault-transit", VaultProvider(setup(any_server)))
    yield made
    await made.close()


async def test_the_next_worker_adopts_it(guarded: Guarded, tmp_path: Path) -> None:
    await adopted_after_a_crash(guarded, tmp_path)


async def test_it_is_destroyed_if_the_name_was_taken(guarded: Guarded, tmp_path: Path) -> None:
    await destroyed_after_a_crash(guarded, tmp_path)
