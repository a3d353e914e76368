"""Daemons as processes: shards of replicas, a witness that saw more, backups put back, kill -9."""

from __future__ import annotations

import asyncio
import random
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from signerd.audit.reading import list_records
from signerd.audit.records import Record
from signerd.client import SignerdError
from signerd.state.location import PostgresLocation
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, tell, until
from tests.integration.state.cluster import PASSWORD as DATABASE_PASSWORD
from tests.integration.state.conftest import cluster, empty
from tests.support.servers.witness import StandIn, standing_in

__all__ = ["cluster", "empty"]
QUICK = "audit: {checkpoint_interval: 100ms}\n"
KILLS = 6
ROTATIONS = 4


def shards(daemon: Daemon) -> list[str]:
    return sorted(path.name for path in (daemon.home / "audit").glob("worker-*"))


def records(daemon: Daemon, shard: str) -> list[Record]:
    """Records of a shard, oldest first."""
    entries = list_records(daemon.home / "audit", page_size=1000).entries[::-1]
    return [entry.record for entry in entries if entry.record.shard == shard]


def size(directory: Path) -> int:
    """Size in the published checkpoint of a shard, 0 without."""
    path = directory / "checkpoint"
    return int(path.read_text().split("\n")[1]) if path.exists() else 0


def grown(daemon: Daemon, published: int) -> int:
    """Size of the first checkpoint that covers more."""
    until(lambda: size(daemon.shard) > published)
    return size(daemon.shard)


@contextmanager
def witness(stand_in: StandIn) -> Iterator[StandIn]:
    """A witness on a loop of its own."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with standing_in(stand_in):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield stand_in
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()


def witnessed(stand_in: StandIn) -> str:
    return (
        "audit:\n  checkpoint_interval: 100ms\n  witnesses:\n"
        f"    members: [{{key: '{stand_in.vkey}', url: '{stand_in.url}'}}]\n"
    )


def test_kill_9_at_any_time_leaves_a_log_that_goes_on(new_daemon: NewDaemon) -> None:
    daemon = new_daemon(QUICK)
    published = 0
    for number in range(KILLS):
        daemon.start()
        with daemon.client() as client:
            client.create_key(f"k{number}")
            published = grown(daemon, published)
            for _ in range(20):
                client.sign(f"k{number}", message=b"x")
        daemon.kill()
    daemon.start()
    assert shards(daemon) == ["worker-0"]
    assert "truncation" in daemon.ctl("status").stdout
    assert daemon.stop() == 0
    found = records(daemon, "worker-0")
    assert [record.sequence for record in found] == list(range(1, len(found) + 1))
    assert size(daemon.shard) == len(found)
    assert sum(record.operation == "create-key" and record.caller == "signerd" for record in found) == 1
    tell(f"{KILLS} kills; {len(found)} records, all covered by the last checkpoint")


def test_kill_9_while_the_log_key_is_rotated(new_daemon: NewDaemon) -> None:
    daemon = new_daemon(QUICK)
    chance = random.Random(5)
    for number in range(1, ROTATIONS + 1):
        daemon.start()
        asking = threading.Thread(target=rotate, args=(daemon, f"r-{number}"))
        asking.start()
        time.sleep(chance.uniform(0.0, 0.25))
        daemon.kill()
        asking.join()
        daemon.start()
        with daemon.client() as client:
            until(lambda: "unfinished" not in daemon.ctl("status").stdout)
            made = client.rotate_log_key(request_id=f"r-{number}")
            assert [version.version for version in made.key.versions] == list(range(1, number + 2))
            grown(daemon, made.audit.sequence)
        daemon.kill()
    daemon.start()
    files = (daemon.home / "keys" / "signerd.audit-log").glob("*.key")
    assert len(list(files)) == ROTATIONS + 1
    (daemon.directory / "log.pub").write_text(daemon.ctl("audit", "keys").stdout)
    assert daemon.stop() == 0
    arguments = ("--key", "log.pub", "--since", str(daemon.shard / "checkpoint"))
    verified = daemon.ctl("audit", "verify", str(daemon.home / "audit"), *arguments)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    tell(f"{ROTATIONS} rotations killed at some moment and asked for again; the log verifies")


def rotate(daemon: Daemon, request_id: str) -> None:
    try:
        with daemon.client() as client:
            client.rotate_log_key(request_id=request_id)
    except SignerdError as error:
        assert error.reason.name in {"DAEMON_UNREACHABLE", "CANCELLED", "STATE_UNAVAILABLE"}, error  # noqa: PT017


def test_an_older_backup_of_the_audit_directory_begins_a_new_shard(new_daemon: NewDaemon) -> None:
    daemon = new_daemon().start()
    with daemon.client() as client:
        client.create_key("k")
    assert daemon.stop() == 0
    shutil.copytree(daemon.home / "audit", daemon.directory / "backup")
    daemon.start()
    with daemon.client() as client:
        client.sign("k", message=b"x")
    assert daemon.stop() == 0
    last = size(daemon.shard)
    shutil.rmtree(daemon.home / "audit")
    shutil.copytree(daemon.directory / "backup", daemon.home / "audit")
    before = {path: path.read_bytes() for path in daemon.shard.rglob("*") if path.is_file()}
    daemon.start()
    with daemon.client() as client:
        assert client.sign("k", message=b"x").audit.shard == "worker-0-2"
    told = daemon.ctl("status")
    # Why, depends on the file system: it may give the copy the inode that the directory had.
    assert (told.returncode, f"last known with {last} records" in told.stdout) == (0, True)
    assert daemon.stop() == 0
    first = records(daemon, "worker-0-2")[0]
    assert first.operation == "shard-begun"
    assert f"after worker-0, last known with {last} records" in first.detail
    assert {path: path.read_bytes() for path in daemon.shard.rglob("*") if path.is_file()} == before


def test_a_witness_that_saw_more_than_a_restored_instance(new_daemon: NewDaemon) -> None:
    with witness(StandIn()) as stand_in:
        daemon = new_daemon(witnessed(stand_in)).start()
        with daemon.client() as client:
            client.create_key("k")
        assert daemon.stop() == 0
        backup = daemon.directory / "backup"
        shutil.copytree(daemon.home, backup)
        daemon.start()
        with daemon.client() as client:
            client.sign("k", message=b"x")
        assert daemon.stop() == 0
        put_back(daemon, backup)
        daemon.start()
        with daemon.client() as client:
            assert client.sign("k", message=b"x").audit.shard == "worker-0-2"
        assert "has cosigned" in records(daemon, "worker-0-2")[0].detail


def put_back(daemon: Daemon, backup: Path) -> None:
    """Directory and database of a backup in place, as a snapshot of the volume would: the inodes stay."""
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (daemon.home / name).unlink(missing_ok=True)
        if (backup / name).exists():
            shutil.copy(backup / name, daemon.home / name)
    for path in daemon.shard.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(backup / "audit" / "worker-0", daemon.shard, dirs_exist_ok=True)


def test_a_witness_that_comes_late_makes_the_daemon_begin_again(new_daemon: NewDaemon) -> None:
    with witness(StandIn(mode="500")) as stand_in:
        daemon = new_daemon(witnessed(stand_in)).start()
        with daemon.client() as client:
            client.create_key("k")
            stand_in.mode, stand_in.sizes = "sign", dict.fromkeys([origin(daemon, "worker-0")], 10_000)
            until(lambda: "worker-0-2" in shards(daemon))
            until(lambda: size(daemon.home / "audit" / "worker-0-2") > 0)
            assert client.sign("k", message=b"x").audit.shard == "worker-0-2"
        assert "has cosigned 10000 records" in daemon.text()
        first = records(daemon, "worker-0-2")[0]
        assert (first.operation, "it was given up" in first.detail) == ("shard-begun", True)
        assert daemon.stop() == 0


def origin(daemon: Daemon, shard: str) -> str:
    return (daemon.home / "audit" / shard / "checkpoint").read_text().split("\n")[0]


@pytest.fixture
def replicas(new_daemon: NewDaemon, empty: PostgresLocation) -> list[Daemon]:
    """Two daemons of two workers each, on one database, with a home of their own."""
    made = [new_daemon() for _ in range(2)]
    shared = made[0].directory / "shared"
    shared.mkdir(mode=stat.S_IRWXU)
    (shared / "password").write_text(DATABASE_PASSWORD)
    (shared / "state.key").write_text("5a" * 32)
    for file in shared.iterdir():
        file.chmod(0o600)
    for daemon in made:
        daemon.file.write_text(
            f"state: {{url: '{empty.uri}', password_file: {shared}/password, key_file: {shared}/state.key}}\n"
            f"providers: {{local: {{type: local, directory: {shared}/keys}}}}\n" + QUICK + "workers: 2\n"
        )
    return made


def await_checkpoints(daemon: Daemon) -> None:
    """Wait until two shards have a checkpoint."""
    until(lambda: [size(daemon.home / "audit" / shard) > 0 for shard in shards(daemon)] == [True, True])


def test_workers_and_replicas_have_shards_of_their_own_and_one_log_key(replicas: list[Daemon]) -> None:
    for life in range(2):
        for daemon in replicas:
            daemon.start(wait=False)
        for daemon in replicas:
            daemon.wait_serving()
            await_checkpoints(daemon)
        found = sorted(name for daemon in replicas for name in shards(daemon))
        assert found == ["worker-0", "worker-0-2", "worker-1", "worker-1-2"], f"life {life}"
        for daemon in replicas:
            assert daemon.stop() == 0
    directory = replicas[0].directory / "shared" / "keys" / "signerd.audit-log"
    assert len(list(directory.glob("*.key"))) == 1
    tell("two replicas of two workers: four shards, one log key, over two lives")
