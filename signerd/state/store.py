"""The store: reads snapshots and commits changes. Authenticates what it reads and never goes back in revisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from signerd.core.keys import Key, KeyVersion, State
from signerd.errors import Reason, SignerdError
from signerd.state.authentication import check_key, tampered
from signerd.state.changes import Answer, ChangeRequest, find_answer, keep_answer
from signerd.state.contents import (
    Head,
    add_key,
    add_version,
    initialise,
    key_exists,
    read_contents,
    read_head,
    read_key,
    used_uri,
)
from signerd.state.database import Database
from signerd.state.orders import LOST, PendingOrder, remove_order
from signerd.state.rows import VersionRow, to_key, to_stored
from signerd.state.snapshot import EMPTY, Snapshot, authenticate
from signerd.state.state_key import StateKey

Response = Callable[[int], bytes]
Encode = Callable[[Key, int], bytes]


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

    async def commit_key(
        self, key: Key, change: ChangeRequest, response: Response, order: str = ""
    ) -> Answer:
        """Add a key with its versions. `response` makes the answer from the new revision, inside the transaction.

        The same request made before gives that answer instead, `repeated`. `order` is the tag under which its material
        was ordered: that order ends as the key begins, and stays in any other case. Raises KEY_EXISTS,
        REQUEST_ID_REUSED, STATE_TAMPERED and STATE_UNAVAILABLE; after the latter the key may exist: ask again with the
        same request id.
        """

        def add(connection: Connection, head: Head) -> bytes:
            stored = to_stored(key, head.revision + 1)
            if order and not remove_order(connection, order):
                raise _settled(key.name)
            _check_name(connection, key.name)
            _check_material(connection, key.name, stored.versions)
            add_key(connection, self._secret, head, stored)
            return response(stored.row.revision)

        return await self._commit(change, add)

    async def commit_version(self, added: KeyVersion, change: ChangeRequest, response: Encode) -> Answer:
        """Add a version to the key `added.key`, under the next number whatever `added.number` says.

        `response` makes the answer from the key with its new version and the new revision. The rest is as with
        `commit_key`; KEY_NOT_FOUND without such a key, KEY_EXISTS where its material belongs to a version already.
        """

        def add(connection: Connection, head: Head) -> bytes:
            key = self._key(connection, head, added.key)
            new = replace(added, number=key.versions[-1].number + 1)
            key = replace(key, versions=(*key.versions, new))
            stored = to_stored(key, head.revision + 1)
            _check_material(connection, key.name, stored.versions[-1:])
            add_version(connection, self._secret, head, stored)
            return response(key, stored.row.revision)

        return await self._commit(change, add)

    async def commit_rotation(self, added: KeyVersion, order: PendingOrder, response: Encode) -> Answer:
        """Add a version to its key and make it the primary; the order ends with it.

        Where the order says that the primary before is lost, that one only verifies from now on. The rest is as with
        `commit_version`; KEY_EXISTS also where the key has a version of that number meanwhile.
        """

        def add(connection: Connection, head: Head) -> bytes:
            key = self._key(connection, head, added.key)
            if not remove_order(connection, order.tag):
                raise _settled(key.name)
            if key.versions[-1].number + 1 != added.number:
                message = f"key {key.name!r} has a version {added.number} already: somebody else rotated it"
                raise SignerdError(Reason.KEY_EXISTS, message, field="name")
            rotated = key.rotated(added, State.VERIFY_ONLY if LOST in order.labels else State.ACTIVE)
            stored = to_stored(rotated, head.revision + 1)
            _check_material(connection, key.name, stored.versions[-1:])
            add_version(connection, self._secret, head, stored)
            return response(rotated, stored.row.revision)

        return await self._commit(order.change, add)

    def _key(self, connection: Connection, head: Head, name: str) -> Key:
        stored = read_key(connection, name)
        if stored is None:
            raise SignerdError(Reason.KEY_NOT_FOUND, f"there is no key {name!r}", field="name")
        check_key(self._secret, head.instance, stored)
        return to_key(stored)

    async def _commit(self, change: ChangeRequest, write: Callable[[Connection, Head], bytes]) -> Answer:
        floor = self._seen

        def transaction(connection: Connection) -> Answer:
            head = read_head(connection)
            self._check_head(head, floor)
            found = find_answer(connection, self._secret, head.instance, change)
            if found:
                return found
            answer = Answer(write(connection, head), head.revision + 1)
            keep_answer(connection, self._secret, head.instance, change, answer, self._clock())
            return answer

        answer = await self._database.write(transaction)
        self._seen = max(self._seen, answer.revision)
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


def _settled(name: str) -> SignerdError:
    message = (
        f"making {name!r} took so long that its order was settled meanwhile; see if it is there, or try again"
    )
    return SignerdError(Reason.STATE_UNAVAILABLE, message)


def _check_name(connection: Connection, name: str) -> None:
    if key_exists(connection, name):
        raise SignerdError(Reason.KEY_EXISTS, f"key {name!r} exists; choose another name", field="name")


def _check_material(connection: Connection, name: str, versions: Sequence[VersionRow]) -> None:
    if used_uri(connection, versions):
        message = f"the key material of {name!r} belongs to a key that exists; take other material"
        raise SignerdError(Reason.KEY_EXISTS, message, field="name")
