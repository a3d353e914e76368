"""The methods of service Admin."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.engine.log_figures import LogFigures
from signerd.engine.log_rotation import LogKeyRotator, RotateCall
from signerd.engine.requests import ReadCall
from signerd.engine.status import Status, StatusReader
from signerd.rpc.keys import encoded
from signerd.rpc.messages import position
from signerd.sinks.fanout import SinkFigures
from signerd.v1 import admin_pb2


@dataclass(slots=True)
class AdminMethods:
    """GetStatus, RotateLogKey: from bytes to bytes."""

    status: StatusReader
    rotator: LogKeyRotator
    shard: str

    async def get(self, caller: Caller, request: admin_pb2.GetStatusRequest) -> bytes:
        """Give the status of this worker."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        return status_message(await self.status.read(caller, call), caller).SerializeToString()

    async def rotate(self, caller: Caller, request: admin_pb2.RotateLogKeyRequest) -> bytes:
        """Make a new log key."""
        call = RotateCall(lost=request.lost, request_id=request.request_id, traceparent=request.traceparent)
        done = await self.rotator.rotate(caller, call, encoded(admin_pb2.RotateLogKeyResponse))
        response = admin_pb2.RotateLogKeyResponse.FromString(done.answer)
        response.audit.CopyFrom(position(self.shard, done.sequence))
        return response.SerializeToString()


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
