"""What the daemon puts on record of itself: its settings, what a crash left, and counts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.audit.reading import list_records
from signerd.audit.records import Record
from signerd.errors import SignerdError
from signerd.v1.keys_pb2 import GetKeyRequest
from tests.support.daemons import PROVIDERS, serving, short_home
from tests.support.refusals import Refused


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as made:
        yield made


def events(home: Path) -> list[tuple[str, str, str]]:
    """What is on record, oldest first: operation, outcome, detail."""
    found = [entry.record for entry in list_records(home / "audit", page_size=1000).entries[::-1]]
    return [(record.operation, record.outcome, record.detail) for record in found]


async def test_a_start_says_what_settings_it_has(home: Path) -> None:
    async with serving(home):
        pass
    async with serving(home, PROVIDERS + "drain: 1s\n"):
        pass
    starts = [detail for operation, _, detail in events(home) if operation == "start"]
    assert all(re.search(r"worker 1 of 1, settings sha256:[0-9a-f]{64}$", detail) for detail in starts)
    assert len(set(starts)) == 2


async def test_what_a_crash_left_unfinished_is_on_record(home: Path) -> None:
    async with serving(home) as running:
        await running.worker.log.append(Record(operation="sign-intent", outcome="ok")).durable
        await running.worker.log.close()  # nothing more gets to disk, as after a crash
    async with serving(home):
        pass
    (found,) = [one for one in events(home) if one[0] == "sign-unfinished"]
    assert found[1] == "failed"
    async with serving(home):
        pass
    assert len([one for one in events(home) if one[0] == "sign-unfinished"]) == 1


async def test_a_sink_that_is_down_after_a_crash_does_not_hinder_the_start(home: Path) -> None:
    async with serving(home) as running:
        await running.worker.log.append(Record(operation="sign-intent", outcome="ok")).durable
        await running.worker.log.close()
    sink = "{name: siem, type: syslog, address: '127.0.0.1:1', required: true, timeout: 100ms}"
    async with serving(home, PROVIDERS + f"audit: {{sinks: [{sink}]}}\n"):
        pass
    assert [one[1] for one in events(home) if one[0] in ("sign-unfinished", "start")] == [
        "ok",
        "failed",
        "ok",
    ]


async def test_refusals_that_were_counted_are_on_record_at_the_stop(home: Path) -> None:
    async with serving(home, PROVIDERS + "audit: {budget: {refusals: 2}}\n") as running:
        answers = [running.call("Keys/GetKey", GetKeyRequest(name="nobody")) for _ in range(7)]
        assert all(isinstance(one, Refused) for one in await asyncio.gather(*answers, return_exceptions=True))
    counted = [one for one in events(home) if one[0] in ("get-key", "refusals-counted")]
    assert [one[:2] for one in counted] == [("get-key", "refused")] * 2 + [("refusals-counted", "refused")]
    assert counted[-1][2].endswith(": KEY_NOT_FOUND 5")


async def test_a_start_that_fails_is_on_record(home: Path) -> None:
    socket = home / "run" / "signerd.sock"
    socket.parent.mkdir(mode=0o700, parents=True)
    socket.write_text("not a socket")
    with pytest.raises(SignerdError) as caught:
        async with serving(home):
            pass
    (start,) = [one for one in events(home) if one[0] == "start"]
    assert start[1:] == ("failed", caught.value.message)
