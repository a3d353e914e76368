"""Appends to a log under load and publishes until it is killed; tells on stdout which sequences were acknowledged.

`appender.py DIRECTORY [EVENT COUNT]`: kills itself in the middle of the COUNT-th EVENT, `replace`, `sync` or `remove`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from signerd.audit.disk import Disk
from signerd.audit.log import Tuning, open_log
from signerd.audit.records import Record
from tests.unit.audit.proven_logs import publish
from tests.unit.audit.samples import Several


class DeadlyDisk(Disk):
    """Kills the process in the middle of a given call."""

    def __init__(self, event: str, count: int) -> None:
        self._event = event
        self._count = count
        self._seen: Counter[str] = Counter()

    def _meet(self, event: str) -> bool:
        self._seen[event] += 1
        return event == self._event and self._seen[event] >= self._count

    def replace(self, path: Path, data: bytes, new: Path, *, sync: bool = False) -> None:
        if self._meet("checkpoint" if sync else "replace"):
            new.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        super().replace(path, data, new, sync=sync)

    def sync(self, path: Path) -> None:
        if self._meet("sync"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().sync(path)

    def remove(self, path: Path) -> None:
        super().remove(path)
        if self._meet("remove"):
            os.kill(os.getpid(), signal.SIGKILL)


async def main(directory: str, event: str = "", count: str = "0") -> None:
    tuning = Tuning(segment_bytes=200_000, reserve=0)
    disk = DeadlyDisk(event, int(count))
    log = await open_log(Path(directory), "0", instance="i", tuning=tuning, disk=disk)

    async def caller() -> None:
        while True:
            ticket = log.append(
                Several([Record(operation="sign", outcome="ok", key="k" * 200) for _ in range(3)]), 3
            )
            await ticket.durable
            os.write(1, ticket.sequence.to_bytes(8, "little"))

    async def publisher() -> None:
        while True:
            await publish(log)
            await asyncio.sleep(0.02)

    os.write(1, bytes(8))
    await asyncio.gather(publisher(), *(caller() for _ in range(32)))


asyncio.run(main(*sys.argv[1:]))
