"""Orders of which nothing can be told now: they wait, and nothing is destroyed for it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from signerd.core.keys import Key
from signerd.engine import recovery
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.state.changes import ChangeRequest
from signerd.state.location import SqliteLocation
from tests.support.lives import check_signs, held
from tests.unit.engine.outside import NAME, STEPS, Outside, World, die, provider, technology, world
from tests.unit.engine.parts import until

__all__ = ["provider", "technology", "world"]


async def test_a_provider_that_can_not_be_reached_is_tried_again(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()

    async def unreachable() -> Any:
        raise SignerdError(Reason.PROVIDER_UNAVAILABLE, "far is away")

    monkeypatch.setattr(technology, "held", unreachable)
    for _ in range(2):
        await second.recovery.settle()
        assert second.recovery.warnings() == ["unfinished key: far is away"]
        assert NAME not in second.keys
    monkeypatch.undo()
    await second.recovery.settle()
    assert (second.recovery.warnings(), NAME in second.keys) == ([], True)


async def test_a_provider_that_is_not_configured_any_more_is_told(world: World) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life("second", here=Guarded("here", "memory", MemoryProvider()))
    await second.recovery.settle()
    (warning,) = second.recovery.warnings()
    assert NAME in warning
    assert "'far'" in warning
    third = await world.life("third")
    await third.recovery.settle()
    assert NAME in third.keys


async def test_material_whose_tags_may_not_be_read_may_be_the_orders(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    second, real = await world.life(), technology.held

    async def untold() -> list[Material]:
        return [replace(one, tags={}, unsure=True) for one in await real()]

    with monkeypatch.context() as patch:
        patch.setattr(technology, "held", untold)
        world.clock.ahead += timedelta(days=1)
        await second.recovery.settle()
        (warning,) = second.recovery.warnings()
        assert NAME in warning
        assert "tags of 1 keys" in warning
        assert (world.ordered(), second.records()) == (1, [])
    await second.recovery.settle()
    assert (second.recovery.warnings(), NAME in second.keys) == ([], True)
    assert await world.orphans(second) == set()


async def test_keys_in_use_are_not_in_doubt(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.life("first")
    await first.create("team-a/other", request_id="r-0")
    await die(first, STEPS[2])
    second, real = await world.life(), technology.held

    async def untold() -> list[Material]:
        return [replace(one, tags={}, unsure=True) for one in await real()]

    monkeypatch.setattr(technology, "held", untold)
    world.clock.ahead += timedelta(days=1)
    await second.recovery.settle()
    assert (second.recovery.warnings(), world.ordered()) == ([], 0)


async def test_a_throttled_first_signature_leaves_the_key_to_the_recovery(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller learns that he may come back, and finds the key that was made for him."""
    monkeypatch.setattr(world.provider, "create_seconds", 0.05)

    async def throttled(*_: object) -> bytes:
        raise SignerdError(Reason.PROVIDER_THROTTLED, "slow down", retry_after=0.02)

    life = await world.life()
    with monkeypatch.context() as patch:
        patch.setattr(technology, "sign", throttled)
        with pytest.raises(SignerdError) as caught:
            await life.create(NAME)
        assert (caught.value.reason, caught.value.retry_after) == (Reason.PROVIDER_THROTTLED, 0.02)
        await life.recovery.settle()
        assert (len(life.recovery.waiting), len(await world.tags())) == (1, 1)
    await life.recovery.settle()
    assert life.recovery.waiting == set()
    assert await life.create(NAME)
    assert len(await world.tags()) == 1
    await check_signs(world.provider, life, NAME)


async def test_permissions_that_are_lost_keep_the_material(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()

    async def denied(*_: object) -> Any:
        raise SignerdError(Reason.PROVIDER_DENIED, "sign is not allowed")

    monkeypatch.setattr(technology, "sign", denied)
    await second.recovery.settle()
    assert second.recovery.warnings() == ["unfinished key: sign is not allowed"]
    assert len(await held(world.provider)) == 1
    monkeypatch.undo()
    await second.recovery.settle()
    assert NAME in second.keys


@pytest.mark.parametrize("what", ["key", "version", "instance"])
async def test_material_with_the_tag_alone_is_somebody_elses(
    world: World, technology: Outside, what: str
) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    (uri,) = await held(world.provider)
    private_key, material = technology._keys[uri]
    technology._keys[uri] = private_key, replace(material, tags={**material.tags, what: "7"})
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert NAME not in second.keys
    assert list(await held(world.provider)) == [uri]


async def test_what_came_while_the_provider_was_asked_is_not_overlooked(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()

    async def earlier() -> list[Any]:
        world.clock.ahead += timedelta(minutes=2)
        return []

    monkeypatch.setattr(technology, "held", earlier)
    await second.recovery.settle()
    monkeypatch.undo()
    await second.recovery.settle()
    assert NAME in second.keys


async def test_what_is_adopted_in_the_last_moment_is_not_destroyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    store = second.recovery.store
    commit = store.commit_key

    async def late(key: Key, change: ChangeRequest, response: Any, order: str = "") -> Any:
        versions = tuple(replace(version, key="taken") for version in key.versions)
        adopted = replace(key, name="taken", versions=versions)
        await commit(adopted, replace(change, request_id="r-9"), lambda _: b"answer")
        return await commit(key, change, response, order)

    monkeypatch.setattr(store, "commit_key", late)
    await second.recovery.settle()
    await second.keyring.reload()
    assert set(second.keys) == {"taken"}
    assert await world.orphans(second) == set()
    assert (second.recovery.waiting, world.ordered()) == (set(), 0)


async def test_the_recovery_goes_on_until_all_is_settled(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "FIRST_DELAY", 0.01)
    await die(await world.life("first"), STEPS[5])
    tries = 0
    real = technology.held

    async def held_later() -> Any:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise ZeroDivisionError
        return await real()

    monkeypatch.setattr(technology, "held", held_later)
    second = await world.life()
    running = asyncio.create_task(second.recovery.run())
    await until(lambda: NAME in second.keys)
    await until(lambda: not second.recovery.waiting)
    running.cancel()
    assert second.recovery.warnings() == []


async def test_without_its_log_nothing_is_settled(world: World) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    second.creator.recorder.log.healthy = False
    with pytest.raises(SignerdError) as caught:
        await second.recovery.settle()
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    assert NAME not in second.keys


async def test_an_edited_order_is_told_and_holds_up_no_other(world: World, location: SqliteLocation) -> None:
    first = await world.life("first")
    await die(first, STEPS[5])
    with closing(sqlite3.connect(location.path)) as connection, connection:
        connection.execute("UPDATE orders SET key_name = 'mine'")
    another = await world.life("another")
    await die(another, STEPS[5], "other", request_id="r-2")
    second = await world.life()
    await second.recovery.settle()
    assert list(second.keys) == ["other"]
    (warning,) = second.recovery.warnings()
    assert "MAC" in warning
