"""The methods of service Audit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from signerd.audit import checkpoints
from signerd.audit.filters import Filter
from signerd.audit.index.queries import Match
from signerd.audit.records import decode
from signerd.authz.identity import Caller
from signerd.engine.auditing import AuditReader, ListCall, ShownKey
from signerd.engine.requests import ReadCall
from signerd.engine.tailing import FollowCall, Looked, RecordStreams
from signerd.rpc.deadlines import seconds_left
from signerd.rpc.messages import STATE_NUMBERS, position
from signerd.state.checkpoints import KeptCheckpoint
from signerd.v1 import audit_pb2 as pb
from signerd.v1.resources_pb2 import AuditPosition


@dataclass(slots=True)
class AuditMethods:
    """From bytes to bytes."""

    reader: AuditReader
    streams: RecordStreams

    async def list(self, caller: Caller, request: pb.ListRecordsRequest) -> bytes:
        """List records."""
        call = ListCall(
            size=request.page_size,
            token=request.page_token,
            wanted=filter_of(request.filter),
            request_id=request.request_id,
            traceparent=request.traceparent,
        )
        page = await self.reader.page(caller, call)
        return pb.ListRecordsResponse(
            records=[record_message(found) for found in page.records], next_page_token=page.next_token
        ).SerializeToString()

    async def get(self, caller: Caller, request: pb.GetRecordRequest) -> bytes:
        """Give one record."""
        place = request.position
        found = await self.reader.record(caller, read_call(request), place.shard, place.sequence)
        return pb.GetRecordResponse(record=record_message(found)).SerializeToString()

    async def prove(self, caller: Caller, request: pb.GetProofRequest) -> bytes:
        """Give one record with its proof."""
        place = request.position.shard, request.position.sequence
        found, proof = await self.reader.proof(caller, read_call(request), place, seconds_left())
        return pb.GetProofResponse(proof=proof, record=record_message(found)).SerializeToString()

    async def checkpoint(self, caller: Caller, request: pb.GetCheckpointRequest) -> bytes:
        """Give the latest checkpoints."""
        fresh = seconds_left() if request.fresh else None
        found = await self.reader.latest(caller, read_call(request), request.shard, fresh)
        instance = self.reader.log.origin.rpartition("/")[0]
        return pb.GetCheckpointResponse(
            checkpoints=[checkpoint_message(instance, one) for one in found]
        ).SerializeToString()

    async def keys(self, caller: Caller, request: pb.ListLogKeysRequest) -> bytes:
        """List the log keys."""
        found = await self.reader.keys(caller, read_call(request))
        return pb.ListLogKeysResponse(keys=[key_message(one) for one in found]).SerializeToString()

    async def tail(self, caller: Caller, request: pb.TailRecordsRequest) -> AsyncGenerator[bytes, None]:
        """Send records as they come."""
        call = follow_call(request)
        if request.HasField("heartbeat"):
            call.heartbeat = request.heartbeat.ToNanoseconds() / 1e9 or -1.0
        async with aclosing(self.streams.tail(caller, call)) as coming:
            async for looked in coming:
                yield pb.TailRecordsResponse(
                    records=[record_message(found) for found in looked.records], positions=positions(looked)
                ).SerializeToString()

    async def export(self, caller: Caller, request: pb.ExportRecordsRequest) -> AsyncGenerator[bytes, None]:
        """Send all records."""
        async with aclosing(self.streams.export(caller, follow_call(request))) as coming:
            async for looked in coming:
                yield pb.ExportRecordsResponse(
                    records=[found.json for found in looked.records],
                    position=positions(looked)[0],
                    last_sequence=looked.last,
                ).SerializeToString()


def read_call(
    request: pb.GetRecordRequest | pb.GetProofRequest | pb.GetCheckpointRequest | pb.ListLogKeysRequest,
) -> ReadCall:
    """What all requests have."""
    return ReadCall(request_id=request.request_id, traceparent=request.traceparent)


def follow_call(request: pb.TailRecordsRequest | pb.ExportRecordsRequest) -> FollowCall:
    """A request for a stream."""
    return FollowCall(
        wanted=filter_of(request.filter),
        after={one.shard: one.sequence for one in request.after},
        request_id=request.request_id,
        traceparent=request.traceparent,
    )


def filter_of(message: pb.RecordFilter) -> Filter:
    """The filter of a request."""
    return Filter(
        since=micros(message.since) if message.HasField("since") else None,
        until=micros(message.until) if message.HasField("until") else None,
        shard=message.shard,
        key=message.key,
        version=message.version,
        caller=message.caller,
        operation=message.operation,
        outcome=message.outcome,
        reason=message.reason,
        digest=message.digest,
        request_id=message.request_id,
    )


def micros(time: Timestamp) -> int:
    """Microseconds since 1970, rounded up: records have no finer times. At most what SQL has integers for."""
    found = -(-(time.seconds * 1_000_000_000 + time.nanos) // 1000)
    return max(-(1 << 62), min(found, 1 << 62))


def record_message(found: Match) -> pb.AuditRecord:
    """A record with its main fields and its exact bytes."""
    record = decode(found.json)
    named = f"keys/{record.key}/versions/{record.version}" if record.version else record.key
    message = pb.AuditRecord(
        position=position(found.shard, found.sequence),
        operation=record.operation,
        outcome=record.outcome,
        reason=record.reason,
        caller=record.caller,
        key_version=named,
        request_id=record.request_id,
        json=found.json.decode(),
    )
    message.time.FromJsonString(record.time)
    return message


def checkpoint_message(instance: str, kept: KeptCheckpoint) -> pb.LogCheckpoint:
    """A checkpoint as the state has it."""
    message = pb.LogCheckpoint(
        shard=kept.shard,
        origin=checkpoints.origin(instance, kept.shard),
        size=kept.size,
        root=kept.root,
        note=kept.note.decode(),
    )
    message.time.FromDatetime(kept.made)
    return message


def key_message(key: ShownKey) -> pb.LogKey:
    """A public key of the log."""
    return pb.LogKey(
        shard=key.shard,
        version=key.version,
        state=STATE_NUMBERS[key.state],
        primary=key.primary,
        vkey=key.vkey,
    )


def positions(looked: Looked) -> list[AuditPosition]:
    """How far shards were looked through."""
    return [position(shard, sequence) for shard, sequence in sorted(looked.positions.items())]
