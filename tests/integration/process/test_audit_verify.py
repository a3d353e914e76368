"""A daemon's audit log, verified offline with what its state database has: key and latest checkpoint."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.auditor.vkeys import ED25519, VerifierKey
from tests.integration.process.daemons import Daemon

DIGEST = f"sha256:{64 * 'a'}"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path).start()
    yield daemon
    daemon.end()


def sign(daemon: Daemon, count: int) -> None:
    with daemon.client() as client:
        for _ in range(count):
            client.sign("release", digest=DIGEST)


def row(daemon: Daemon, query: str) -> list[tuple[bytes, ...]]:
    with sqlite3.connect(daemon.home / "state.db") as database:
        return database.execute(query).fetchall()


def write_key(daemon: Daemon) -> None:
    """Write log.pub: the last 32 bytes of an Ed25519 key's SubjectPublicKeyInfo are the key."""
    ((instance,),) = row(daemon, "SELECT id FROM instance")
    keys = row(daemon, "SELECT public_key FROM versions WHERE key_name = 'signerd.audit-log'")
    shards = row(daemon, "SELECT name FROM shards")
    lines = [
        VerifierKey(f"{instance!s}/{shard!s}", ED25519, key[-32:]).format()
        for (shard,) in shards
        for (key,) in keys
    ]
    (daemon.directory / "log.pub").write_text("\n".join(lines))


def write_kept(daemon: Daemon, shard: str = "worker-0") -> None:
    """Write the latest checkpoint that the state database has."""
    ((note,),) = row(daemon, f"SELECT note FROM checkpoints WHERE shard = '{shard}'")
    (daemon.directory / "kept").write_bytes(note)


def verify(
    daemon: Daemon, *options: str, directory: str = "home/audit"
) -> tuple[int, dict[str, dict[str, object]]]:
    """Exit code, and the report of each shard."""
    done = daemon.ctl("audit", "verify", directory, "--key", "log.pub", *options, "-o", "json")
    assert done.stdout, done.stderr
    return done.returncode, {one["shard"]: one for one in json.loads(done.stdout)["shards"]}


def test_a_stopped_daemon_s_log_is_proven_to_its_end(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key("release")
    sign(daemon, 300)
    daemon.stop()
    write_key(daemon)
    write_kept(daemon)
    assert verify(daemon)[0] == 6
    code, found = verify(daemon, "--since", "kept")
    assert (code, found["worker-0"]["first_wrong"], found["worker-0"]["unknown_files"]) == (0, None, [])
    assert int(str(found["worker-0"]["records"])) > 300


def test_a_running_daemon_s_log(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key("release")
    write_key(daemon)
    for _ in range(10):
        sign(daemon, 50)
        assert verify(daemon)[0] == 6


def test_a_killed_daemon_s_log(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key("release")
    write_key(daemon)
    for _ in range(3):
        sign(daemon, 40)
        daemon.kill()
        assert verify(daemon)[1]["worker-0"]["first_wrong"] is None
        daemon.start()
    daemon.stop()
    write_kept(daemon)
    assert verify(daemon, "--since", "kept")[0] == 0


def test_a_restored_log_is_found_without_anything_from_outside(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key("release")
    daemon.stop()
    shutil.copytree(daemon.home / "audit", daemon.directory / "older")
    daemon.start()
    sign(daemon, 20)
    daemon.stop()
    write_key(daemon)
    write_kept(daemon)
    assert verify(daemon, "--since", "kept")[0] == 0
    code, found = verify(daemon, "--since", "kept", directory="older")
    assert (code, "cut off" in json.dumps(found)) == (1, True)
    shutil.rmtree(daemon.home / "audit")
    shutil.copytree(daemon.directory / "older", daemon.home / "audit")
    daemon.start()
    daemon.stop()
    write_key(daemon)
    code, found = verify(daemon)
    assert (code, found["worker-0"]["result"], found["worker-0-2"]["result"]) == (1, "wrong", "unproven")
    assert found["worker-0"]["first_wrong"]["where"] == "worker-0-2/1"  # type: ignore[index]
