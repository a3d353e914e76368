"""The methods of services Audit and Admin."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.engine.auditing import AuditReader, Found
from signerd.engine.log_figures import LogFigures
from signerd.engine.requests import ReadCall
from signerd.engine.status import Status, StatusReader
from signerd.rpc.messages import position
from signerd.sinks.fanout import SinkFigures
from signerd.v1 import admin_pb2, audit_pb2


@dataclass(slots=True)
class AuditMethods:
    """ListRecords, GetRecord: from bytes to bytes."""

    reader: AuditReader

    async def list(self, caller: Caller, request: audit_pb2.ListRecordsRequest) -> bytes:
        """List records."""
        wanted = request.filter
        call = ReadCall(wanted.key, request_id=request.request_id, traceparent=request.traceparent)
        page = await self.reader.page(caller, call, request.page_size, request.page_token, wanted.outcome)
        return audit_pb2.ListRecordsResponse(
            records=[record_message(found) for found in page.records], next_page_token=page.next_token
        ).SerializeToString()

    async def get(self, caller: Caller, request: audit_pb2.GetRecordRequest) -> bytes:
        """Give one record."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.record(caller, call, request.position.shard, request.position.sequence)
        return audit_pb2.GetRecordResponse(record=record_message(found)).SerializeToString()


def record_message(found: Found) -> audit_pb2.AuditRecord:
    """A record with its main fields and its exact bytes."""
    record = found.record
    named = f"keys/{record.key}/versions/{record.version}" if record.version else record.key
    message = audit_pb2.AuditRecord(
        position=position(record.shard, record.sequence),
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


@dataclass(slots=True)
class AdminMethods:
    """GetStatus: from bytes to bytes."""

    status: StatusReader

    async def get(self, caller: Caller, request: admin_pb2.GetStatusRequest) -> bytes:
        """Give the status of this worker."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        return status_message(await self.status.read(caller, call), caller).SerializeToString()


def status_message(status: Status, caller: Caller) -> admin_pb2.GetStatusResponse:
    """A status as it goes over the wire."""
    message = admin_pb2.GetStatusResponse(
        version=status.version,
        instance=status.instance,
        serving=status.serving,
        worker=status.worker,
        workers=status.workers,
        revision=status.revision,
        keys=status.keys,
        providers=[
            admin_pb2.ProviderStatus(name=name, type=type_, healthy=health.healthy, detail=health.detail)
            for name, type_, health in status.providers
        ],
        audit=admin_pb2.AuditStatus(
            shard=status.shard,
            sequence=status.sequence,
            healthy=status.audit_healthy,
            detail=status.audit_detail,
            sinks=[sink_message(sink) for sink in status.sinks],
            checkpoint=checkpoint_message(status.checkpoints),
        ),
        warnings=status.warnings,
        caller=caller.subject,
    )
    message.start_time.FromDatetime(status.started)
    return message


def checkpoint_message(figures: LogFigures) -> admin_pb2.CheckpointStatus:
    """The checkpoints as they go over the wire."""
    own, mirror = figures.own, figures.mirror
    message = admin_pb2.CheckpointStatus(
        size=own.size if own else 0,
        age_seconds=own.age if own else 0,
        problem=figures.problem,
        quorum=figures.quorum,
        witnesses=[
            admin_pb2.WitnessStatus(name=one.name, size=one.size, problem=one.problem)
            for one in figures.witnesses
        ],
        truncation=figures.truncation,
        others=[
            admin_pb2.ShardStatus(shard=one.shard, size=one.size, age_seconds=one.age)
            for one in figures.others
        ],
    )
    if mirror is not None:
        message.mirror.CopyFrom(
            admin_pb2.MirrorStatus(size=mirror.size, lag=mirror.lag, problem=mirror.problem)
        )
    return message


def sink_message(sink: SinkFigures) -> admin_pb2.SinkStatus:
    """A sink as it goes over the wire."""
    return admin_pb2.SinkStatus(
        name=sink.name,
        type=sink.type,
        required=sink.required,
        healthy=not sink.detail,
        detail=sink.detail,
        position=sink.position,
        lag=sink.lag,
        delivered=sink.delivered,
        dropped=sink.dropped,
        failures=sink.failures,
    )
