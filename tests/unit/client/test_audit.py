"""Reading the audit log: streams that go on after an interruption, blocking and asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import pytest
from google.rpc.status_pb2 import Status

from signerd.client import AsyncClient, Backoff, Client, Settings, audit_requests
from signerd.errors import Reason, SignerdError
from signerd.v1.audit_pb2 import ExportRecordsResponse, TailRecordsResponse
from signerd.v1.resources_pb2 import AuditPosition
from tests.unit.client.fake_daemon import FakeDaemon

AWAY = Status(code=14, message="away")
REFUSED = Status(code=7, message="no")


@pytest.fixture
def client(settings: Settings, quick: Backoff, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(audit_requests, "MOST_PAUSE", 0.01)
    with Client(settings, backoff=quick) as made:
        yield made


def heard(sequence: int, shard: str = "w0") -> TailRecordsResponse:
    return TailRecordsResponse(positions=[AuditPosition(shard=shard, sequence=sequence)])


def exported(sequence: int) -> ExportRecordsResponse:
    return ExportRecordsResponse(position=AuditPosition(shard="w0", sequence=sequence))


SCRIPT = [[heard(3), heard(4, "w1"), AWAY], [AWAY], [], [heard(5)]]
ASKED = [{}, {"w0": 3, "w1": 4}, {"w0": 3, "w1": 4}, {"w0": 3, "w1": 4}]


def asked(daemon: FakeDaemon, method: str) -> list[dict[str, int]]:
    return [{one.shard: one.sequence for one in request.after} for request in daemon.asked[method]]


def test_a_tail_goes_on_where_it_was(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["TailRecords"].extend(SCRIPT)
    coming = client.audit.tail(key="k", heartbeat=2.5)
    assert [*islice(coming, 3)] == [heard(3), heard(4, "w1"), heard(5)]
    coming.close()
    assert asked(daemon, "TailRecords") == ASKED
    request = daemon.asked["TailRecords"][3]
    assert (request.filter.key, request.heartbeat.ToMilliseconds()) == ("k", 2500)
    assert len({one.request_id for one in daemon.asked["TailRecords"]}) == 4


async def test_a_tail_goes_on_where_it_was_with_asyncio(
    settings: Settings, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_requests, "MOST_PAUSE", 0.01)
    daemon.script["TailRecords"].extend(SCRIPT)
    async with AsyncClient(settings) as client:
        coming = client.audit.tail()
        assert [await anext(coming) for _ in range(3)] == [heard(3), heard(4, "w1"), heard(5)]
        await coming.aclose()
    assert asked(daemon, "TailRecords") == ASKED


def test_what_can_not_be_mended_is_raised(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["TailRecords"].append([heard(1), REFUSED])
    coming = client.audit.tail()
    next(coming)
    with pytest.raises(SignerdError) as caught:
        next(coming)
    assert caught.value.reason is Reason.CALLER_DENIED


def test_patience_ends(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["ExportRecords"].extend([[exported(1), AWAY], *[[AWAY]] * 50])
    coming = client.audit.export(patience=0.03)
    next(coming)
    with pytest.raises(SignerdError) as caught:
        next(coming)
    assert caught.value.reason is Reason.DAEMON_UNREACHABLE
    assert 2 <= len(daemon.asked["ExportRecords"]) <= 6


def test_an_export_ends_with_the_stream(client: Client, daemon: FakeDaemon) -> None:
    daemon.script["ExportRecords"].extend([[exported(1), AWAY], [exported(2)]])
    assert [*client.audit.export(after={"w9": 7})] == [exported(1), exported(2)]
    assert asked(daemon, "ExportRecords") == [{"w9": 7}, {"w9": 7, "w0": 1}]


def test_a_time_needs_its_zone(client: Client) -> None:
    with pytest.raises(SignerdError) as caught:
        client.audit.list_records(since=datetime(2026, 1, 1))  # noqa: DTZ001 - what is tested
    assert (caught.value.reason, caught.value.field) == (Reason.REQUEST_MALFORMED, "since")
