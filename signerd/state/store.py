"""The store: reads snapshots and commits changes. Authenticates what it reads and never goes back in revisions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from signerd.core.keys import Key
from signerd.errors import Reason, SignerdError
from signerd.state.authentication import tampered
from signerd.state.changes import Answer, ChangeRequest, find_answer, keep_answer
from signerd.state.contents import (
    Head,
    initialise,
    key_exists,
    raise_revision,
    read_contents,
    read_head,
    used_uris,
)
from signerd.state.database import Database
from signerd.state.rows import StoredKey, to_stored
from signerd.state.snapshot import EMPTY, Snapshot, authenticate
from signerd.state.state_key import StateKey

Response = Callable[[int], bytes]


def utc_now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


class Store:
    """Keys in a database, under a state key."""

    def __init__(
        self, database: Database, secret: StateKey, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock
        self._snapshot = EMPTY
        self._seen = 0

    async def open(self, minimum_revision: int = 0) -> Snapshot:
        """Load for the first time; a database without any row is begun, unless a revision was seen before."""
        if not minimum_revision:
            await self._database.write(lambda connection: initialise(connection, self._secret))
        return await self.load(minimum_revision)

    async def load(self, minimum_revision: int = 0) -> Snapshot:
        """Read and authenticate all keys.

        Raises STATE_TAMPERED for an edited database, and for one older than `minimum_revision` or than what this
        store has seen; STATE_UNAVAILABLE where it can't be read.
        """
        floor = max(minimum_revision, self._seen)
        contents = await self._database.read(read_contents)
        self._check_head(contents.head, floor)
        # A read that began earlier may end later than another: the newer snapshot stays.
        if contents.head.revision >= self._snapshot.revision:
            self._snapshot = authenticate(self._secret, contents, self._snapshot)
            self._seen = max(self._seen, self._snapshot.revision)
        return self._snapshot

    async def revision(self) -> int:
        """Revision of the database now, much cheaper than loading it; raises as `load` does."""
        head = await self._database.read(read_head)
        self._check_head(head, self._seen)
        return head.revision

    async def find_change(self, change: ChangeRequest) -> Answer | None:
        """The first answer to this request, None if it is new; raises REQUEST_ID_REUSED."""
        if not change.request_id:
            return None
        return await self._database.read(lambda connection: self._find(connection, change))

    async def commit_key(self, key: Key, change: ChangeRequest, response: Response) -> Answer:
        """Add a key. `response` makes the answer from the new revision, inside the transaction.

        The same request made before gives that answer instead, `repeated`. Raises KEY_EXISTS, REQUEST_ID_REUSED,
        STATE_TAMPERED and STATE_UNAVAILABLE; after the latter the key may exist: ask again with the same request id.
        """
        floor = self._seen

        def transaction(connection: Connection) -> Answer:
            head = read_head(connection)
            self._check_head(head, floor)
            return self._add(connection, head, key, change, response)

        answer = await self._database.write(transaction)
        self._seen = max(self._seen, answer.revision)
        return answer

    def _add(
        self, connection: Connection, head: Head, key: Key, change: ChangeRequest, response: Response
    ) -> Answer:
        found = find_answer(connection, self._secret, head.instance, change)
        if found:
            return found
        revision = head.revision + 1
        stored = to_stored(key, revision)
        _check_free(connection, stored)
        raise_revision(connection, self._secret, head, stored)
        answer = Answer(response(revision), revision)
        keep_answer(connection, self._secret, head.instance, change, answer, self._clock())
        return answer

    def _find(self, connection: Connection, change: ChangeRequest) -> Answer | None:
        return find_answer(connection, self._secret, read_head(connection).instance, change)

    def _check_head(self, head: Head, floor: int) -> None:
        if self._snapshot.instance not in ("", head.instance):
            raise tampered("the state database was replaced by another one's")
        if head.revision < floor:
            raise tampered(
                f"the state database is at revision {head.revision}, but {floor} was seen: it was put back"
            )


def _check_free(connection: Connection, stored: StoredKey) -> None:
    name = stored.row.name
    if key_exists(connection, name):
        raise SignerdError(Reason.KEY_EXISTS, f"key {name!r} exists; choose another name", field="name")
    if used_uris(connection, stored):
        message = f"the key material of {name!r} belongs to a key that exists; take other material"
        raise SignerdError(Reason.KEY_EXISTS, message, field="name")
