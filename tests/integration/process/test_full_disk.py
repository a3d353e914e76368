"""Where no record can be written, nothing is signed; when that is mended, signing comes back by itself."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from signerd.audit.log import RECOVERED
from signerd.client import Reason, SignerdError
from tests.integration.process.conftest import NewDaemon, mount
from tests.integration.process.daemons import SHARD, Daemon, http, tell, until, until_async
from tests.integration.process.load import Load, under_load
from tests.integration.process.records import recorded, stored
from tests.support.daemons import free_port

KEY = "team-a/release"
NOTHING_SIGNED = 20


@dataclass(frozen=True)
class Trouble:
    """How writing is made impossible, and how it is mended."""

    begin: Callable[[Path], None]
    mend: Callable[[Path], None]


def fill(disk: Path) -> None:
    """Take all the room there is."""
    with (disk / "ballast").open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def make_read_only(disk: Path) -> None:
    """A remount is refused while files are open for writing: mount a read-only file system over it instead."""
    if not mount("-t", "tmpfs", "-o", "size=1m,ro,mode=0700", "tmpfs", str(disk)):
        pytest.skip("mounting is not permitted here")


def uncover(disk: Path) -> None:
    subprocess.run(["umount", disk], check=True)


def rename_away(disk: Path) -> None:
    (disk / "audit").rename(disk / "elsewhere")


def put_back(disk: Path) -> None:
    (disk / "elsewhere").rename(disk / "audit")


def unlink_segment(disk: Path) -> None:
    max((disk / "audit" / SHARD / "wal").glob("*.log")).unlink()


TROUBLES = {
    "full": Trouble(fill, lambda disk: (disk / "ballast").unlink()),
    "read-only": Trouble(make_read_only, uncover),
    "renamed": Trouble(rename_away, put_back),
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def daemon(new_daemon: NewDaemon, small_disk: Path, port: int) -> Daemon:
    config = f"audit: {{directory: {small_disk}/audit, reserve: 0B}}\nhttp: {{listen: '127.0.0.1:{port}'}}\n"
    daemon = new_daemon(config).start()
    with daemon.client() as client:
        client.create_key(KEY)
    return daemon


@pytest.mark.parametrize("name", TROUBLES)
async def test_nothing_is_signed_until_records_can_be_written_again(
    daemon: Daemon, small_disk: Path, port: int, name: str
) -> None:
    trouble, pid = TROUBLES[name], daemon.pid
    async with under_load(daemon, KEY) as load:
        await load.reached(100)
        await asyncio.to_thread(trouble.begin, small_disk)
        told = await refused_from_now_on(load)
        await asyncio.to_thread(check_not_serving, daemon, port)
        await asyncio.sleep(0.5)
        assert len(load.told) == told
        await asyncio.to_thread(trouble.mend, small_disk)
        await load.reached(told + 50)
    until(lambda: daemon.health() == "SERVING" and http(port, "/readyz") == (200, "ok\n"))
    assert set(load.reasons) == {"AUDIT_UNAVAILABLE"}
    assert all(error.retry_after is not None for error in load.refused[-NOTHING_SIGNED:])
    assert daemon.pid == pid
    assert daemon.stop() == 0
    check_log(small_disk, load)
    tell(
        f"disk {name}: {len(load.refused)} calls refused, none signed, {len(load.told)} signatures on record"
    )


async def refused_from_now_on(load: Load) -> int:
    """Wait until calls are refused; the number of signatures acknowledged by then."""
    await until_async(lambda: len(load.refused) >= NOTHING_SIGNED)
    return len(load.told)


def check_not_serving(daemon: Daemon, port: int) -> None:
    until(lambda: daemon.health() == "NOT_SERVING")
    assert daemon.health("signerd.v1.Signer") == "NOT_SERVING"
    code, why = http(port, "/readyz")
    assert code == 503
    assert why.strip()
    assert http(port, "/healthz") == (200, "ok\n")
    with daemon.client() as client:
        with pytest.raises(SignerdError) as caught:
            client.sign(KEY, message=b"x")
        status = client.status()
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    assert caught.value.retry_after
    assert not status.serving
    assert not status.audit.healthy
    assert status.audit.detail


def check_log(disk: Path, load: Load) -> None:
    records = stored(disk / "audit" / SHARD)
    assert set(load.told) <= {recorded(record) for record in records}
    assert RECOVERED in {record.operation for record in records}


async def test_a_segment_that_was_unlinked_is_put_back_with_all_its_records(
    daemon: Daemon, small_disk: Path
) -> None:
    """An unlinked file still takes writes: the daemon must notice, and no acknowledged record may be lost."""
    async with under_load(daemon, KEY) as load:
        await load.reached(100)
        unlink_segment(small_disk)
        await load.reached(len(load.told) + 100)
    assert daemon.stop() == 0
    check_log(small_disk, load)
    assert set(load.reasons) == {"AUDIT_UNAVAILABLE"}
    tell(f"segment unlinked: {len(load.refused)} calls refused, {len(load.told)} signatures on record")


def test_a_daemon_does_not_start_where_it_can_not_write(new_daemon: NewDaemon, small_disk: Path) -> None:
    fill(small_disk)
    done = new_daemon(f"audit: {{directory: {small_disk}/audit}}\n").run()
    assert done.returncode == 4
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(small_disk.rglob("*.log"))
