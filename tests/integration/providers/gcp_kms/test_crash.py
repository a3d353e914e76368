"""A worker that dies between making a version at Cloud KMS and recording it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from signerd.providers.base import Material
from signerd.providers.gcp_kms.provider import GcpKmsProvider
from signerd.providers.guard import Guarded
from tests.support.lives import (
    Clock,
    Life,
    adopted_after_a_crash,
    check_signs,
    destroyed_after_a_crash,
    living,
    migrated,
)
from tests.support.servers.gcp import GcpServer

KEY = "team-a/pending"
HOUR = 3600.0


async def test_the_next_worker_adopts_it(provider: GcpKmsProvider, tmp_path: Path) -> None:
    await adopted_after_a_crash(Guarded("gcp", "gcp-kms", provider), tmp_path)


async def test_it_is_destroyed_if_the_name_was_taken(provider: GcpKmsProvider, tmp_path: Path) -> None:
    await destroyed_after_a_crash(Guarded("gcp", "gcp-kms", provider), tmp_path)


async def uris(provider: GcpKmsProvider) -> set[str]:
    """All that is there, pending or not."""
    return {one.uri for one in await provider.held()}


@asynccontextmanager
async def died_while_pending(
    guarded: Guarded, provider: GcpKmsProvider, server: GcpServer, directory: Path
) -> AsyncIterator[Life]:
    """The life after one that died while it waited for its version, which takes an hour; it is two hours later."""
    location, providers, clock = await migrated(directory), {guarded.name: guarded}, Clock()
    clock.ahead = timedelta(hours=2)
    server.set(generation=HOUR)
    async with living(location, directory, providers, life="first") as first:
        await first.die_creating(provider._orders, "_wait_for", after=False, name=KEY)
        async with living(location, directory, providers, life="second", clock=clock) as second:
            yield second


async def check_adopted(guarded: Guarded, life: Life, made: set[str]) -> None:
    assert (life.recovery.waiting, life.recovery.problems) == (set(), {})
    assert {version.uri for version in life.keys[KEY].versions} == made
    await check_signs(guarded, life, KEY)


async def test_what_is_pending_is_adopted_once_it_is_generated(
    provider: GcpKmsProvider, server: GcpServer, tmp_path: Path
) -> None:
    guarded, before = Guarded("gcp", "gcp-kms", provider), await uris(provider)
    async with died_while_pending(guarded, provider, server, tmp_path) as life:
        made = await uris(provider) - before
        assert len(made) == 1
        await life.recovery.settle()
        assert (len(life.recovery.waiting), KEY in life.keys) == (1, False)
        assert "PENDING_GENERATION" in str(life.recovery.warnings())
        server.skip(HOUR + 1)
        await life.recovery.settle()
        await check_adopted(guarded, life, made)
        assert await uris(provider) - before == made


async def test_what_is_generated_while_it_is_judged_is_adopted(
    provider: GcpKmsProvider, server: GcpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded, before = Guarded("gcp", "gcp-kms", provider), await uris(provider)
    async with died_while_pending(guarded, provider, server, tmp_path) as life:
        made, held = await uris(provider) - before, provider.held

        async def held_before_it_is_generated() -> list[Material]:
            found = await held()
            server.skip(HOUR + 1)
            return found

        monkeypatch.setattr(provider, "held", held_before_it_is_generated)
        await life.recovery.settle()
        await check_adopted(guarded, life, made)


async def test_what_could_not_be_generated_is_given_up(
    provider: GcpKmsProvider, server: GcpServer, tmp_path: Path
) -> None:
    guarded, before = Guarded("gcp", "gcp-kms", provider), await uris(provider)
    server.set(generation_fails=True)
    async with died_while_pending(guarded, provider, server, tmp_path) as life:
        await life.recovery.settle()
        assert len(life.recovery.waiting) == 1
        server.skip(HOUR + 1)
        await life.recovery.settle()
        assert (life.recovery.waiting, life.recovery.problems) == (set(), {})
        assert (await uris(provider), KEY in life.keys) == (before, False)
