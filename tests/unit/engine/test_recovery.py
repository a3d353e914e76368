"""Orders that a crash left: adopted or destroyed, never forgotten, never half."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from signerd.core.pem import write_block
from signerd.engine import recovery
from signerd.errors import Reason, SignerdError
from signerd.providers.guard import Guarded
from signerd.providers.local.provider import LocalProvider
from tests.support.lives import adopted_after_a_crash, check_signs, destroyed_after_a_crash
from tests.unit.engine.outside import NAME, STEPS, Step, World, die, provider, technology, world
from tests.unit.engine.parts import imported

__all__ = ["provider", "technology", "world"]


MADE = {"after the material", "in the first signature", "before the key", "after the key", "before the view"}
each_step = pytest.mark.parametrize("step", STEPS, ids=[step[0] for step in STEPS])


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
