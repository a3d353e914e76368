from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from signerd.audit.disk import Disk, Space
from signerd.audit.log import Listener
from signerd.audit.reserve import LARGEST, LOOKS, Reserve
from signerd.errors import Reason, SignerdError
from tests.unit.audit.proven_logs import SMALL, fill, opened
from tests.unit.audit.samples import Several, make_record

MIB = 1 << 20


class Filling(Disk):
    """A disk of 1,000 MiB by default, with as much free as is set."""

    def __init__(self, total: int = 1000 * MIB) -> None:
        self.total = total
        self.free = total
        self.broken = False
        self.looks = 0

    def space(self, path: Path) -> Space:
        self.looks += 1
        if self.broken:
            raise OSError(5, "Input/output error")
        return Space(self.free, self.total)


def seen(disk: Filling, size: int | None, free: int) -> bool:
    disk.free = free
    reserve = Reserve(Path("/x"), disk, size)
    reserve.look()
    return bool(reserve.problem)


@pytest.mark.parametrize(
    ("total", "size", "limit"),
    [
        (1000 * MIB, None, 100 * MIB),
        (100_000 * MIB, None, LARGEST),
        (1000 * MIB, 3 * MIB, 3 * MIB),
        (0, None, 0),
        (1000 * MIB, 0, 0),
    ],
)
def test_what_is_kept_is_a_tenth_or_what_is_set(total: int, size: int | None, limit: int) -> None:
    disk = Filling(total)

    assert not seen(disk, size, limit)
    if limit:
        assert seen(disk, size, limit - 1)


def test_space_is_short_until_there_is_an_eighth_more() -> None:
    disk = Filling()
    reserve = Reserve(Path("/x"), disk, 80 * MIB)
    steps = []
    for free in (81, 79, 80, 89, 90, 80):
        disk.free = free * MIB
        steps.append((reserve.look(), bool(reserve.problem)))

    assert steps == [
        (False, False),
        (True, True),
        (False, True),
        (False, True),
        (True, False),
        (False, False),
    ]


def test_it_looks_before_the_reserve_can_be_used_up_and_not_at_every_write() -> None:
    disk = Filling()
    reserve = Reserve(Path("/x"), disk, 64 * MIB)
    reserve.look()
    for _ in range(4096):
        reserve.wrote(64 * MIB // 4096)

    assert LOOKS <= disk.looks - 1 <= LOOKS + 40


def test_what_can_not_be_looked_at_stays_as_it_was() -> None:
    disk = Filling()
    reserve = Reserve(Path("/x"), disk, 80 * MIB)
    disk.free = 1
    reserve.look()
    disk.broken = True

    assert not reserve.look()
    assert reserve.problem


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_while_space_is_short_only_administration_is_put_on_record(tmp_path: Path) -> None:
    disk, told = Filling(), list[list[str]]()
    listener = Listener(on_warnings=lambda warnings: told.append(list(warnings)))
    log = await opened(tmp_path, disk, replace(SMALL, reserve=80 * MIB), listener=listener)
    disk.free = 79 * MIB
    big = [make_record(detail="x" * 3000) for _ in range(1000)]
    await log.append(Several(big), 1000).durable
    await until(lambda: bool(log.scarce))
    with pytest.raises(SignerdError) as caught:
        log.append(make_record())
    ticket = log.append(make_record(), administration=True)
    await ticket.durable
    disk.free = 200 * MIB
    await until(lambda: not log.scarce)
    await fill(log, 1)
    await log.close()

    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    assert "79 MiB are free for the audit log, and 80 MiB are kept for administration" in caught.value.message
    assert "make room" in caught.value.message
    assert (ticket.sequence, log.sequence, log.healthy) == (1001, 1002, True)
    assert [bool(warnings) for warnings in told] == [True, False]


async def test_a_log_that_opens_on_a_full_disk_says_so(tmp_path: Path) -> None:
    disk = Filling()
    disk.free = 0
    log = await opened(tmp_path, disk, replace(SMALL, reserve=None))
    await until(lambda: bool(log.warnings))

    with pytest.raises(SignerdError):
        log.check()
    log.check(administration=True)
    await log.close()
