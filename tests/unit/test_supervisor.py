"""The parent of several workers tells them how many live, so that they share quotas."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from signerd.config_file import embedded
from signerd.supervisor import Plan, Supervisor

WORKER = """
import asyncio, json, os, sys
from pathlib import Path
from signerd.control import Answers, serve_control

given = json.load(sys.stdin)
notes = Path(f"{given['source']}-{given['worker']}")
notes.with_suffix(".pid").write_text(str(os.getpid()))

def share(workers):
    with notes.open("a") as told:
        told.write(f"{workers} ")

asyncio.run(serve_control(given["control_fd"], Answers(lambda: b"", lambda: "", share)))
"""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - other processes have no event for us
            await asyncio.sleep(0.02)


def told(notes: Path, worker: int) -> list[int]:
    """What a worker was told, in all its lives."""
    path = notes.with_name(f"notes-{worker}")
    return [int(number) for number in path.read_text().split()] if path.exists() else []


async def test_workers_learn_how_many_live_when_one_dies_and_comes_back(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    config = embedded({"SIGNERD_HOME": str(tmp_path)}).model_copy(update={"workers": 3})
    plan = Plan(notes, lambda config: config, {}, command=(sys.executable, "-c", WORKER))  # type: ignore[arg-type]
    supervisor = Supervisor(config, plan)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: all(told(notes, number)[-1:] == [3] for number in range(3)))
    before = len(told(notes, 1))
    os.kill(int((tmp_path / "notes-1.pid").read_text()), signal.SIGKILL)
    await until(lambda: all(told(notes, number)[-2:] == [2, 3] for number in (0, 2)))
    await until(lambda: len(told(notes, 1)) > before)
    assert told(notes, 1)[before:] == [3] * len(told(notes, 1)[before:])
    supervisor._stop.set()
    await running
