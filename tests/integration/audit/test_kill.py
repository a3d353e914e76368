"""Killed at any moment, the log keeps every record it acknowledged."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signerd.audit import checkpoints
from signerd.audit.checking import check
from signerd.audit.disk import Disk
from signerd.audit.reading import entries
from signerd.audit.recovery import recover
from signerd.audit.tree import TreeHead
from signerd.core.merkle import EMPTY_ROOT
from tests.unit.audit.proven_logs import root_of

APPENDER = Path(__file__).with_name("appender.py")
ROOT = Path(__file__).parents[3]
ROUNDS = 200 if os.environ.get("SIGNERD_SOAK") == "1" else 20


def appended(directory: Path, seconds: float | None, *arguments: str) -> list[int]:
    """Run the appender, kill it after a while or let it kill itself; the first sequence of each batch of three."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, APPENDER, directory, *arguments], stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read(8) == bytes(8)
        if seconds is not None:
            time.sleep(seconds)
            child.kill()
        told = child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    return [int.from_bytes(told[at : at + 8], "little") for at in range(0, len(told) - 7, 8)]


def check_promises(directory: Path, acknowledged: set[int], before: TreeHead) -> TreeHead:
    """Nothing acknowledged is lost, and what is published agrees with what was before; the published head."""
    shard = directory / "0"
    stored = [json.loads(body)["sequence"] for body in entries(shard, 0, 1 << 40)]
    assert stored == list(range(1, len(stored) + 1))
    assert acknowledged <= set(stored)
    assert check(shard) == len(stored)
    published = checkpoints.read(shard, "i/0")
    if published is None:
        return before
    assert before.size <= published.size <= len(stored)
    assert root_of(directory, published.size) == published.root
    assert root_of(directory, before.size) == before.root
    return published.head


@pytest.mark.timeout(1200)
def test_no_acknowledged_record_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    head = TreeHead(0, EMPTY_ROOT)
    for number in range(ROUNDS):
        for first in appended(tmp_path, random.Random(number).uniform(0.02, 0.15)):
            acknowledged.update(range(first, first + 3))
        place, replay = recover(tmp_path / "0", "0", "i", Disk(), [head])
        place.segment.close()
        assert place.sequence == replay.size >= max(acknowledged, default=0), f"round {number}"
        published = checkpoints.read(tmp_path / "0", "i/0")
        head = published.head if published else head

    assert check_promises(tmp_path, acknowledged, head).size > ROUNDS
    assert len(acknowledged) > ROUNDS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("event", ["replace", "checkpoint", "sync", "remove"])
def test_a_kill_in_the_middle_of_tiles_checkpoints_and_removals_loses_nothing(
    tmp_path: Path, event: str
) -> None:
    acknowledged: set[int] = set()
    head = TreeHead(0, EMPTY_ROOT)
    for number in range(ROUNDS // 3):
        count = random.Random(number).randrange(1, 40)
        for first in appended(tmp_path, None, event, str(count)):
            acknowledged.update(range(first, first + 3))
        place, _ = recover(tmp_path / "0", "0", "i", Disk(), [head])
        place.segment.close()
        published = checkpoints.read(tmp_path / "0", "i/0")
        head = published.head if published else head
    appended(tmp_path, 0.5)

    check_promises(tmp_path, acknowledged, head)
