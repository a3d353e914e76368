"""litewitness cosigns our checkpoints: as they grow, over rotations, and not when the log is another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from signerd.audit import checkpoints, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.engine.log_key import LOG_KEY, vkey
from signerd.engine.log_rotation import OPERATION, RotateCall
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.rpc.keys import ANSWERS
from signerd.witnesses.cosignatures import parse_vkey
from signerd.witnesses.quorum import Witnesses
from signerd.witnesses.witness import Address, Submission, Witness
from tests.support.checkpoints import Rig, fresh_database, rigged
from tests.support.daemons import short_home
from tests.support.lives import CALLER
from tests.support.servers.litewitness import NAME, LiteWitness, litewitness


@pytest.fixture
def witness() -> Iterator[LiteWitness]:
    with short_home() as home, litewitness(home / "w") as running:
        yield running


def client(witness: LiteWitness) -> Witnesses:
    return Witnesses([Witness(Address(parse_vkey(witness.vkey), witness.url))], 1, 20.0)


@pytest.fixture
async def rig(tmp_path: Path, witness: LiteWitness) -> AsyncIterator[Rig]:
    providers = {"here": Guarded("here", "memory", MemoryProvider())}
    location = fresh_database(tmp_path)
    async with rigged(location, tmp_path, providers, witnesses=client(witness)) as rig:
        key = await rig.checkpointer.key.ensure()
        witness.add_log(rig.log.origin, vkey(rig.log.origin, key.version(0)))
        yield rig


async def cosigned(rig: Rig) -> int:
    """Make a checkpoint; its size if the published one has the witness's line."""
    made = await rig.checkpointer.make()
    published = rig.log.published
    assert published is not None
    names = [line.name for line in notes.parse(published.note).signatures]
    return made.size if NAME in names else 0


async def test_it_cosigns_a_log_that_grows(rig: Rig, witness: LiteWitness) -> None:
    for count in (1, 1, 3, 250, 1, 260):
        await rig.append(count)
        assert await cosigned(rig) == rig.log.sequence == witness.size(rig.log.origin)
    assert rig.checkpointer.warnings() == []


async def test_a_client_that_knows_nothing_finds_out(rig: Rig, witness: LiteWitness) -> None:
    await rig.append(5)
    await cosigned(rig)
    rig.checkpointer.anchors.outside.witnesses = client(witness)
    await rig.append(5)
    assert await cosigned(rig) == rig.log.sequence


async def test_it_goes_along_with_a_rotation(rig: Rig, witness: LiteWitness) -> None:
    await rig.append()
    await cosigned(rig)
    await rig.rotator.rotate(CALLER, RotateCall(), ANSWERS[OPERATION])
    assert await cosigned(rig) == rig.log.sequence  # both keys sign this one
    await rig.append()
    assert await cosigned(rig) == 0
    assert "403" in rig.checkpointer.warnings()[0]
    witness.add_log(rig.log.origin, vkey(rig.log.origin, rig.life.keys[LOG_KEY].version(2)))
    rig.checkpointer.anchors.outside.witnesses = client(witness)
    assert await cosigned(rig) == rig.log.sequence


async def test_a_log_that_it_does_not_know_is_told(tmp_path: Path, witness: LiteWitness) -> None:
    providers = {"here": Guarded("here", "memory", MemoryProvider())}
    location = fresh_database(tmp_path)
    async with rigged(location, tmp_path, providers, witnesses=client(witness)) as rig:
        await rig.append()
        assert await cosigned(rig) == 0
        assert "does not know the log (404)" in rig.checkpointer.warnings()[0]


async def test_an_older_log_of_the_name_is_disowned(rig: Rig, witness: LiteWitness) -> None:
    await rig.append(3)
    older = await rig.checkpointer.make()
    await rig.append(3)
    await cosigned(rig)
    done = await client(witness).cosign(submission(older), no_proof)
    assert done.cosignatures == []
    assert f"has cosigned {rig.log.sequence} records" in done.disowned(older.size)


async def test_another_log_of_the_name_is_disowned(rig: Rig) -> None:
    await rig.append(3)
    await cosigned(rig)
    key = rig.life.keys[LOG_KEY].version(0)
    head = rig.log.tree_head()._replace(root=bytes(32))
    text = checkpoints.body(rig.log.origin, head)
    line = await rig.checkpointer.key.sign(key, rig.log.origin, text)
    forged = Checkpoint(rig.log.origin, head.size, head.root, notes.note(text, [line]))
    witnesses = rig.checkpointer.anchors.witnesses
    assert witnesses is not None
    done = await witnesses.cosign(submission(forged), no_proof)
    assert "not consistent with this one (422)" in done.disowned(head.size)


def submission(made: Checkpoint) -> Submission:
    return Submission(made.size, notes.parse(made.note).text, made.note)


async def no_proof(old: int, size: int) -> list[bytes]:
    raise AssertionError(f"no proof from {old} to {size} is wanted")
