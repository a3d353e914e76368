"""What holds for a database that was edited or put back, on any database."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

from signerd.errors import Reason
from signerd.state.database import Database
from signerd.state.schema import CHANGES, INSTANCE, KEYS, REVISION, VERSIONS
from signerd.state.state_key import StateKey
from signerd.state.store import Store
from tests.unit.state.contract import copy_tables, put_back, refused, reopened, rows_in, store
from tests.unit.state.samples import Intruder, edit_first_row, respond, sample_change, sample_key

__all__ = ["store"]


# id is held at 1 by a constraint that no intruder gets past on either database.
SNAPSHOT_COLUMNS = [
    (table, column.name)
    for table in (KEYS, VERSIONS, REVISION, INSTANCE)
    for column in table.columns
    if (table.name, column.name) != ("revision", "id")
]
CHANGE_COLUMNS = [column.name for column in CHANGES.columns]


class TamperingContract:
    @pytest.mark.parametrize(("table", "column"), SNAPSHOT_COLUMNS, ids=str)
    async def test_an_edited_column_is_refused(
        self, store: Store, database: Database, intruder: Intruder, table: Table, column: str
    ) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        await store.load()
        await intruder.run(edit_first_row(table, column))
        with refused(Reason.STATE_TAMPERED):
            await reopened(database)
        with refused(Reason.STATE_TAMPERED):
            await store.load()

    @pytest.mark.parametrize("column", CHANGE_COLUMNS)
    async def test_an_edited_answer_is_refused(self, store: Store, intruder: Intruder, column: str) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        value = await intruder.run(edit_first_row(CHANGES, column))
        asked = {"request_id": "r-1", "caller": "unix:0"}
        asked |= {column: str(value)} if column in asked else {}
        with refused(Reason.STATE_TAMPERED, asked["request_id"]):
            await store.find_change(sample_change(asked["request_id"], asked["caller"]))

    async def test_the_row_at_fault_is_named(self, store: Store, intruder: Intruder) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        await intruder.run(lambda c: c.execute(KEYS.update().where(KEYS.c.name == "b").values(provider="x")))
        with refused(Reason.STATE_TAMPERED, "key 'b'"):
            await store.load()

    @pytest.mark.parametrize("table", [KEYS, VERSIONS, REVISION, INSTANCE], ids=str)
    async def test_deleted_rows_are_missed(
        self, store: Store, database: Database, intruder: Intruder, table: Table
    ) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        await intruder.run(lambda c: c.execute(table.delete()))
        with refused(Reason.STATE_TAMPERED):
            await reopened(database)

    async def test_a_deleted_key_is_missed(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        await intruder.run(lambda c: c.execute(KEYS.delete().where(KEYS.c.name == "a")))
        await intruder.run(lambda c: c.execute(VERSIONS.delete().where(VERSIONS.c.key_name == "a")))
        with refused(Reason.STATE_TAMPERED, "set of keys"):
            await reopened(database)

    async def test_an_added_version_is_refused(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        added = {"key_name": "team-a/release", "number": 3, "state": "active", "uri": "u", "created": 1}
        await intruder.run(lambda c: c.execute(VERSIONS.insert().values(public_key=b"p", **added)))
        with refused(Reason.STATE_TAMPERED):
            await reopened(database)

    async def test_a_version_without_a_key_is_refused(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        added = {"key_name": "ghost", "number": 1, "state": "active", "uri": "u", "created": 1}
        await intruder.run(lambda c: c.execute(VERSIONS.insert().values(public_key=b"p", **added)))
        with refused(Reason.STATE_TAMPERED, "ghost"):
            await reopened(database)

    async def test_a_key_of_another_installation_is_refused(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        await intruder.run(lambda c: c.execute(INSTANCE.update().values(id="0" * 32)))
        with refused(Reason.STATE_TAMPERED):
            await reopened(database)

    async def test_a_change_does_not_make_good_what_was_edited(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await intruder.run(edit_first_row(KEYS, "mac"))
        with refused(Reason.STATE_TAMPERED):
            await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        assert await database.read(lambda connection: rows_in(connection, KEYS)) == 1

    async def test_an_older_database_is_refused(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        older = await database.read(copy_tables)
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        await intruder.run(lambda connection: put_back(connection, older))
        with refused(Reason.STATE_TAMPERED, "revision 1, but 2 was seen"):
            await store.load()
        with refused(Reason.STATE_TAMPERED):
            await store.commit_key(sample_key("c"), sample_change("r-3"), respond)
        with refused(Reason.STATE_TAMPERED):
            await reopened(database, minimum_revision=2)
        assert (await (await reopened(database, minimum_revision=1)).load()).revision == 1

    async def test_another_history_is_refused(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        older = await database.read(copy_tables)
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await store.load()
        await intruder.run(lambda connection: put_back(connection, older))
        another = await reopened(database)
        for name in ("b", "c"):
            await another.commit_key(sample_key(name), sample_change(name), respond)
            with refused(Reason.STATE_TAMPERED, "another way"):
                await store.load()
        assert (await another.load()).revision == 2

    async def test_an_emptied_database_is_not_begun_anew(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        await intruder.run(lambda connection: put_back(connection, {}))
        with refused(Reason.STATE_TAMPERED):
            await reopened(database, minimum_revision=1)
        with refused(Reason.STATE_TAMPERED):
            await store.load()

    async def test_another_database_under_the_same_key_is_refused(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        await intruder.run(lambda connection: put_back(connection, {}))
        await reopened(database)
        with refused(Reason.STATE_TAMPERED, "another one's"):
            await store.load()

    async def test_another_state_key_is_refused(self, store: Store, database: Database) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        with refused(Reason.STATE_TAMPERED, "state key"):
            await Store(database, StateKey(bytes(32))).open()


class ConstraintsContract:
    """What the database itself holds, whoever writes."""

    @pytest.mark.parametrize(
        "statement",
        [
            VERSIONS.delete().where(VERSIONS.c.number == 1),
            VERSIONS.update().where(VERSIONS.c.number == 1).values(number=9),
            VERSIONS.update().where(VERSIONS.c.number == 2).values(number=0),
            VERSIONS.update().values(uri="same"),
            KEYS.update().values(primary_version=3),
            KEYS.update().values(primary_version=None),
            KEYS.delete(),
            REVISION.insert().values(id=2, value=1, mac=b""),
        ],
        ids=str,
    )
    async def test_refuses(self, store: Store, database: Database, statement: object) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        with refused(Reason.STATE_UNAVAILABLE, "(?i)constraint"):
            await database.write(lambda connection: connection.execute(statement))  # type: ignore[call-overload]
        assert len((await store.load()).keys) == 1

    async def test_a_read_sees_one_state(self, store: Store, database: Database) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        with pytest.raises(ZeroDivisionError):
            await database.write(lambda c: (c.execute(VERSIONS.delete()), 1 // 0))
        assert (await store.load()).revision == 1
