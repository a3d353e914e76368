"""What holds for the store on any database; SQLite and PostgreSQL run the same body."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Table, func, select

from signerd.core.keys import State
from signerd.errors import Reason, SignerdError
from signerd.state.changes import ChangeRequest
from signerd.state.database import Database, open_database
from signerd.state.location import Location
from signerd.state.schema import CHANGES, KEYS, METADATA, VERSIONS
from signerd.state.store import Store
from tests.unit.state.samples import (
    NOW,
    SECRET,
    Intruder,
    edit_first_row,
    respond,
    respond_with_key,
    retired_key,
    sample_change,
    sample_key,
    sample_version,
)


def rows_in(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


class refused:  # noqa: N801
    """As pytest.raises, for a reason."""

    def __init__(self, reason: Reason, text: str | None = None) -> None:
        self._reason, self._raises = reason, pytest.raises(SignerdError, match=text)

    def __enter__(self) -> None:
        self._caught = self._raises.__enter__()

    def __exit__(self, *details: object) -> bool:
        handled = self._raises.__exit__(*details)  # type: ignore[arg-type]
        assert self._caught.value.reason is self._reason
        return handled


@pytest.fixture
async def store(database: Database) -> Store:
    store = Store(database, SECRET, clock=lambda: NOW)
    await store.open()
    return store


async def reopened(database: Database, minimum_revision: int = 0) -> Store:
    store = Store(database, SECRET, clock=lambda: NOW)
    await store.open(minimum_revision)
    return store


class KeysContract:
    async def test_a_new_database_is_empty_at_revision_0(self, store: Store) -> None:
        snapshot = await store.load()
        assert (snapshot.revision, dict(snapshot.keys)) == (0, {})

    async def test_a_key_comes_back_as_it_was_given(self, store: Store, database: Database) -> None:
        answer = await store.commit_key(sample_key(), sample_change(), respond)
        snapshot = await (await reopened(database)).load()
        assert (answer.response, answer.revision, answer.repeated) == (b"\x00answer 1", 1, False)
        assert snapshot.revision == 1
        assert dict(snapshot.keys) == {"team-a/release": sample_key()}

    async def test_keys_that_did_not_change_stay_the_same_objects(self, store: Store) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        before = await store.load()
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        after = await store.load()
        assert after.keys["a"] is before.keys["a"]
        assert list(after.keys) == ["a", "b"]
        assert list(before.keys) == ["a"]

    async def test_a_name_is_taken_once(self, store: Store) -> None:
        await store.commit_key(sample_key(), sample_change("r-1"), respond)
        with refused(Reason.KEY_EXISTS, "team-a/release"):
            await store.commit_key(sample_key(), sample_change("r-2"), respond)
        assert (await store.load()).revision == 1

    async def test_key_material_belongs_to_one_version(self, store: Store) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        stolen = sample_key("a").versions[0].uri
        other = sample_key("b", versions=1)
        object.__setattr__(other.versions[0], "uri", stolen)
        with refused(Reason.KEY_EXISTS, "material"):
            await store.commit_key(other, sample_change("r-2"), respond)

    async def test_a_failing_answer_leaves_nothing(self, store: Store, database: Database) -> None:
        def fail(revision: int) -> bytes:
            raise SignerdError(Reason.INTERNAL, f"at {revision}")

        with refused(Reason.INTERNAL, "at 1"):
            await store.commit_key(sample_key(), sample_change(), fail)
        counts = await database.read(lambda c: [rows_in(c, table) for table in (KEYS, VERSIONS, CHANGES)])
        assert counts == [0, 0, 0]
        assert (await store.load()).revision == 0

    async def test_writers_take_turns(self, store: Store, location: Location) -> None:
        other_database = open_database(location)
        other = await reopened(other_database)
        made = [
            writer.commit_key(sample_key(f"{who}/{number}"), sample_change(f"{who}-{number}"), respond)
            for number in range(8)
            for who, writer in (("a", store), ("b", other))
        ]
        answers = await asyncio.gather(*made)
        await other_database.close()
        assert sorted(answer.revision for answer in answers) == list(range(1, 17))
        assert len((await store.load()).keys) == 16

    async def test_loads_and_changes_at_once_never_look_tampered_with(self, store: Store) -> None:
        changes = [store.commit_key(sample_key(f"k{n}"), sample_change(f"r{n}"), respond) for n in range(8)]
        await asyncio.gather(*changes, *(store.load() for _ in range(8)))
        assert (await store.load()).revision == 8

    async def test_many_may_begin_an_empty_database(self, location: Location) -> None:
        databases = [open_database(location) for _ in range(4)]
        stores = await asyncio.gather(*(reopened(database) for database in databases))
        instances = {(await store.load()).instance for store in stores}
        for database in databases:
            await database.close()
        assert len(instances) == 1


class VersionsContract:
    async def test_a_version_is_added_under_the_next_number(self, store: Store, database: Database) -> None:
        await store.commit_key(sample_key(), sample_change("r-1"), respond)
        await store.load()
        answer = await store.commit_version(sample_version(number=7), sample_change("r-2"), respond_with_key)
        assert (answer.response, answer.revision) == (b"3 versions at 2", 2)
        for snapshot in (await store.load(), await (await reopened(database)).load()):
            key = snapshot.keys["team-a/release"]
            assert (snapshot.revision, key.primary) == (2, 1)
            assert key.versions == (*sample_key().versions, sample_version(number=3))

    async def test_keys_beside_it_stay_as_they_are(self, store: Store) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        before = await store.load()
        await store.commit_version(sample_version("a"), sample_change("r-3"), respond_with_key)
        after = await store.load()
        assert after.keys["b"] is before.keys["b"]
        assert len(after.keys["a"].versions) == 3
        assert len(before.keys["a"].versions) == 2

    async def test_a_key_that_only_verifies_comes_back(self, store: Store, database: Database) -> None:
        await store.commit_key(retired_key(), sample_change("r-1"), respond)
        key = (await (await reopened(database)).load()).keys["team-a/release"]
        assert key == retired_key()
        assert key.version(0).state is State.VERIFY_ONLY

    async def test_a_version_needs_its_key(self, store: Store) -> None:
        with refused(Reason.KEY_NOT_FOUND, "team-a/release"):
            await store.commit_version(sample_version(), sample_change(), respond_with_key)
        assert await store.find_change(sample_change()) is None
        assert (await store.load()).revision == 0

    async def test_material_of_a_version_is_not_added_again(self, store: Store) -> None:
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        taken = sample_version("b", sample_key("a").versions[1].uri)
        with refused(Reason.KEY_EXISTS, "material"):
            await store.commit_version(taken, sample_change("r-3"), respond_with_key)
        assert (await store.load()).revision == 2

    async def test_the_same_request_adds_one_version(self, store: Store) -> None:
        await store.commit_key(sample_key(), sample_change("r-1"), respond)
        adding = [
            store.commit_version(sample_version(), sample_change("r-2"), respond_with_key) for _ in range(4)
        ]
        answers = await asyncio.gather(*adding)
        assert {answer.response for answer in answers} == {b"3 versions at 2"}
        assert sum(not answer.repeated for answer in answers) == 1
        with refused(Reason.REQUEST_ID_REUSED):
            await store.commit_version(sample_version(), sample_change("r-1", of="x"), respond_with_key)

    async def test_versions_added_at_once_get_numbers_of_their_own(
        self, store: Store, location: Location
    ) -> None:
        await store.commit_key(sample_key(), sample_change("r-1"), respond)
        other_database = open_database(location)
        other = await reopened(other_database)
        adding = [
            writer.commit_version(
                sample_version(uri=f"{who}{n}"), sample_change(f"{who}{n}"), respond_with_key
            )
            for n in range(4)
            for who, writer in (("a", store), ("b", other))
        ]
        await asyncio.gather(*adding)
        await other_database.close()
        versions = (await store.load()).keys["team-a/release"].versions
        assert [version.number for version in versions] == list(range(1, 11))

    @pytest.mark.parametrize("table", [KEYS, VERSIONS], ids=str)
    async def test_an_edited_key_gets_no_version(
        self, store: Store, intruder: Intruder, table: Table
    ) -> None:
        await store.commit_key(sample_key(), sample_change("r-1"), respond)
        column = {"keys": "provider", "versions": "public_key"}[table.name]
        await intruder.run(edit_first_row(table, column))
        with refused(Reason.STATE_TAMPERED):
            await store.commit_version(sample_version(), sample_change("r-2"), respond_with_key)


class ChangesContract:
    async def test_the_same_request_gives_the_first_answer(self, store: Store, database: Database) -> None:
        first = await store.commit_key(sample_key(), sample_change(), respond)
        await store.commit_key(sample_key("other"), sample_change("r-2"), respond)
        again = await reopened(database)
        found = await again.find_change(sample_change())
        assert found is not None
        assert (found.response, found.revision, found.repeated) == (first.response, 1, True)
        assert await again.commit_key(sample_key(), sample_change(), respond) == found
        assert (await again.load()).revision == 2

    async def test_identical_requests_at_once_make_one_key(self, store: Store, location: Location) -> None:
        other_database = open_database(location)
        other = await reopened(other_database)
        answers = await asyncio.gather(
            *(writer.commit_key(sample_key(), sample_change(), respond) for writer in [store, other] * 3)
        )
        await other_database.close()
        assert {answer.response for answer in answers} == {b"\x00answer 1"}
        assert sum(not answer.repeated for answer in answers) == 1

    @pytest.mark.parametrize(
        "other",
        [
            sample_change(of="another"),
            ChangeRequest("r-1", "unix:0", sample_change().request_hash, "import-key"),
        ],
        ids=["hash", "kind"],
    )
    async def test_an_id_serves_one_request(self, store: Store, other: ChangeRequest) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        with refused(Reason.REQUEST_ID_REUSED):
            await store.find_change(other)
        with refused(Reason.REQUEST_ID_REUSED):
            await store.commit_key(sample_key("another"), other, respond)

    async def test_callers_do_not_share_ids(self, store: Store) -> None:
        await store.commit_key(sample_key(), sample_change(), respond)
        assert await store.find_change(sample_change(caller="unix:7", of="another")) is None

    async def test_an_empty_id_is_not_kept(self, store: Store, database: Database) -> None:
        await store.commit_key(sample_key(), sample_change(""), respond)
        assert await store.find_change(sample_change("")) is None
        assert await database.read(lambda connection: rows_in(connection, CHANGES)) == 0
        with refused(Reason.KEY_EXISTS):
            await store.commit_key(sample_key(), sample_change(""), respond)

    async def test_answers_are_kept_for_a_week(self, database: Database) -> None:
        times = iter([NOW, NOW + timedelta(days=7), NOW + timedelta(days=7, microseconds=1)])
        store = Store(database, SECRET, clock=lambda: next(times))
        await store.open()
        await store.commit_key(sample_key("a"), sample_change("r-1"), respond)
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
        assert await store.find_change(sample_change("r-1")) is not None
        await store.commit_key(sample_key("c"), sample_change("r-3"), respond)
        assert await store.find_change(sample_change("r-1")) is None
        assert await store.find_change(sample_change("r-2")) is not None


def copy_tables(connection: Connection) -> dict[str, list[dict[str, object]]]:
    return {
        table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for table in METADATA.tables.values()
    }


def put_back(connection: Connection, copy: dict[str, list[dict[str, object]]]) -> None:
    for table in METADATA.tables.values():
        connection.execute(table.delete())
        if copy.get(table.name):
            connection.execute(table.insert(), copy[table.name])
