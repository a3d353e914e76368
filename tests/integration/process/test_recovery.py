"""Killed between "the key file is written" and "the state knows", the next start has the key and no file too many."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from signerd.client import SignerdError
from signerd.engine.log_key import LOG_KEY
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import SOAK, Daemon, sized, tell, until
from tests.integration.process.records import stored

ROUNDS = 30 if SOAK else 3
ALGORITHMS = ("ecdsa-p256-sha256", "ed25519", "rsa-pkcs1-3072-sha256")


def key_files(daemon: Daemon) -> set[Path]:
    """Files of callers' keys."""
    found = (daemon.home / "keys").rglob("*.key")
    return {path for path in found if path.parent.name != LOG_KEY}


@contextmanager
def database(daemon: Daemon) -> Iterator[sqlite3.Connection]:
    """The state database, beside the daemon."""
    path = f"file:{daemon.home}/state.db"
    with closing(sqlite3.connect(path, uri=True, timeout=30, isolation_level=None)) as connection:
        yield connection


def ordered(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])


def create(daemon: Daemon, name: str, algorithm: str) -> None:
    try:
        with daemon.client() as client:
            client.create_key(name, algorithm=algorithm, request_id=name)
    except SignerdError as error:
        if error.reason.name not in {"DAEMON_UNREACHABLE", "CANCELLED", "STATE_UNAVAILABLE"}:
            raise


def killed_in_between(daemon: Daemon, name: str, algorithm: str) -> bool:
    """Kill while a key file is there and the state is kept from knowing; False if the state was faster."""
    before = key_files(daemon)
    request = threading.Thread(target=create, args=(daemon, name, algorithm))
    with database(daemon) as connection:
        request.start()
        while not ordered(connection):
            assert request.is_alive(), "the order was never in the journal"
        # Nobody else writes from here on.
        connection.execute("BEGIN IMMEDIATE")
        until(lambda: len(key_files(daemon)) > len(before))
        hit = bool(ordered(connection))
        daemon.kill()
        connection.execute("ROLLBACK")
    request.join()
    return hit


@sized
def test_a_key_file_that_the_state_does_not_know_is_adopted(new_daemon: NewDaemon) -> None:
    daemon = new_daemon().start()
    adopted = [round_of(daemon, number) for number in range(ROUNDS)]
    assert any(adopted)
    assert daemon.stop() == 0
    records = [record for record in stored(daemon.shard) if record.operation == "create-key-recovered"]
    assert [(record.outcome, record.caller) for record in records] == [("ok", "signerd")] * sum(adopted)
    tell(f"{sum(adopted)} of {ROUNDS} kills hit between key file and state, all adopted")


def round_of(daemon: Daemon, number: int) -> bool:
    name, algorithm = f"keys/k{number}", ALGORITHMS[number % len(ALGORITHMS)]
    hit = killed_in_between(daemon, name, algorithm)
    files = key_files(daemon)
    daemon.start()
    with daemon.client() as client, database(daemon) as connection:
        until(lambda: not ordered(connection))
        until(lambda: name in {key.name for key in client.list_keys(page_size=1000).keys})
        made = client.create_key(name, algorithm=algorithm, request_id=name)
        assert client.sign(name, message=b"x").key_id == made.key.versions[0].key_id
        assert key_files(daemon) == files
        assert len(client.list_keys(page_size=1000).keys) == len(files) == number + 1
    assert "unfinished" not in daemon.ctl("status").stdout
    return hit
