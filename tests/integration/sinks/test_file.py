"""The file sink of a daemon: rotation, kill -9, a full disk, two workers."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from signerd.audit.reading import entries
from signerd.audit.records import LARGEST_INTEGER
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, until
from tests.integration.process.load import under_load

KEY = "team-a/release"


def configured(path: Path, more: str = "") -> str:
    return f"audit:\n  sinks: [{{name: copy, type: file, path: {path}}}]\n{more}"


def create_key(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key(KEY)


def logged(daemon: Daemon) -> set[bytes]:
    shards = (path for path in (daemon.home / "audit").iterdir() if path.is_dir())
    return {body for shard in shards for body in entries(shard, 0, LARGEST_INTEGER)}


def lines(*paths: Path) -> list[bytes]:
    return [line for path in paths for line in path.read_bytes().split(b"\n") if line]


async def sign(daemon: Daemon, count: int) -> None:
    async with under_load(daemon, KEY) as load:
        await load.reached(count)
    assert load.refused == []


async def test_rotation_loses_no_record_with_and_without_a_signal(
    new_daemon: NewDaemon, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    daemon = new_daemon(configured(path, "workers: 2\n")).start()
    create_key(daemon)
    rotated = []
    for number in range(4):
        await sign(daemon, 100)
        rotated.append(path.rename(path.with_suffix(f".{number}")))
        if number % 2:
            daemon_signal(daemon)
    await sign(daemon, 100)
    assert daemon.stop() == 0
    written = lines(path, *rotated)
    assert set(written) == logged(daemon)
    assert {json.loads(line)["shard"] for line in written} == {"worker-0", "worker-1"}
    assert path.stat().st_mode & 0o777 == 0o600


def daemon_signal(daemon: Daemon) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)


async def test_after_kill_it_goes_on_where_it_was(new_daemon: NewDaemon, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    daemon = new_daemon(configured(path)).start()
    create_key(daemon)
    for _ in range(3):
        await sign(daemon, 200)
        daemon.kill()
        daemon.start()
    assert daemon.stop() == 0
    sequences = [json.loads(line)["sequence"] for line in lines(path)]
    assert set(lines(path)) == logged(daemon)
    assert sorted(set(sequences)) == list(range(1, max(sequences) + 1))


async def test_a_full_disk_stops_no_signing_and_is_caught_up(new_daemon: NewDaemon, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    daemon = new_daemon(configured(small_disk / "audit.jsonl")).start()
    create_key(daemon)
    await asyncio.to_thread(fill, ballast)
    await sign(daemon, 300)
    with daemon.client() as client:
        until(lambda: "No space left" in client.status().audit.sinks[0].detail)
        ballast.unlink()
        until(lambda: client.status().audit.sinks[0].healthy)
    assert daemon.stop() == 0
    whole = {
        line for line in lines(small_disk / "audit.jsonl") if line.endswith(b"}") and line.startswith(b'{"')
    }
    assert logged(daemon) <= whole


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
