"""Service Audit over a real connection: lists, proofs, checkpoints, keys, streams, and who may read."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from signerd.auditor.inclusion import verify_inclusion
from signerd.auditor.vkeys import parse_log_keys
from signerd.authz.roles import AUDITOR
from signerd.client import AsyncClient, Settings, parse_endpoint, sign_request
from signerd.engine import tailing
from signerd.errors import Reason, SignerdError
from signerd.rpc import answering
from signerd.rpc.server import operations
from signerd.v1 import audit_pb2, signer_pb2
from tests.support.daemons import Daemon, raw_call, serving, short_home, until
from tests.support.refusals import Refused, from_call, refused

CONFIG = """
providers: {keys: {type: memory}}
listeners: [{name: admin, unix: run/signerd.sock}, {name: auditors, unix: run/audit.sock, role: auditor}]
"""


NARROW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1 << 16)]


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as made:
        yield made


@pytest.fixture
async def daemon(home: Path) -> AsyncIterator[Daemon]:
    async with serving(home, CONFIG) as found:
        jobs = [asyncio.create_task(job) for job in found.worker.jobs()]
        await found.add_key("k")
        yield found
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[AsyncClient]:
    async with client_of(daemon.home) as found:
        yield found


def client_of(home: Path, socket: str = "signerd.sock", **options: Any) -> AsyncClient:
    return AsyncClient(Settings(endpoint=parse_endpoint(f"unix:{home}/run/{socket}")), **options)


async def log_pub(client: AsyncClient) -> Any:
    return parse_log_keys("".join(f"{one.vkey}\n" for one in await client.audit.log_keys()).encode())


async def test_records_by_filters(client: AsyncClient) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    signed = [await client.sign("k", message=b"%d" % number) for number in range(5)]
    with pytest.raises(SignerdError):
        await client.sign("none", message=b"x")
    page = await client.audit.list_records(operation="sign", outcome="ok", since=before, version=1)
    assert [one.position.sequence for one in page.records] == [one.audit.sequence for one in signed[::-1]]
    digest = json.loads(page.records[2].json)["digest"]
    (found,) = (await client.audit.list_records(digest=digest)).records
    assert found.position == signed[2].audit
    (found,) = (await client.audit.list_records(record=found.request_id)).records
    assert found.position == signed[2].audit
    (found,) = (await client.audit.list_records(reason="KEY_NOT_FOUND", caller="unix:admin")).records
    assert found.outcome == "refused"
    assert not (await client.audit.list_records(key="k", until=before)).records
    assert not (await client.audit.list_records(shard="worker-7")).records


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"digest": "SHA256:00"}, "filter.digest"),
        ({"version": -1}, "filter.version"),
        ({"shard": "../a"}, "filter.shard"),
        ({"caller": "x" * 1025}, "filter.caller"),
        ({"since": Timestamp(seconds=5), "until": Timestamp(seconds=5)}, "filter.until"),
    ],
)
async def test_filters_that_are_refused(daemon: Daemon, fields: dict[str, Any], field: str) -> None:
    request = audit_pb2.ListRecordsRequest(filter=fields)
    error = await refused(daemon.call("Audit/ListRecords", request))
    assert (error.reason, error.field) == (Reason.REQUEST_MALFORMED, field)


async def test_times_at_the_end_of_time(daemon: Daemon) -> None:
    for seconds in (-(1 << 62), 1 << 62):
        request = audit_pb2.ListRecordsRequest(filter={"since": Timestamp(seconds=seconds)})
        found = await daemon.call("Audit/ListRecords", request)
        assert bool(found.records) is (seconds < 0)


async def test_an_index_that_is_deleted_or_garbage_comes_back(daemon: Daemon, client: AsyncClient) -> None:
    await client.sign("k", message=b"x")
    assert (await client.audit.list_records(key="k")).records
    index = daemon.home / "audit" / "index.sqlite"
    for spoil in (index.unlink, lambda: index.write_bytes(b"x" * 9999), lambda: index.write_bytes(b"")):
        spoil()
        assert (await client.audit.list_records(key="k", operation="sign")).records
        assert index.read_bytes()[:6] == b"SQLite"


async def test_without_an_index_records_are_looked_through(daemon: Daemon, client: AsyncClient) -> None:
    await client.sign("k", message=b"x")
    index = daemon.home / "audit" / "index.sqlite"
    index.unlink(missing_ok=True)
    index.mkdir()
    (found,) = (await client.audit.list_records(operation="sign")).records
    assert found.key_version == "keys/k/versions/1"


async def test_a_proof_of_any_record(client: AsyncClient) -> None:
    signed = await client.sign("k", message=b"x")
    found = await client.audit.get_proof(signed.audit.shard, signed.audit.sequence)
    proven = verify_inclusion(found.proof.encode(), found.record.json.encode(), await log_pub(client), None)
    assert proven.position == f"{signed.audit.shard}/{signed.audit.sequence}"
    with pytest.raises(SignerdError) as caught:
        await client.audit.get_proof("worker-0", 99999)
    assert caught.value.reason is Reason.AUDIT_RECORD_NOT_FOUND


async def test_signatures_come_with_their_proofs(client: AsyncClient) -> None:
    one = await client.sign("k", message=b"x", want_proof=True)
    batch = [sign_request("k", message=b"%d" % number, want_proof=number % 2 == 0) for number in range(4)]
    answers = await client.sign_batch([*batch, sign_request("none", message=b"x", want_proof=True)])
    streamed = await client.sign_stream("k", io.BytesIO(b"y" * 99), want_proof=True)
    keys = await log_pub(client)
    assert isinstance(answers[4], SignerdError)
    assert [isinstance(answer, signer_pb2.SignResponse) and bool(answer.proof) for answer in answers[:4]] == [
        True,
        False,
        True,
        False,
    ]
    for answer in (one, answers[0], answers[2], streamed):
        assert isinstance(answer, signer_pb2.SignResponse)
        record = await client.audit.get_record(answer.audit.shard, answer.audit.sequence)
        verify_inclusion(answer.proof.encode(), record.json.encode(), keys, None)
        assert not answer.proof_problem


async def test_without_a_checkpoint_the_signature_is_not_lost(
    daemon: Daemon, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(size: int) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(daemon.worker.listeners.methods.signing.prover, "own_covering", never)
    answer = await client.sign("k", message=b"x", want_proof=True, timeout=1.0)
    assert answer.signature
    assert (answer.proof, "no checkpoint" in answer.proof_problem) == ("", True)
    (found,) = (await client.audit.list_records(operation="sign")).records
    assert found.position == answer.audit


async def test_checkpoints_and_keys(client: AsyncClient) -> None:
    await client.sign("k", message=b"x")
    (found,) = await client.audit.checkpoints(fresh=True)
    assert found.origin.endswith("/worker-0")
    assert found.note.splitlines()[:2] == [found.origin, str(found.size)]
    before = await client.audit.log_keys()
    await client.rotate_log_key()
    keys = await client.audit.log_keys()
    assert [(one.version, one.primary) for one in keys] == [(1, False), (2, True)]
    assert keys[0].vkey == before[0].vkey
    with pytest.raises(SignerdError) as caught:
        await client.audit.checkpoints("worker-9")
    assert caught.value.reason is Reason.AUDIT_RECORD_NOT_FOUND


async def test_an_export_has_every_record_byte_for_byte(daemon: Daemon, client: AsyncClient) -> None:
    await client.sign_batch(sign_request("k", message=b"%d" % number) for number in range(700))
    last = daemon.worker.log.sequence + 1  # the export's own
    found = [one async for message in client.audit.export() for one in message.records]
    assert [json.loads(one)["sequence"] for one in found] == list(range(1, last + 1))
    some = [one async for message in client.audit.export(after={"worker-0": 650}) for one in message.records]
    assert json.loads(some[0])["sequence"] == 651
    assert found[-50:-2] == some[-51:-3]
    verified = [
        one
        async for message in client.audit.export(operation="create-key", key="k")
        for one in message.records
    ]
    assert len(verified) == 1


async def test_a_tail_shows_what_comes_and_goes_on_without_a_gap(home: Path) -> None:
    seen: list[int] = []

    async def follow(client: AsyncClient) -> None:
        async for message in client.audit.tail(operation="sign"):
            seen.extend(one.position.sequence for one in message.records)

    signed: list[int] = []
    async with client_of(home) as client:
        async with serving(home, CONFIG) as daemon:
            await daemon.add_key("k")
            following = asyncio.create_task(follow(client))
            await until(lambda: daemon.worker.gate.streams == 1)
            signed += [(await client.sign("k", message=b"x")).audit.sequence for _ in range(20)]
            await until(lambda: seen == signed)
        async with serving(home, CONFIG) as daemon:  # it was away meanwhile
            await daemon.add_key("k2")
            signed += [(await client.sign("k2", message=b"x")).audit.sequence for _ in range(20)]
            await until(lambda: seen == signed)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await until(lambda: daemon.worker.gate.streams == 0)


async def test_heartbeats_tell_how_far_a_tail_is(client: AsyncClient) -> None:
    async with contextlib.aclosing(client.audit.tail(caller="nobody", heartbeat=1.0)) as coming:
        first = await anext(coming)
        answer = await client.sign("k", message=b"x")
        second = await anext(coming)
    assert [*first.records, *second.records] == []
    assert second.positions[0].sequence >= answer.audit.sequence > first.positions[0].sequence


async def test_positions_that_are_not_there(client: AsyncClient) -> None:
    for after in ({"worker-0": 99999}, {"worker-9": 0}):
        with pytest.raises(SignerdError) as caught:
            await anext(client.audit.tail(after=after))
        assert (caught.value.reason, caught.value.field) == (Reason.AUDIT_RECORD_NOT_FOUND, "after")


async def test_a_reader_that_does_not_read_is_ended(
    daemon: Daemon, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "STALLED", 0.5)
    await client.sign_batch(sign_request("k", message=b"%d" % number) for number in range(1000))
    await client.sign_batch(sign_request("k", message=b"%d" % number) for number in range(1000))
    async with grpc.aio.insecure_channel(f"unix:{daemon.home}/run/signerd.sock", NARROW) as channel:
        method: Any = channel.unary_stream("/signerd.v1.Audit/ExportRecords")
        call = method(audit_pb2.ExportRecordsRequest().SerializeToString())
        await call.read()
        await until(lambda: daemon.worker.gate.streams == 0)
        with pytest.raises(Refused) as caught:
            await read_all(call)
    assert caught.value.reason is Reason.READER_TOO_SLOW
    assert daemon.records()[-1].reason == "READER_TOO_SLOW"


async def test_there_are_only_so_many_streams(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "MOST", 1)
    async with contextlib.aclosing(client.audit.tail()) as coming:
        await anext(coming)
        with pytest.raises(SignerdError) as caught:
            await anext(client.audit.tail(patience=0))
    assert caught.value.reason is Reason.OVERLOADED


async def test_reading_is_on_record(daemon: Daemon, client: AsyncClient) -> None:
    await anext(client.audit.tail(key="k"))
    [_ async for _ in client.audit.export()]
    await client.audit.get_proof("worker-0", 1)
    await client.audit.checkpoints()
    await client.audit.log_keys()
    found = [one.operation for one in daemon.records()]
    assert found[-5:] == ["tail-records", "export-records", "prove-record", "get-checkpoint", "list-log-keys"]


async def test_an_auditor_reads_the_log_and_does_nothing_else(daemon: Daemon) -> None:
    paths = operations(daemon.worker.listeners.methods)
    async with grpc.aio.insecure_channel(f"unix:{daemon.home}/run/audit.sock") as channel:
        for path, operation in sorted(paths.items()):
            if path in AUDITOR:
                continue
            error = await refused(_raw(channel, path))
            assert error.reason is Reason.CALLER_DENIED, path
            last = daemon.records()[-1]
            assert (last.operation, last.caller, last.outcome, last.reason) == (
                operation,
                "unix:auditors",
                "refused",
                "CALLER_DENIED",
            )
        await _raw(channel, "Admin/GetStatus")
        await _raw(channel, "Audit/ListRecords")
    assert paths.keys() >= AUDITOR
    assert {
        "Signer/Sign",
        "Signer/SignStream",
        "Keys/CreateKey",
        "Admin/RotateLogKey",
    } <= paths.keys() - AUDITOR
    async with client_of(daemon.home, "audit.sock") as client:
        assert (await client.audit.list_records()).records
        assert await client.audit.log_keys()
        async with contextlib.aclosing(client.audit.tail(after={"worker-0": 0})) as coming:
            await anext(coming)
            assert (await anext(coming)).records


async def read_all(call: Any) -> None:
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        raise from_call(error) from None


async def _raw(channel: grpc.aio.Channel, path: str) -> bytes:
    try:
        return await raw_call(channel, f"/signerd.v1.{path}", b"")
    except grpc.aio.AioRpcError as error:
        raise from_call(error) from None
