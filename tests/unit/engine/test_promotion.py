"""Names at providers follow the primaries of keys, whatever happens between the two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from signerd.core.keys import State
from signerd.engine import promotion
from signerd.engine.promotion import Promoter
from signerd.errors import Reason, SignerdError
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.state.location import SqliteLocation
from signerd.v1.keys_pb2 import CreateKeyRequest
from tests.support.lives import living
from tests.unit.engine.parts import ANN, Engine, until


@pytest.fixture
def promoter(engine: Engine) -> Promoter:
    return engine.worker.parts.recovery.promoter


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion, "PAUSE", 0.0)
    monkeypatch.setattr(promotion, "RETRY", 0.01)


def deny(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def denied(*_: object) -> bool:
        raise SignerdError(Reason.PROVIDER_DENIED, "UpdateAlias is denied")

    monkeypatch.setattr(engine.far, "promote", denied)


def leads_to(engine: Engine, name: str) -> str:
    instance = engine.keyring.view.snapshot.instance
    return engine.far.primaries.get((instance, name), "")


def uri(engine: Engine, name: str, version: int = 0) -> str:
    return engine.keyring.view.snapshot.keys[name].version(version).uri


async def make(engine: Engine, name: str) -> None:
    """Make a key as a caller does."""
    await engine.call("Keys/CreateKey", CreateKeyRequest(name=name, provider="far"))


@asynccontextmanager
async def running(promoter: Promoter, *, everything: bool) -> AsyncIterator[None]:
    task = asyncio.create_task(promoter.run(everything=everything))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_name_of_a_new_key_leads_to_it_when_the_answer_is_there(engine: Engine) -> None:
    await make(engine, "k")
    assert leads_to(engine, "k") == uri(engine, "k")
    assert [one.operation for one in engine.records()] == ["create-key"]


async def test_a_key_is_made_whatever_becomes_of_its_name(
    engine: Engine, promoter: Promoter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        deny(engine, patch)
        await make(engine, "k")
        assert promoter.warnings() == ["the name of key k at its provider: UpdateAlias is denied"]
        assert promoter.warnings()[0] in engine.worker.status.now().warnings
    async with running(promoter, everything=False):
        await until(lambda: not promoter.failing)
    assert leads_to(engine, "k") == uri(engine, "k")
    assert promoter.warnings() == []


async def test_a_name_that_fails_is_tried_again_when_it_fails_later(
    engine: Engine, promoter: Promoter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(promoter, everything=False):
        await asyncio.sleep(0)
        with monkeypatch.context() as patch:
            deny(engine, patch)
            await make(engine, "k")
            assert promoter.failing
        await until(lambda: not promoter.failing)
    assert leads_to(engine, "k")


async def test_a_start_finds_the_names_that_a_crash_left_behind(location: SqliteLocation, home: Path) -> None:
    """The process dies after the state has the key and before the name leads to it."""
    technology = MemoryProvider()
    providers = {"far": Guarded("far", "memory", technology)}
    async with living(location, home, providers, life="first") as first:
        await first.die_creating(providers["far"], "promote", after=False, name="k")
        assert technology.primaries == {}
        async with living(location, home, providers, life="second") as second:
            follower = second.creator.promoter
            async with running(follower, everything=True):
                await until(lambda: bool(second.records()))
            assert list(technology.primaries.values()) == [second.keys["k"].version(1).uri]
            (record,) = second.records()
            assert (record.operation, record.key, record.caller) == ("promote-key", "k", "signerd")


async def test_a_recovered_key_has_its_name(location: SqliteLocation, home: Path) -> None:
    technology = MemoryProvider()
    providers = {"far": Guarded("far", "memory", technology)}
    async with living(location, home, providers, life="first") as first:
        await first.die_creating(first.creator.store, "commit_key", after=False, name="k")
        async with living(location, home, providers, life="second") as second:
            assert technology.primaries == {}
            await second.recovery.settle()
            assert list(technology.primaries.values()) == [second.keys["k"].version(1).uri]


async def test_a_name_follows_the_primary_and_stays_there(engine: Engine, promoter: Promoter) -> None:
    await engine.add_key("k", states=(State.ACTIVE, State.ACTIVE), primary=2, provider="far")
    await tagged(engine)
    for _ in range(2):
        await promoter.follow("k")
        assert leads_to(engine, "k") == uri(engine, "k", 2)


async def tagged(engine: Engine) -> None:
    """The keys that `add_key` made belong to this instance."""
    instance = engine.keyring.view.snapshot.instance
    for _, material in engine.far._keys.values():
        dict.update(material.tags, instance=instance)


async def test_a_check_puts_a_name_right_and_says_so(
    engine: Engine, promoter: Promoter, caplog: pytest.LogCaptureFixture
) -> None:
    await make(engine, "k")
    engine.far.primaries.clear()
    (finding,) = await engine.worker.parts.checker.check(ANN, ["k"])
    assert finding.ok
    assert leads_to(engine, "k") == uri(engine, "k")
    assert "promote-key" in [one.operation for one in engine.records()]


async def test_a_check_tells_of_a_name_that_can_not_be_put_right(
    engine: Engine, promoter: Promoter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(engine, "k")
    deny(engine, monkeypatch)
    (finding,) = await engine.worker.parts.checker.check(ANN, ["k"])
    assert (finding.ok, finding.reason, finding.message) == (
        False,
        "PROVIDER_DENIED",
        "UpdateAlias is denied",
    )


@pytest.mark.parametrize("state", [State.DISABLED, State.VERIFY_ONLY, State.COMPROMISED])
async def test_a_primary_that_does_not_sign_is_not_followed(
    engine: Engine, promoter: Promoter, state: State
) -> None:
    await engine.add_key("k", states=(state,), provider="far")
    await tagged(engine)
    assert not await promoter.promote("k")
    assert leads_to(engine, "k") == ""


async def test_keys_of_other_makers_are_left_in_peace(engine: Engine, promoter: Promoter) -> None:
    await engine.add_key("k", provider="far")
    assert not await promoter.promote("k")
    assert engine.far.primaries == {}


async def test_providers_without_names_and_keys_that_are_gone(engine: Engine, promoter: Promoter) -> None:
    await engine.add_key("k", provider="files")
    assert not await promoter.promote("k")
    assert not await promoter.promote("nobody")
    assert promoter._followed() == []


async def test_while_the_state_can_not_be_read_nothing_is_moved(
    engine: Engine, promoter: Promoter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(engine, "k")
    engine.far.primaries.clear()

    async def broken() -> None:
        raise SignerdError(Reason.STATE_UNAVAILABLE, "no database")

    with monkeypatch.context() as patch:
        patch.setattr(engine.keyring, "refresh", broken)
        await promoter._look_after(["k"])
    assert leads_to(engine, "k") == ""
    assert promoter.failing == {"k": "no database"}


async def test_warnings_are_few(promoter: Promoter) -> None:
    promoter.failing.update({f"k{number:02}": "no" for number in range(12)})
    assert len(promoter.warnings()) == promotion.SHOWN + 1
    assert promoter.warnings()[-1] == "2 more names"
