"""Real file systems that fill up, turn read-only or vanish under the log."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from signerd.audit.checking import check
from signerd.audit.log import Log, Tuning, open_log
from signerd.audit.records import Record
from signerd.errors import Reason, SignerdError
from tests.unit.audit.samples import Several


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if not mounted("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)):
        pytest.skip("mounting a tmpfs is not permitted here")
    yield tmp_path
    unmount(tmp_path)


@pytest.fixture
async def log(disk: Path) -> AsyncIterator[Log]:
    log = await open_log(disk, "0", instance="i", tuning=Tuning(probe=0.05, reserve=0))
    yield log
    await log.close()


def append(log: Log) -> asyncio.Future[None]:
    return log.append(
        Several([Record(operation="sign", outcome="ok", key="k" * 400) for _ in range(50)]), 50
    ).durable


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def failure_of(log: Log, tries: int = 1000) -> SignerdError:
    """Append until it fails."""
    for _ in range(tries):
        try:
            await append(log)
        except SignerdError as error:
            return error
    raise AssertionError("it never failed")


async def test_a_full_disk_stops_the_log_until_there_is_room(log: Log, disk: Path) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(3_600_000))
    error = await failure_of(log)
    durable = log.sequence
    await asyncio.sleep(0.2)
    assert not log.healthy
    with pytest.raises(SignerdError):
        append(log)
    ballast.unlink()
    await until(lambda: log.healthy and log.sequence > durable)
    await append(log)

    assert error.reason is Reason.AUDIT_UNAVAILABLE
    assert "No space left on device" in error.message
    assert durable % 50 == 0
    assert log.sequence == durable + 1 + 50
    assert check(disk / "0") == log.sequence


async def test_a_disk_that_fills_up_again_and_again_loses_nothing(log: Log, disk: Path) -> None:
    ballast = disk / "ballast"
    for _ in range(5):
        ballast.write_bytes(
            bytes(max(0, 4_000_000 - sum(path.stat().st_blocks * 512 for path in (disk / "0").rglob("*"))))
        )
        await failure_of(log)
        ballast.unlink()
        await until(lambda: log.healthy and not log.detail)
    sequence = log.sequence
    await log.close()
    again = await open_log(disk, "0", instance="i", tuning=Tuning(reserve=0))

    assert again.sequence >= sequence
    assert check(disk / "0") == again.sequence
    await again.close()


async def test_a_read_only_disk_mounted_over_it_stops_the_log_until_it_is_gone(log: Log, disk: Path) -> None:
    await append(log)
    if not mounted("-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", str(disk)):
        pytest.skip("mounting a tmpfs is not permitted here")
    error = await failure_of(log, tries=1)
    assert error.reason is Reason.AUDIT_UNAVAILABLE
    unmount(disk)
    await until(lambda: log.healthy)
    await append(log)

    assert check(disk / "0") == log.sequence == 101


async def test_a_removed_directory_stops_the_log_for_good(log: Log, disk: Path) -> None:
    await append(log)
    shutil.rmtree(disk / "0")
    await failure_of(log, tries=1)
    (disk / "0").mkdir()
    await asyncio.sleep(0.2)

    assert not log.healthy
    assert log.sequence == 50
