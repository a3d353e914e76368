"""A daemon that wrong requests must not harm."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from signerd.v1.signer_pb2 import SignStreamHeader, SignStreamRequest
from tests.integration.process.daemons import Daemon
from tests.integration.process.wire import Wire, wire

KEY = "team-a/release"
ED25519 = "team-a/pure"
HUGE = 2**63 - 1


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("d")).start()
    with daemon.client() as client:
        client.create_key(KEY)
        client.create_key(ED25519, algorithm="ed25519")
        client.create_key("daemon/log", purpose="log")
        client.sign(KEY, message=b"x")
    yield daemon
    daemon.end()


@pytest.fixture(scope="module")
def here(daemon: Daemon) -> Iterator[Wire]:
    with wire(daemon) as connection:
        yield connection


@pytest.fixture(autouse=True)
def unharmed(daemon: Daemon) -> Iterator[None]:
    """The process is the same and well, and no file has changed but the audit log."""
    pid, before = daemon.pid, files(daemon.home)
    yield
    assert daemon.alive
    assert daemon.pid == pid
    assert daemon.health() == "SERVING"
    assert files(daemon.home) == before
    assert "Traceback" not in daemon.text()
    with daemon.client() as client:
        assert client.sign(KEY, message=b"still here").signature


def files(home: Path) -> dict[str, str]:
    """Hashes of all files but those of the audit log, and of each table of the state but that of its checkpoints."""
    found = {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "audit" not in path.parts and not path.name.startswith("state.db")
    }
    return found | tables(home / "state.db")


def tables(database: Path) -> dict[str, str]:
    """Hashes of what the tables hold."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: hashlib.sha256(
                repr(connection.execute(f"SELECT * FROM {name}").fetchall()).encode()
            ).hexdigest()
            for name in names
            if name != "checkpoints"
        }


def header(**fields: object) -> bytes:
    return SignStreamRequest(header=SignStreamHeader(**fields)).SerializeToString()  # type: ignore[arg-type]
