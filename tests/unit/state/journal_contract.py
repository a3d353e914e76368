"""What holds for the journal on any database; SQLite and PostgreSQL run the same body."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from signerd.errors import Reason
from signerd.state.database import Database, open_database
from signerd.state.journal import SILENT, Journal
from signerd.state.location import Location
from signerd.state.orders import Owner
from signerd.state.schema import INSTANCE, ORDERS
from signerd.state.store import Store
from tests.unit.state.contract import refused, rows_in
from tests.unit.state.samples import (
    NOW,
    SECRET,
    Intruder,
    edit_first_row,
    respond,
    sample_change,
    sample_key,
    sample_order,
)

MINE = Owner("a/worker-0", "first")
LATER = Owner("a/worker-0", "second")
OTHER = Owner("b/worker-0", "other")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Journals:
    """The journal as several workers see it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def of(self, owner: Owner) -> Journal:
        return Journal(self._database, SECRET, owner, clock=self._clock)


@pytest.fixture
def journals(store: Store, database: Database, clock: Clock) -> Journals:
    return Journals(database, clock)


class JournalContract:
    async def test_an_order_comes_back_as_it_was_given(self, journals: Journals) -> None:
        await journals.of(MINE).begin(sample_order())
        claimed = await journals.of(LATER).claim("t1")
        assert claimed == sample_order()
        assert claimed.key_with("local:team-a/release/1", sample_key().versions[0].public_key) == sample_key(
            versions=1
        )

    async def test_orders_under_way_are_left_alone(self, journals: Journals, clock: Clock) -> None:
        await journals.of(MINE).begin(sample_order())
        clock.now += SILENT
        assert await journals.of(MINE).unsettled() == []
        assert await journals.of(OTHER).unsettled() == []
        assert await journals.of(OTHER).claim("t1") is None

    async def test_orders_of_an_earlier_life_are_to_be_settled(self, journals: Journals) -> None:
        for number in (2, 1):
            order = replace(sample_order(f"t{number}"), created=NOW + timedelta(seconds=number))
            await journals.of(MINE).begin(order)
        assert await journals.of(LATER).unsettled() == ["t1", "t2"]

    async def test_orders_of_the_silent_are_anybodys(self, journals: Journals, clock: Clock) -> None:
        await journals.of(MINE).begin(sample_order())
        clock.now += SILENT + timedelta(microseconds=1)
        assert await journals.of(OTHER).unsettled() == ["t1"]
        assert await journals.of(OTHER).claim("t1") == sample_order()
        assert await journals.of(MINE).claim("t1") is None

    async def test_who_goes_on_is_not_silent(self, journals: Journals, clock: Clock) -> None:
        await journals.of(MINE).begin(sample_order())
        clock.now += SILENT
        assert await journals.of(MINE).claim("t1") == sample_order()
        clock.now += SILENT
        assert await journals.of(OTHER).unsettled() == []

    async def test_what_was_given_up_is_anybodys(self, journals: Journals) -> None:
        await journals.of(MINE).begin(sample_order())
        assert await journals.of(MINE).release("t1")
        assert await journals.of(OTHER).unsettled() == ["t1"]
        assert await journals.of(OTHER).claim("t1") == sample_order()
        assert await journals.of(OTHER).unsettled() == []

    async def test_only_the_owner_ends_and_releases(self, journals: Journals) -> None:
        await journals.of(MINE).begin(sample_order())
        assert not await journals.of(OTHER).end("t1")
        assert not await journals.of(LATER).end("t1")
        assert await journals.of(OTHER).release("t1")
        assert await journals.of(OTHER).unsettled() == []
        assert await journals.of(MINE).end("t1")
        assert not await journals.of(MINE).end("t1")
        assert not await journals.of(MINE).release("t1")
        assert await journals.of(LATER).claim("t1") is None

    async def test_one_of_many_gets_it(self, journals: Journals, location: Location, clock: Clock) -> None:
        await journals.of(MINE).begin(sample_order())
        await journals.of(MINE).release("t1")
        databases = [open_database(location) for _ in range(4)]
        workers = [
            Journals(database, clock).of(Owner(f"{n}", "x")) for n, database in enumerate(databases * 2)
        ]
        claimed = await asyncio.gather(*(worker.claim("t1") for worker in workers))
        for database in databases:
            await database.close()
        assert [order for order in claimed if order is not None] == [sample_order()]

    async def test_the_key_and_the_end_of_its_order_are_one(
        self, store: Store, journals: Journals, database: Database
    ) -> None:
        await journals.of(MINE).begin(sample_order())
        await store.commit_key(sample_key(), sample_change(), respond, "t1")
        assert await database.read(lambda connection: rows_in(connection, ORDERS)) == 0

    @pytest.mark.parametrize(
        "change", [sample_change(), sample_change("r-2"), sample_change(of="x")], ids=["again", "taken", "id"]
    )
    async def test_without_a_key_the_order_stays(
        self, store: Store, journals: Journals, change: object, database: Database
    ) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        await journals.of(MINE).begin(sample_order())
        outcome = await asyncio.gather(
            store.commit_key(sample_key(), change, respond, "t1"),  # type: ignore[arg-type]
            return_exceptions=True,
        )
        assert getattr(outcome[0], "repeated", True)
        assert await database.read(lambda connection: rows_in(connection, ORDERS)) == 1

    async def test_a_key_whose_order_is_settled_is_not_added(
        self, store: Store, journals: Journals, database: Database
    ) -> None:
        await journals.of(MINE).begin(sample_order())
        await journals.of(MINE).end("t1")
        with refused(Reason.STATE_UNAVAILABLE, "settled"):
            await store.commit_key(sample_key(), sample_change(), respond, "t1")
        assert (await store.load()).revision == 0

    async def test_of_two_who_settle_one_adds_the_key(self, store: Store, journals: Journals) -> None:
        await journals.of(MINE).begin(sample_order())
        outcomes = await asyncio.gather(
            *(store.commit_key(sample_key(), sample_change(""), respond, "t1") for _ in range(2)),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in outcomes) == ["Answer", "SignerdError"]

    @pytest.mark.parametrize("column", [column.name for column in ORDERS.columns if column.name != "tag"])
    async def test_an_edited_order_is_not_acted_on(
        self, journals: Journals, intruder: Intruder, column: str, database: Database
    ) -> None:
        await journals.of(MINE).begin(sample_order())
        await journals.of(MINE).release("t1")
        await intruder.run(edit_first_row(ORDERS, column))
        with refused(Reason.STATE_TAMPERED, "order 't1'"):
            await journals.of(LATER).claim("t1")
        assert await database.read(lambda connection: rows_in(connection, ORDERS)) == 1

    async def test_an_order_belongs_to_its_tag_and_installation(
        self, journals: Journals, intruder: Intruder
    ) -> None:
        await journals.of(MINE).begin(sample_order())
        await intruder.run(lambda c: c.execute(ORDERS.update().values(tag="t2")))
        with refused(Reason.STATE_TAMPERED):
            await journals.of(LATER).claim("t2")
        await intruder.run(lambda c: c.execute(ORDERS.update().values(tag="t1")))
        await intruder.run(lambda c: c.execute(INSTANCE.update().values(id="0" * 32)))
        with refused(Reason.STATE_TAMPERED):
            await journals.of(LATER).claim("t1")

    async def test_an_edited_order_is_not_given_up_either(
        self, journals: Journals, intruder: Intruder
    ) -> None:
        await journals.of(MINE).begin(sample_order())
        await intruder.run(edit_first_row(ORDERS, "provider"))
        with refused(Reason.STATE_TAMPERED):
            await journals.of(MINE).release("t1")

    async def test_what_a_newer_signerd_ordered_is_told(self, journals: Journals) -> None:
        newer = replace(sample_order(), algorithm=replace(sample_order().algorithm, name="slh-dsa-9"))
        await journals.of(MINE).begin(newer)
        with refused(Reason.STATE_UNAVAILABLE, "slh-dsa-9"):
            await journals.of(LATER).claim("t1")
