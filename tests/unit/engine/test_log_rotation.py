"""Rotation of the log key: journaled, on record, and the first checkpoint after it is signed by both keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from signerd.core.keys import State
from signerd.engine.log_key import LOG_KEY, vkey
from signerd.engine.log_rotation import OPERATION, RotateCall
from signerd.errors import Reason
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.rpc.keys import ANSWERS
from signerd.state.location import SqliteLocation
from tests.support.checkpoints import Rig, fresh_database, rigged
from tests.support.lives import CALLER
from tests.unit.state.contract import refused

ENCODE = ANSWERS[OPERATION]


@pytest.fixture
def providers() -> dict[str, Guarded]:
    return {"here": Guarded("here", "memory", MemoryProvider())}


@pytest.fixture
def location(tmp_path: Path) -> SqliteLocation:
    return fresh_database(tmp_path)


@pytest.fixture
async def rig(location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]) -> AsyncIterator[Rig]:
    async with rigged(location, tmp_path, providers) as rig:
        await rig.append()
        await rig.checkpointer.make()
        yield rig


async def rotate(rig: Rig, request_id: str = "r-1", *, lost: bool = False) -> bytes:
    return (await rig.rotator.rotate(CALLER, RotateCall(lost, request_id), ENCODE)).answer


async def test_the_first_checkpoint_has_both_signatures_later_ones_the_new(rig: Rig) -> None:
    await rotate(rig)
    await rig.append()
    assert rig.signers(await rig.checkpointer.make()) == [1, 2]
    await rig.append()
    assert rig.signers(await rig.checkpointer.make()) == [2]
    key = rig.life.keys[LOG_KEY]
    assert (key.primary, [one.state for one in key.versions]) == (2, [State.ACTIVE, State.ACTIVE])


async def test_both_keys_are_on_record_before_the_new_one_signs(rig: Rig) -> None:
    await rotate(rig)
    made = await rig.checkpointer.make()
    (record,) = rig.records("log-key-rotated")
    old, new = (vkey(rig.log.origin, one) for one in rig.life.keys[LOG_KEY].versions)
    assert record.detail == f"from {old} to {new}"
    assert record.sequence <= made.size
    (asked,) = rig.records(OPERATION)
    assert (asked.caller, asked.key, asked.outcome) == (CALLER.subject, LOG_KEY, "ok")
    (begun,) = rig.records(f"{OPERATION}-begun")
    assert begun.sequence < asked.sequence


async def test_a_rotation_is_seen_without_new_records(rig: Rig) -> None:
    rig.start()
    await rotate(rig)
    async with asyncio.timeout(20):
        while rig.log.published is None or rig.signers(rig.log.published) != [1, 2]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_two_rotations_before_a_checkpoint_are_signed_by_first_and_last(rig: Rig) -> None:
    await rotate(rig, "r-1")
    await rotate(rig, "r-2")
    assert rig.signers(await rig.checkpointer.make()) == [1, 3]


async def test_a_lost_key_signs_no_more(rig: Rig, providers: dict[str, Guarded]) -> None:
    await rotate(rig, lost=True)
    assert rig.signers(await rig.checkpointer.make()) == [2]
    assert rig.life.keys[LOG_KEY].version(1).state is State.VERIFY_ONLY


async def test_the_same_request_rotates_once(rig: Rig) -> None:
    assert await rotate(rig) == await rotate(rig)
    assert len(rig.life.keys[LOG_KEY].versions) == 2
    with refused(Reason.REQUEST_ID_REUSED):
        await rotate(rig, lost=True)


async def test_two_at_once_leave_no_material_behind(rig: Rig, providers: dict[str, Guarded]) -> None:
    done = await asyncio.gather(rotate(rig, "r-1"), rotate(rig, "r-2"), return_exceptions=True)
    versions = rig.life.keys[LOG_KEY].versions
    assert len(versions) == 1 + sum(isinstance(one, bytes) for one in done)
    held = {one.uri for one in await providers["here"].held() if one.enabled}
    assert held == {one.uri for one in versions}


STEPS: list[tuple[str, Callable[[Rig], object], str, bool]] = [
    ("order noted", lambda rig: rig.life.creator.journal, "begin", True),
    ("before the material", lambda rig: rig.life.creator.providers["here"], "create", False),
    ("material made", lambda rig: rig.life.creator.providers["here"], "create", True),
    ("before the version", lambda rig: rig.life.creator.store, "commit_rotation", False),
    ("after the version", lambda rig: rig.life.creator.store, "commit_rotation", True),
    ("before the view", lambda rig: rig.life.keyring, "reload", False),
    ("before the record of both keys", lambda rig: rig.checkpointer, "_note", False),
    ("after the record of both keys", lambda rig: rig.checkpointer, "_note", True),
    ("before the state", lambda rig: rig.state, "keep", False),
    ("after the state", lambda rig: rig.state, "keep", True),
    ("before it is published", lambda rig: rig.log, "publish", False),
    ("after it is published", lambda rig: rig.log, "publish", True),
]


@pytest.mark.parametrize("step", STEPS, ids=[step[0] for step in STEPS])
async def test_killed_at_any_step_the_next_life_goes_on(
    location: SqliteLocation,
    tmp_path: Path,
    providers: dict[str, Guarded],
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[str, Callable[[Rig], object], str, bool],
) -> None:
    _, owner, method, after = step
    async with rigged(location, tmp_path, providers) as first:
        await first.append()
        await first.checkpointer.make()
        frozen = freeze(monkeypatch, owner(first), method, after=after)
        dying = asyncio.create_task(rotate_and_checkpoint(first))
        async with asyncio.timeout(20):
            await frozen.wait()
        monkeypatch.undo()
        published = first.log.published
        async with rigged(location, tmp_path, providers, life="second") as second:
            await second.life.recovery.settle()
            again = await rotate(second)
            assert again == await rotate(second)
            versions = second.life.keys[LOG_KEY].versions
            assert len(versions) == 2
            assert {one.uri for one in await providers["here"].held() if one.enabled} == {
                one.uri for one in versions
            }
            # The shard of the life before, as it goes on: its newest checkpoint is by the key before, or by both.
            second.checkpointer.latest = published
            await second.append()
            signed = await second.checkpointer._signers(second.life.keys[LOG_KEY])
            numbers = [one.number for one in signed]
            assert numbers == ([2] if published and 2 in second.signers(published) else [1, 2])
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)


async def rotate_and_checkpoint(rig: Rig) -> None:
    await rotate(rig)
    await rig.checkpointer.make()


def freeze(monkeypatch: pytest.MonkeyPatch, owner: object, method: str, *, after: bool) -> asyncio.Event:
    """Have a method never return, before or after it does its work."""
    real, frozen = getattr(type(owner), method), asyncio.Event()

    async def freezing(self: object, *args: object, **named: object) -> object:
        if self is not owner:
            return await real(self, *args, **named)
        if after:
            await real(self, *args, **named)
        frozen.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    monkeypatch.setattr(type(owner), method, freezing)
    return frozen
