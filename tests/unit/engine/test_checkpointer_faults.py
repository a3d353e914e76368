"""What fails between a signature and its published checkpoint is tried again, and ends nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.engine.log_rotation import RotateCall
from signerd.errors import Reason, SignerdError
from signerd.mirrors.mirror import Mirror
from signerd.mirrors.targets import DirectoryTarget
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.rpc.keys import ANSWERS
from tests.support.checkpoints import fresh_database, rigged, witnesses_of
from tests.support.daemons import until
from tests.support.lives import CALLER
from tests.support.servers.witness import StandIn, standing_in
from tests.unit.state.contract import refused

SECONDS = 20.0
FULL = SignerdError(Reason.AUDIT_UNAVAILABLE, "the disk is full")


@pytest.fixture
def providers() -> dict[str, Guarded]:
    return {"here": Guarded("here", "memory", MemoryProvider())}


def failing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, fails: Callable[[Checkpoint], bool]
) -> list[Checkpoint]:
    """Make the first publication that `fails` picks raise an error; what was picked."""
    real: Callable[[Log, Checkpoint], Awaitable[None]] = Log.publish
    failed: list[Checkpoint] = []

    async def publish(log: Log, made: Checkpoint) -> None:
        if not failed and fails(made):
            failed.append(made)
            raise error
        await real(log, made)

    monkeypatch.setattr(Log, "publish", publish)
    monkeypatch.setattr("signerd.engine.checkpointer.PAUSE", 0.01)
    return failed


@pytest.mark.parametrize("error", [FULL, ZeroDivisionError("a defect")])
async def test_what_could_not_be_published_is_published_without_new_records(
    tmp_path: Path, providers: dict[str, Guarded], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async with rigged(fresh_database(tmp_path), tmp_path, providers) as rig:
        await rig.append()
        before = await rig.checkpointer.make()
        failed = failing(monkeypatch, error, lambda made: made.size > before.size)
        rig.start()
        await rig.append()
        async with asyncio.timeout(SECONDS):
            with refused(Reason.CHECKPOINT_UNAVAILABLE):
                await rig.checkpointer.covering(rig.log.sequence)
            assert [one.size for one in failed] == [rig.log.sequence]
            assert (await rig.checkpointer.covering(rig.log.sequence)).size == before.size + 1
        await until(lambda: rig.log.published is not None and rig.log.published.size == before.size + 1)
        assert rig.checkpointer.warnings() == []


async def test_the_first_published_checkpoint_after_a_rotation_has_both_signatures(
    tmp_path: Path, providers: dict[str, Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rigged(fresh_database(tmp_path), tmp_path, providers) as rig:
        await rig.append()
        before = await rig.checkpointer.make()
        call = RotateCall(lost=False, request_id="r-1")
        await rig.rotator.rotate(CALLER, call, ANSWERS["rotate-log-key"])
        failing(monkeypatch, FULL, lambda made: made.size > before.size)
        with refused(Reason.AUDIT_UNAVAILABLE):
            await rig.checkpointer.make()
        assert rig.log.published == before
        assert rig.signers(await rig.checkpointer.make()) == [1, 2]
        assert rig.signers(await rig.checkpointer.make()) == [2]
        assert len(rig.records("log-key-rotated")) == 1


async def test_cosignatures_that_could_not_be_published_are_asked_for_again(
    tmp_path: Path, providers: dict[str, Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing_in(StandIn()) as witness:
        witnesses = witnesses_of(witness, required=True)
        async with rigged(fresh_database(tmp_path), tmp_path, providers, witnesses=witnesses) as rig:
            rig.start()
            await rig.append()
            async with asyncio.timeout(SECONDS):
                before = await rig.checkpointer.covering(rig.log.sequence)
                failed = failing(monkeypatch, FULL, lambda made: len(made.note) > len(before.note) - 5)
                await rig.append()
                with refused(Reason.CHECKPOINT_UNAVAILABLE):
                    await rig.checkpointer.covering(rig.log.sequence)
                assert len(failed) == 1
                await rig.checkpointer.covering(rig.log.sequence)
            assert rig.log.published is not None
            assert rig.log.published.note == failed[0].note


async def test_a_defect_in_the_mirror_is_told_and_ends_nothing(
    tmp_path: Path, providers: dict[str, Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signerd.engine.anchors.MIRROR_PAUSE", 0.05)
    (tmp_path / "mirror").mkdir()
    mirror = Mirror(DirectoryTarget(tmp_path / "mirror", "copy"), tmp_path, 5.0)
    monkeypatch.setattr(mirror, "copy", lambda *_: 1 / 0)
    async with rigged(fresh_database(tmp_path), tmp_path, providers, mirror=mirror) as rig:
        rig.start()
        await rig.append()
        await until(lambda: any("ZeroDivisionError" in one for one in rig.checkpointer.warnings()))
        assert not any(task.done() for task in rig.tasks)
