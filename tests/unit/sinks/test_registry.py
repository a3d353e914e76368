"""What a type of sink needs is imported when such a sink is configured, and only then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from signerd.config_sinks import HttpSink, SinkConfig, SyslogSink
from signerd.sinks.base import Origin
from signerd.sinks.http import HttpSender
from signerd.sinks.lanes import Threaded
from signerd.sinks.registry import build
from tests.unit.sinks.samples import section

LATE = (
    "aiohttp",
    "signerd.sinks.delivery",
    "signerd.sinks.registry",
    "signerd.sinks.stream",
    "signerd.exports",
)
CODE = f"import sys, signerd.daemon; print([name for name in {LATE!r} if name in sys.modules])"


def test_a_daemon_without_sinks_loads_none_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("sink", "kind"),
    [
        (section(path=Path("/nowhere/audit.jsonl")), Threaded),
        (SyslogSink(name="logs", type="syslog", address="localhost:514"), Threaded),
        (HttpSink(name="siem", type="http", url="https://siem.example.org/"), HttpSender),
    ],
)
async def test_each_type_has_its_sender(sink: SinkConfig, kind: type) -> None:
    sender = build(sink, Origin("0123abcd", "worker-0"))
    assert isinstance(sender, kind)
    await sender.close()
