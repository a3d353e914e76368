"""Reading a log that another process writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from signerd.audit.reading import get_record, list_records

APPENDER = Path(__file__).with_name("appender.py")
ROOT = Path(__file__).parents[3]


def test_a_log_can_be_read_while_another_process_writes_it(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, APPENDER, tmp_path], stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        acknowledged = 0
        for _ in range(60):
            acknowledged = max(acknowledged, int.from_bytes(child.stdout.read(8), "little"))
            shown = [entry.record.sequence for entry in list_records(tmp_path, page_size=20).entries]
            newest = shown[0] if shown else 0

            assert newest >= acknowledged
            assert shown == list(range(newest, newest - len(shown), -1))
            assert not shown or f'"sequence":{shown[-1]},'.encode() in get_record(tmp_path, "0", shown[-1])
        child.kill()
    assert acknowledged > 0
