"""What holds for shards and their checkpoints on any database; SQLite and PostgreSQL run the same body."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from signerd.errors import Reason
from signerd.state.checkpoints import Checkpoints, KeptCheckpoint
from signerd.state.database import Database, open_database
from signerd.state.location import Location
from signerd.state.schema import CHECKPOINTS, SHARDS
from signerd.state.shards import Claim, Shards
from signerd.state.state_key import StateKey
from signerd.state.store import Store
from tests.unit.state.contract import refused
from tests.unit.state.samples import NOW, SECRET, Intruder, edit_first_row

WANTED = Claim("", "worker-0", "token-a", 12, "host:/audit")


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def shards(store: Store, database: Database, clock: Time) -> Shards:
    return Shards(database, SECRET, clock=clock)


@pytest.fixture
def checkpoints(store: Store, database: Database, clock: Time) -> Checkpoints:
    return Checkpoints(database, SECRET, clock=clock)


class ShardsContract:
    async def test_names_are_given_once_and_in_order(self, shards: Shards, clock: Time) -> None:
        for token in "abc":
            await shards.claim(replace(WANTED, token=token))
            clock.now += timedelta(seconds=1)
        assert [(one.name, one.token) for one in await shards.all()] == [
            ("worker-0", "a"),
            ("worker-0-2", "b"),
            ("worker-0-3", "c"),
        ]

    async def test_a_claim_comes_back_as_it_was_given(self, shards: Shards) -> None:
        claim = await shards.claim(WANTED)
        assert claim == replace(WANTED, name="worker-0")
        assert await shards.all() == [claim]

    async def test_a_token_has_one_name_however_often_it_asks(self, shards: Shards) -> None:
        first = await shards.claim(WANTED)
        assert await shards.claim(WANTED, {"worker-0"}) == first

    async def test_names_that_are_taken_elsewhere_are_not_given(self, shards: Shards) -> None:
        claim = await shards.claim(WANTED, {"worker-0", "worker-0-3"})
        assert claim.name == "worker-0-2"
        assert (await shards.claim(replace(WANTED, token="b"), {"worker-0-3"})).name == "worker-0"
        assert (await shards.claim(replace(WANTED, token="c"), {"worker-0-3"})).name == "worker-0-4"

    async def test_replicas_that_ask_at_once_get_different_names(
        self, shards: Shards, location: Location
    ) -> None:
        others = [open_database(location) for _ in range(3)]
        asked = [Shards(database, SECRET) for database in others]
        claims = await asyncio.gather(
            *(one.claim(replace(WANTED, token=f"t{number}")) for number, one in enumerate(asked))
        )
        for database in others:
            await database.close()
        assert sorted(claim.name for claim in claims) == ["worker-0", "worker-0-2", "worker-0-3"]

    async def test_an_ended_shard_stays_ended(self, shards: Shards, clock: Time) -> None:
        await shards.claim(WANTED)
        await shards.end("worker-0")
        clock.now += timedelta(days=1)
        await shards.end("worker-0")
        assert [one.ended for one in await shards.all()] == [True]
        assert (await shards.claim(replace(WANTED, token="b"))).name == "worker-0-2"

    @pytest.mark.parametrize("column", [one.name for one in SHARDS.columns])
    async def test_an_edited_claim_is_refused(self, shards: Shards, intruder: Intruder, column: str) -> None:
        await shards.claim(WANTED)
        await intruder.run(edit_first_row(SHARDS, column))
        with refused(Reason.STATE_TAMPERED, "shard"):
            await shards.all()
        with refused(Reason.STATE_TAMPERED, "shard"):
            await shards.claim(replace(WANTED, token="b"))
        with refused(Reason.STATE_TAMPERED, "shard"):
            await shards.end("worker-0")


class CheckpointsContract:
    async def test_the_latest_checkpoint_comes_back(self, checkpoints: Checkpoints, clock: Time) -> None:
        await checkpoints.keep("worker-0", 3, b"r3", b"note 3")
        clock.now += timedelta(minutes=1)
        await checkpoints.keep("worker-0", 5, b"r5", b"note 5")
        await checkpoints.keep("worker-1", 0, b"e", b"note 0")
        assert await checkpoints.all() == {
            "worker-0": KeptCheckpoint("worker-0", 5, b"r5", b"note 5", clock.now),
            "worker-1": KeptCheckpoint("worker-1", 0, b"e", b"note 0", clock.now),
        }

    async def test_more_signatures_on_the_same_tree_are_kept(
        self, checkpoints: Checkpoints, clock: Time
    ) -> None:
        await checkpoints.keep("worker-0", 3, b"r3", b"note")
        clock.now += timedelta(minutes=1)
        await checkpoints.keep("worker-0", 3, b"r3", b"note with a witness")
        kept = (await checkpoints.all())["worker-0"]
        assert (kept.note, kept.made) == (b"note with a witness", NOW)

    @pytest.mark.parametrize(("size", "root"), [(2, b"r3"), (2, b"r2"), (3, b"other"), (0, b"")])
    async def test_it_never_goes_back(self, checkpoints: Checkpoints, size: int, root: bytes) -> None:
        await checkpoints.keep("worker-0", 3, b"r3", b"note 3")
        with refused(Reason.AUDIT_CORRUPT, "does not follow"):
            await checkpoints.keep("worker-0", size, root, b"other")
        assert (await checkpoints.all())["worker-0"].note == b"note 3"

    async def test_it_moves_no_revision(self, checkpoints: Checkpoints, store: Store) -> None:
        await checkpoints.keep("worker-0", 3, b"r3", b"note 3")
        assert await store.revision() == 0

    @pytest.mark.parametrize("column", [one.name for one in CHECKPOINTS.columns])
    async def test_an_edited_checkpoint_is_refused(
        self, checkpoints: Checkpoints, intruder: Intruder, column: str
    ) -> None:
        await checkpoints.keep("worker-0", 3, b"r3", b"note 3")
        await intruder.run(edit_first_row(CHECKPOINTS, column))
        with refused(Reason.STATE_TAMPERED, "checkpoint"):
            await checkpoints.all()
        if column != "shard":
            with refused(Reason.STATE_TAMPERED, "checkpoint"):
                await checkpoints.keep("worker-0", 5, b"r5", b"note 5")

    async def test_another_state_key_is_refused(self, checkpoints: Checkpoints, database: Database) -> None:
        await checkpoints.keep("worker-0", 3, b"r3", b"note 3")
        with refused(Reason.STATE_TAMPERED):
            await Checkpoints(database, StateKey(b"x" * 32)).all()
