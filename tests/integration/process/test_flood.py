"""A flood of refused requests: others are served, log and memory stay bounded, every signature is on record."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signerd.audit.records import Record
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import ROOT, SOAK, Daemon, memory, reset_peak, sized, tell
from tests.integration.process.load import Load
from tests.integration.process.records import recorded, stored

TIME = 60.0 if SOAK else 5.0
UNARY = 64
LIMIT = 100
MOST_MEMORY = 120
"""MiB that a flood may add: calls that wait for their refusal."""
RECORD_BYTES = 2048
CONFIG = f"""
listeners:
  - {{name: local, unix: home/run/signerd.sock}}
  - {{name: flood, unix: home/run/flood.sock}}
audit: {{budget: {{refusals: {LIMIT}}}}}
"""


@contextmanager
def flooded(daemon: Daemon, key: str) -> Iterator[list[int]]:
    """A flood while the body runs; then the list has how many were sent and answered."""
    flooder = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.process.flooder", daemon.home / "run" / "flood.sock", key],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))},
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    counts: list[int] = []
    try:
        yield counts
    finally:
        flooder.send_signal(signal.SIGTERM)
        out, _ = flooder.communicate(timeout=60)
        counts += map(int, out.split())


async def measured(load: Load, seconds: float) -> float:
    """Signatures a second."""
    before = len(load.told)
    await asyncio.sleep(seconds)
    return (len(load.told) - before) / seconds


async def at_work(daemon: Daemon) -> tuple[Load, float, float, list[int], int]:
    """What others got, in signatures a second, quiet and flooded; memory in MiB before the flood."""
    async with daemon.async_client(timeout=30.0) as client:
        load = Load(client, "k")
        load.begin(UNARY, 0)
        try:
            await load.reached(500)
            quiet = await measured(load, TIME)
            reset_peak(daemon.pid)
            before = memory(daemon.pid, "VmRSS")
            with flooded(daemon, "k") as counts:
                await load.reached(len(load.told) + 100)
                under_flood = await measured(load, TIME)
        finally:
            await load.end()
    return load, quiet, under_flood, counts, before


def of_flood(records: list[Record]) -> list[Record]:
    return [record for record in records if record.caller == "unix:flood"]


@sized
def test_a_flood_of_refused_requests_harms_nobody_else(new_daemon: NewDaemon) -> None:
    daemon = new_daemon(CONFIG).start()
    assert daemon.ctl("keys", "create", "k").returncode == 0
    load, quiet, under_flood, (sent, answered), before = asyncio.run(at_work(daemon))
    peak = memory(daemon.pid, "VmHWM")
    assert daemon.stop() == 0
    records = stored(daemon.shard)
    flood = of_flood(records)
    tell(f"{quiet:.0f} signatures/s quiet, {under_flood:.0f} under a flood: {under_flood / quiet:.2f}")
    tell(f"{sent} refused requests sent, {answered} answered; {len(flood)} records of them")
    tell(f"memory {before} MiB before, {peak} MiB at most; log {used(daemon.shard.parent) >> 10} KiB")

    assert Counter(error.reason.name for error in load.refused).keys() <= {"OVERLOADED"}
    assert set(load.told) <= {recorded(record) for record in records if record.outcome == "ok"}
    minutes = int(TIME // 60) + 2
    assert len(flood) <= (LIMIT + 1) * minutes
    counted = [record for record in flood if record.operation == "refusals-counted"]
    assert 0 < len(counted) <= minutes
    assert len(flood) - len(counted) + sum(record.count for record in counted) >= answered
    assert used(daemon.shard.parent) <= RECORD_BYTES * (len(load.told) + LIMIT * minutes) + (4 << 20)
    assert peak - before <= MOST_MEMORY
    assert under_flood > quiet / 10


def used(directory: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
