"""Killed at any moment, the log keeps every record it acknowledged."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.audit.checking import check
from signerd.audit.disk import Disk
from signerd.audit.frames import walk
from signerd.audit.recovery import recover
from signerd.audit.segments import read_header, segments_in

APPENDER = Path(__file__).with_name("appender.py")
ROOT = Path(__file__).parents[3]
ROUNDS = 200 if os.environ.get("SIGNERD_SOAK") == "1" else 20


def killed_after(directory: Path, seconds: float) -> list[int]:
    """Run the appender for a while, kill it, and give the first sequence of each acknowledged batch of three."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, APPENDER, directory], stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read(8) == bytes(8)
        time.sleep(seconds)
        child.kill()
        told = child.stdout.read()
    return [int.from_bytes(told[at : at + 8], "little") for at in range(0, len(told) - 7, 8)]


def sequences(directory: Path) -> Iterator[int]:
    for path in segments_in(directory):
        with path.open("rb") as file:
            found = read_header(file)
            assert found is not None
            for frame in walk(file, found[1], path.stat().st_size):
                assert json.loads(frame.body)["sequence"] == frame.sequence
                yield frame.sequence


@pytest.mark.timeout(1200)
def test_no_acknowledged_record_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for number in range(ROUNDS):
        for first in killed_after(tmp_path, random.Random(number).uniform(0.02, 0.15)):
            acknowledged.update(range(first, first + 3))
        place, _ = recover(tmp_path / "0", "0", "i", Disk())
        place.segment.close()
        assert place.sequence >= max(acknowledged, default=0), f"round {number}"

    stored = list(sequences(tmp_path / "0"))
    assert stored == list(range(1, len(stored) + 1))
    assert acknowledged <= set(stored)
    assert len(acknowledged) > ROUNDS
    assert check(tmp_path / "0") == len(stored)
