"""What the tables hold, read and written whole; runs inside a transaction."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from signerd.state.authentication import check_revision, key_mac, revision_mac, tampered
from signerd.state.rows import KeyRow, StoredKey, VersionRow
from signerd.state.schema import INSTANCE, KEYS, METADATA, REVISION, VERSIONS
from signerd.state.state_key import StateKey


class Head(NamedTuple):
    """The instance that the database belongs to, its revision, and the revision's MAC."""

    instance: str
    revision: int
    mac: bytes


class Contents(NamedTuple):
    """All keys by name, as stored and not yet authenticated."""

    head: Head
    keys: dict[str, StoredKey]

    def macs(self) -> dict[str, bytes]:
        """MAC of every key by name."""
        return {name: stored.row.mac for name, stored in self.keys.items()}


def initialise(connection: Connection, secret: StateKey) -> None:
    """Give an empty database its instance id and revision 0; leave any other alone."""
    if any(connection.scalar(select(func.count()).select_from(table)) for table in METADATA.sorted_tables):
        return
    instance = secrets.token_hex(16)
    connection.execute(INSTANCE.insert().values(id=instance))
    mac = revision_mac(secret, instance, 0, {})
    connection.execute(REVISION.insert().values(id=1, value=0, mac=mac))


def read_head(connection: Connection) -> Head:
    """Instance and revision; raises STATE_TAMPERED if there is not exactly one of each."""
    instances = connection.execute(select(INSTANCE.c.id)).all()
    revisions = connection.execute(select(REVISION.c.value, REVISION.c.mac)).all()
    if len(instances) != 1 or len(revisions) != 1:
        problem = (
            f"the state database has {len(instances)} instance ids and {len(revisions)} revisions, not one"
        )
        raise tampered(problem)
    revision: object = revisions[0].value
    # SQLite columns take any type.
    if not isinstance(revision, int):
        raise tampered("the revision in the state database is no number")
    return Head(instances[0].id, revision, revisions[0].mac)


def read_contents(connection: Connection) -> Contents:
    """Everything that a snapshot is made of."""
    versions: dict[str, list[VersionRow]] = defaultdict(list)
    for version in map(VersionRow._make, connection.execute(select(VERSIONS).order_by(VERSIONS.c.number))):
        versions[version.key_name].append(version)
    rows = map(KeyRow._make, connection.execute(select(KEYS)))
    keys = {row.name: StoredKey(row, tuple(versions.pop(row.name, ()))) for row in rows}
    if versions:
        raise tampered(
            f"the state database has versions of a key {next(iter(versions))!r} that does not exist"
        )
    return Contents(read_head(connection), keys)


def read_key(connection: Connection, name: str) -> StoredKey | None:
    """One key as stored and not yet authenticated, None without."""
    row = connection.execute(select(KEYS).where(KEYS.c.name == name)).one_or_none()
    if row is None:
        return None
    of_key = select(VERSIONS).where(VERSIONS.c.key_name == name).order_by(VERSIONS.c.number)
    return StoredKey(KeyRow._make(row), tuple(map(VersionRow._make, connection.execute(of_key))))


def add_key(connection: Connection, secret: StateKey, head: Head, stored: StoredKey) -> None:
    """Write a key that is new at revision `head.revision + 1`, and that revision; raises STATE_TAMPERED."""
    row = _raise_revision(connection, secret, head, stored)
    connection.execute(KEYS.insert().values(row._asdict()))
    connection.execute(VERSIONS.insert(), [version._asdict() for version in stored.versions])


def add_version(connection: Connection, secret: StateKey, head: Head, stored: StoredKey) -> None:
    """Write a key whose last version is new at revision `head.revision + 1`; raises STATE_TAMPERED.

    States of the other versions are written too.
    """
    row = _raise_revision(connection, secret, head, stored)
    connection.execute(KEYS.update().where(KEYS.c.name == row.name).values(row._asdict()))
    for version in stored.versions[:-1]:
        same = (VERSIONS.c.key_name == version.key_name) & (VERSIONS.c.number == version.number)
        connection.execute(VERSIONS.update().where(same).values(state=version.state))
    connection.execute(VERSIONS.insert().values(stored.versions[-1]._asdict()))


def _raise_revision(connection: Connection, secret: StateKey, head: Head, stored: StoredKey) -> KeyRow:
    """Write the revision that a key makes, and give the key's row with its MAC.

    The set of keys is authenticated first: a change must not make good what somebody edited.
    """
    rows = connection.execute(select(KEYS.c.name, KEYS.c.mac))
    macs: dict[str, bytes] = {row.name: row.mac for row in rows}
    check_revision(secret, head.instance, head.revision, macs, head.mac)
    row = stored.row._replace(mac=key_mac(secret, head.instance, stored))
    macs[row.name] = row.mac
    mac = revision_mac(secret, head.instance, row.revision, macs)
    connection.execute(REVISION.update().values(value=row.revision, mac=mac))
    return row


def used_uri(connection: Connection, versions: Iterable[VersionRow]) -> bool:
    """Whether key material of these versions belongs to a version that exists."""
    uris = [version.uri for version in versions]
    found = select(func.count()).select_from(VERSIONS).where(VERSIONS.c.uri.in_(uris))
    return bool(connection.scalar(found))


def key_exists(connection: Connection, name: str) -> bool:
    """Whether there is a key of that name."""
    found = select(func.count()).select_from(KEYS).where(KEYS.c.name == name)
    return bool(connection.scalar(found))
