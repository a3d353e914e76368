"""Appends to a log under load until it is killed; tells on stdout which sequences were acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from signerd.audit.log import Tuning, open_log
from signerd.audit.records import Record
from tests.unit.audit.samples import Several


async def main(directory: str) -> None:
    log = await open_log(Path(directory), "0", instance="i", tuning=Tuning(segment_bytes=200_000))

    async def caller() -> None:
        while True:
            ticket = log.append(
                Several([Record(operation="sign", outcome="ok", key="k" * 200) for _ in range(3)]), 3
            )
            await ticket.durable
            os.write(1, ticket.sequence.to_bytes(8, "little"))

    os.write(1, bytes(8))
    await asyncio.gather(*(caller() for _ in range(32)))


asyncio.run(main(sys.argv[1]))
