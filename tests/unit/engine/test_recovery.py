"""Orders that a crash left: adopted or destroyed, never forgotten, never half."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.inputs import SigningInput
from signerd.core.keys import Key
from signerd.core.pem import write_block
from signerd.engine import recovery
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material, Order
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded
from signerd.providers.local.provider import LocalProvider
from signerd.providers.memory import MemoryProvider
from signerd.state.changes import ChangeRequest
from signerd.state.journal import SILENT
from signerd.state.location import SqliteLocation
from signerd.state.orders import PendingOrder
from tests.support.lives import (
    Clock,
    Life,
    adopted_after_a_crash,
    check_signs,
    destroyed_after_a_crash,
    held,
    living,
)
from tests.unit.engine.parts import imported, until

NAME = "team-a/release"


class Outside(MemoryProvider):
    """A provider that outlives the process; it gives `signature` if that is set."""

    in_process = False
    signature = b""

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        return self.signature or await super().sign(uri, algorithm, given)


@pytest.fixture
def technology() -> Outside:
    return Outside()


@pytest.fixture
def provider(technology: Outside) -> Guarded:
    return Guarded("far", "memory", technology, limits=Limits(call=600.0))


class World:
    """What outlives the worker: the database, the provider and the time."""

    def __init__(
        self, location: SqliteLocation, home: Path, provider: Guarded, stack: AsyncExitStack
    ) -> None:
        self._location, self._home, self._stack = location, home, stack
        self.provider, self.clock = provider, Clock()

    async def life(self, life: str = "second", worker: str = "host/worker-0", **providers: Guarded) -> Life:
        """A life of a worker; it lasts as long as the test."""
        configured = providers or {self.provider.name: self.provider}
        return await self._stack.enter_async_context(
            living(self._location, self._home, configured, worker=worker, life=life, clock=self.clock)
        )

    def ordered(self) -> int:
        """How many orders the journal has, whosever."""
        with closing(sqlite3.connect(self._location.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])

    async def tags(self) -> list[str]:
        """Tags of all material."""
        return [one.tags["tag"] for one in (await held(self.provider)).values()]

    async def orphans(self, life: Life) -> set[str]:
        """Material that no key uses, and keys' material that is not there."""
        await life.keyring.reload()
        used = {version.uri for key in life.keys.values() for version in key.versions}
        return set(await held(self.provider)) ^ used


@pytest.fixture
async def world(location: SqliteLocation, home: Path, provider: Guarded) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(location, home, provider, stack)


STEPS: list[tuple[str, Callable[[Life], object], str, bool]] = [
    ("before the order", lambda life: life.creator.journal, "begin", False),
    ("after the order", lambda life: life.creator.journal, "begin", True),
    ("before the material", lambda life: life.creator.providers["far"]._provider, "create", False),
    ("after the material", lambda life: life.creator.providers["far"]._provider, "create", True),
    ("in the first signature", lambda life: life.creator.providers["far"]._provider, "sign", False),
    ("before the key", lambda life: life.creator.store, "commit_key", False),
    ("after the key", lambda life: life.creator.store, "commit_key", True),
    ("before the view", lambda life: life.creator.keyring, "reload", False),
]
MADE = {"after the material", "in the first signature", "before the key", "after the key", "before the view"}
each_step = pytest.mark.parametrize("step", STEPS, ids=[step[0] for step in STEPS])
Step = tuple[str, Callable[[Life], object], str, bool]


async def die(life: Life, step: Step, name: str = NAME, **fields: Any) -> None:
    _, owner, method, after = step
    await life.die_creating(owner(life), method, after=after, name=name, **fields)


@each_step
async def test_whenever_it_dies_the_next_life_has_the_key_or_nothing(world: World, step: Step) -> None:
    await die(await world.life("first"), step, labels={"a": "b"})
    second = await world.life()
    await second.recovery.settle()
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert (second.recovery.waiting, second.recovery.warnings()) == (set(), [])
    assert world.ordered() == 0
    assert await world.orphans(second) == set()
    assert (NAME in second.keys) == (step[0] in MADE)
    if NAME in second.keys:
        key = second.keys[NAME]
        assert (key.created_by, dict(key.labels), key.primary) == ("unix:ann", {"a": "b"}, 1)
        await check_signs(world.provider, second, NAME)


@each_step
async def test_the_same_request_afterwards_is_answered_as_if_nothing_had_been(
    world: World, step: Step
) -> None:
    await die(await world.life("first"), step)
    second = await world.life()
    await second.recovery.settle()
    first_answer = await second.create(NAME)
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert await second.create(NAME) == first_answer
    assert len(second.keys) == 1
    assert await world.orphans(second) == set()


@pytest.mark.parametrize("step", STEPS[:6], ids=[step[0] for step in STEPS[:6]])
async def test_a_key_that_took_the_name_keeps_it(world: World, step: Step) -> None:
    await die(await world.life("first"), step)
    other = await world.life("other", "other/worker-0")
    await other.create(NAME, request_id="r-2", labels={"who": "other"})
    second = await world.life()
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert (await world.orphans(second), world.ordered()) == (set(), 0)
    assert dict(second.keys[NAME].labels) == {"who": "other"}
    await check_signs(world.provider, second, NAME)


REFUSED: list[Step] = [
    ("before the material goes", lambda life: life.creator.providers["far"], "change", False),
    ("after the material went", lambda life: life.creator.providers["far"], "change", True),
    ("before the order ends", lambda life: life.creator.journal, "end", False),
]


@pytest.mark.parametrize("step", REFUSED, ids=[step[0] for step in REFUSED])
async def test_dying_while_a_refused_key_is_undone(world: World, step: Step) -> None:
    first, other = await world.life("first"), await world.life("other", "other/worker-0")
    await other.create(NAME, request_id="r-2")
    # The view of the first is older: the state refuses the name.
    await die(first, step)
    second = await world.life()
    await second.recovery.settle()
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert second.recovery.waiting == set()
    assert (await world.orphans(second), world.ordered()) == (set(), 0)


async def test_an_import_is_adopted_as_what_it_was(world: World) -> None:
    pem = write_block("PRIVATE KEY", imported("ecd", 256, 1))
    await die(await world.life("first"), STEPS[5], private_key=pem)
    second = await world.life()
    await second.recovery.settle()
    record = second.records()[-1]
    assert (record.operation, record.outcome) == ("import-key-recovered", "ok")
    assert await second.create(NAME, private_key=pem)
    with pytest.raises(SignerdError) as caught:
        await second.create(NAME)
    assert caught.value.reason is Reason.REQUEST_ID_REUSED


async def test_what_became_of_an_order_is_on_record(world: World) -> None:
    first = await world.life("first")
    await die(first, STEPS[5])
    assert [one.operation for one in first.records()] == ["create-key-begun"]
    second = await world.life()
    await second.recovery.settle()
    (record,) = second.records()
    assert (record.operation, record.outcome, record.caller) == ("create-key-recovered", "ok", "signerd")
    assert (record.key, record.version, record.request_id) == (NAME, 1, "r-1")


async def test_nothing_made_is_on_record_when_nothing_can_come_any_more(world: World) -> None:
    await die(await world.life("first"), STEPS[2])
    second = await world.life()
    await second.recovery.settle()
    assert (len(second.recovery.waiting), second.records()) == (1, [])
    world.clock.ahead += timedelta(seconds=59) + recovery.LATE
    await second.recovery.settle()
    assert second.records() == []
    world.clock.ahead += timedelta(seconds=2)
    await second.recovery.settle()
    (record,) = second.records()
    assert (record.outcome, record.reason) == ("failed", Reason.KEY_MATERIAL_UNREADABLE.name)
    assert second.recovery.waiting == set()


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


SPOILT = {
    "signature": Reason.PROVIDER_INTEGRITY,
    "public key": Reason.PROVIDER_INTEGRITY,
    "algorithm": Reason.ALGORITHM_UNSUPPORTED,
    "disabled": Reason.KEY_MATERIAL_DISABLED,
    "empty": Reason.ALGORITHM_UNSUPPORTED,
}


async def spoil(technology: Outside, uri: str, what: str) -> None:
    if what == "disabled":
        await technology.change(uri, Change.DISABLE)
    elif what == "signature":
        technology.signature = b"garbage"
    elif what == "empty":  # an import that was begun
        private_key, material = technology._keys[uri]
        technology._keys[uri] = private_key, replace(material, public_key=b"", enabled=False)
    else:
        name = "ecdsa-p256-sha256" if what == "public key" else "ecdsa-p384-sha384"
        other = await MemoryProvider().create(Order("x", 1, algorithm_named(name), "x"))
        private_key, material = technology._keys[uri]
        technology._keys[uri] = private_key, replace(material, public_key=other.public_key)


@pytest.mark.parametrize("what", SPOILT)
async def test_material_that_is_no_good_is_destroyed(world: World, technology: Outside, what: str) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    (uri,) = await held(world.provider)
    await spoil(technology, uri, what)
    await second.recovery.settle()
    assert NAME not in second.keys
    assert await technology.held() == []
    (record,) = second.records()
    assert (record.operation, record.reason) == ("create-key-recovered", SPOILT[what].name)
    assert second.recovery.waiting == set()


async def test_what_can_not_be_destroyed_now_is_destroyed_later(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    other = await world.life("other", "other/worker-0")
    await other.create(NAME, request_id="r-2")
    second = await world.life()

    async def unable(*_: object) -> None:
        raise SignerdError(Reason.PROVIDER_THROTTLED, "slowly")

    monkeypatch.setattr(technology, "change", unable)
    await second.recovery.settle()
    assert second.recovery.warnings() == ["unfinished key: slowly"]
    monkeypatch.undo()
    await second.recovery.settle()
    assert await world.orphans(second) == set()


async def test_an_order_that_comes_back_destroys_no_key(world: World) -> None:
    first = await world.life("first")
    orders: list[PendingOrder] = []
    begin = first.creator.journal.begin

    async def spied(order: PendingOrder) -> None:
        orders.append(order)
        await begin(order)

    first.creator.journal.begin = spied  # type: ignore[method-assign]
    await first.create(NAME)
    # Who can write to the database puts the old row back.
    await begin(orders[0])
    second = await world.life()
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert await world.orphans(second) == set()
    await check_signs(world.provider, second, NAME)


async def test_material_made_twice_leaves_one(world: World, technology: Outside) -> None:
    await die(await world.life("first"), STEPS[5])
    (uri,) = await held(world.provider)
    private_key, material = technology._keys[uri]
    technology._keys[f"{uri}-again"] = private_key, replace(material, uri=f"{uri}-again")
    second = await world.life()
    await second.recovery.settle()
    assert await world.orphans(second) == set()
    assert len(second.keys) == 1


async def test_material_of_others_is_left_alone(world: World, technology: Outside) -> None:
    for tag in ("", "other"):
        await technology.create(Order("other", 1, algorithm_named("ecdsa-p256-sha256"), tag))
    before = set(await held(world.provider))
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    await second.recovery.settle()
    assert await world.orphans(second) == before


async def test_orders_of_others_wait_until_they_have_been_silent(world: World) -> None:
    await die(await world.life("first"), STEPS[5])
    other = await world.life("other", "other/worker-0")
    await other.recovery.settle()
    assert (NAME in other.keys, other.recovery.waiting) == (False, set())
    world.clock.ahead += SILENT + timedelta(seconds=1)
    await other.recovery.settle()
    assert NAME in other.keys


async def test_of_many_workers_one_settles_it(world: World) -> None:
    first = await world.life("first")
    await die(first, STEPS[5])
    await first.creator.journal.release(*await world.tags())
    workers = [await world.life(f"{n}", f"w{n}/worker-0") for n in range(4)]
    await asyncio.gather(*(worker.recovery.settle() for worker in workers))
    assert await world.orphans(workers[0]) == set()
    assert len(workers[0].keys) == 1
    assert sum(len(worker.records()) for worker in workers) == 1
    assert [worker.recovery.waiting for worker in workers] == [set()] * 4


@pytest.mark.parametrize("request_id", ["r-1", ""])
async def test_a_stopped_process_that_goes_on_after_its_order_was_settled(
    world: World, request_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.life("first")
    go_on, reached = asyncio.Event(), asyncio.Event()
    commit = first.creator.store.commit_key

    async def suspended(*args: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await commit(*args)

    monkeypatch.setattr(first.creator.store, "commit_key", suspended)
    request = asyncio.create_task(first.create(NAME, request_id=request_id))
    await reached.wait()
    world.clock.ahead += SILENT + timedelta(seconds=1)
    other = await world.life("other", "other/worker-0")
    await other.recovery.settle()
    assert NAME in other.keys
    go_on.set()
    (outcome,) = await asyncio.gather(request, return_exceptions=True)
    assert await world.orphans(other) == set()
    await check_signs(world.provider, other, NAME)
    if request_id:
        assert outcome == await other.create(NAME)
    else:
        assert "settled meanwhile" in str(outcome)


async def test_a_slow_process_whose_order_was_given_up_leaves_nothing(world: World) -> None:
    first = await world.life("first")
    begin = first.creator.journal.begin

    async def begun_and_forgotten(order: PendingOrder) -> None:
        await begin(order)
        await first.creator.journal.end(order.tag)

    first.creator.journal.begin = begun_and_forgotten  # type: ignore[method-assign]
    with pytest.raises(SignerdError, match="settled meanwhile"):
        await first.create(NAME)
    assert await world.orphans(first) == set()
    assert first.keys == {}


async def test_an_order_whose_fate_is_unknown_is_settled_in_the_same_life(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.life("first")
    create = technology.create

    async def unanswered(order: Order) -> Any:
        await create(order)
        raise SignerdError(Reason.PROVIDER_TIMEOUT, "no answer")

    monkeypatch.setattr(technology, "create", unanswered)
    running = asyncio.create_task(first.recovery.run())
    with pytest.raises(SignerdError, match="no answer"):
        await first.create(NAME)
    await until(lambda: NAME in first.keys)
    running.cancel()
    assert await world.orphans(first) == set()


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


async def test_what_providers_use_to_show_the_same(provider: Guarded, tmp_path: Path) -> None:
    for number, check in enumerate((adopted_after_a_crash, destroyed_after_a_crash)):
        directory = tmp_path / str(number)
        directory.mkdir(mode=0o700)
        await check(provider, directory, key=f"k{number}")


async def test_key_files_are_adopted_too(tmp_path: Path) -> None:
    local = Guarded("files", "local", LocalProvider(tmp_path / "keys", lambda: b"password"))
    await adopted_after_a_crash(local, tmp_path)


async def test_what_is_left_behind_would_show(
    provider: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: object) -> None: ...

    monkeypatch.setattr(recovery.Recovery, "settle", nothing)
    with pytest.raises((AssertionError, KeyError)):
        await adopted_after_a_crash(provider, tmp_path)
