import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from signerd.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PruneRecordsRequest(_message.Message):
    __slots__ = ("before", "plan_only", "request_id", "traceparent")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    before: _timestamp_pb2.Timestamp
    plan_only: bool
    request_id: str
    traceparent: str
    def __init__(self, before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., plan_only: _Optional[bool] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class PruneRecordsResponse(_message.Message):
    __slots__ = ("shards", "audit")
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    shards: _containers.RepeatedCompositeFieldContainer[PrunedShard]
    audit: _resources_pb2.AuditPosition
    def __init__(self, shards: _Optional[_Iterable[_Union[PrunedShard, _Mapping]]] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class PrunedShard(_message.Message):
    __slots__ = ("shard", "before", "minimum_index", "problem")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_INDEX_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    shard: str
    before: int
    minimum_index: int
    problem: str
    def __init__(self, shard: _Optional[str] = ..., before: _Optional[int] = ..., minimum_index: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class RotateLogKeyRequest(_message.Message):
    __slots__ = ("lost", "request_id", "traceparent")
    LOST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    lost: bool
    request_id: str
    traceparent: str
    def __init__(self, lost: _Optional[bool] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class RotateLogKeyResponse(_message.Message):
    __slots__ = ("key", "revision", "audit")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    key: _resources_pb2.Key
    revision: int
    audit: _resources_pb2.AuditPosition
    def __init__(self, key: _Optional[_Union[_resources_pb2.Key, _Mapping]] = ..., revision: _Optional[int] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ("request_id", "traceparent")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    traceparent: str
    def __init__(self, request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "serving", "start_time", "worker", "workers", "revision", "keys", "providers", "audit", "warnings", "caller", "instance")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    version: str
    serving: bool
    start_time: _timestamp_pb2.Timestamp
    worker: int
    workers: int
    revision: int
    keys: int
    providers: _containers.RepeatedCompositeFieldContainer[ProviderStatus]
    audit: AuditStatus
    warnings: _containers.RepeatedScalarFieldContainer[str]
    caller: str
    instance: str
    def __init__(self, version: _Optional[str] = ..., serving: _Optional[bool] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., worker: _Optional[int] = ..., workers: _Optional[int] = ..., revision: _Optional[int] = ..., keys: _Optional[int] = ..., providers: _Optional[_Iterable[_Union[ProviderStatus, _Mapping]]] = ..., audit: _Optional[_Union[AuditStatus, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., caller: _Optional[str] = ..., instance: _Optional[str] = ...) -> None: ...

class ProviderStatus(_message.Message):
    __slots__ = ("name", "type", "healthy", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    healthy: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., healthy: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class AuditStatus(_message.Message):
    __slots__ = ("shard", "sequence", "healthy", "detail", "sinks", "checkpoint")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SINKS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    shard: str
    sequence: int
    healthy: bool
    detail: str
    sinks: _containers.RepeatedCompositeFieldContainer[SinkStatus]
    checkpoint: CheckpointStatus
    def __init__(self, shard: _Optional[str] = ..., sequence: _Optional[int] = ..., healthy: _Optional[bool] = ..., detail: _Optional[str] = ..., sinks: _Optional[_Iterable[_Union[SinkStatus, _Mapping]]] = ..., checkpoint: _Optional[_Union[CheckpointStatus, _Mapping]] = ...) -> None: ...

class CheckpointStatus(_message.Message):
    __slots__ = ("size", "age_seconds", "problem", "quorum", "witnesses", "mirror", "truncation", "others")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    QUORUM_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    MIRROR_FIELD_NUMBER: _ClassVar[int]
    TRUNCATION_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    size: int
    age_seconds: int
    problem: str
    quorum: int
    witnesses: _containers.RepeatedCompositeFieldContainer[WitnessStatus]
    mirror: MirrorStatus
    truncation: str
    others: _containers.RepeatedCompositeFieldContainer[ShardStatus]
    def __init__(self, size: _Optional[int] = ..., age_seconds: _Optional[int] = ..., problem: _Optional[str] = ..., quorum: _Optional[int] = ..., witnesses: _Optional[_Iterable[_Union[WitnessStatus, _Mapping]]] = ..., mirror: _Optional[_Union[MirrorStatus, _Mapping]] = ..., truncation: _Optional[str] = ..., others: _Optional[_Iterable[_Union[ShardStatus, _Mapping]]] = ...) -> None: ...

class WitnessStatus(_message.Message):
    __slots__ = ("name", "size", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    problem: str
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class MirrorStatus(_message.Message):
    __slots__ = ("size", "lag", "problem")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    size: int
    lag: int
    problem: str
    def __init__(self, size: _Optional[int] = ..., lag: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class ShardStatus(_message.Message):
    __slots__ = ("shard", "size", "age_seconds")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    shard: str
    size: int
    age_seconds: int
    def __init__(self, shard: _Optional[str] = ..., size: _Optional[int] = ..., age_seconds: _Optional[int] = ...) -> None: ...

class SinkStatus(_message.Message):
    __slots__ = ("name", "type", "required", "healthy", "detail", "position", "lag", "delivered", "dropped", "failures")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    required: bool
    healthy: bool
    detail: str
    position: int
    lag: int
    delivered: int
    dropped: int
    failures: int
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., required: _Optional[bool] = ..., healthy: _Optional[bool] = ..., detail: _Optional[str] = ..., position: _Optional[int] = ..., lag: _Optional[int] = ..., delivered: _Optional[int] = ..., dropped: _Optional[int] = ..., failures: _Optional[int] = ...) -> None: ...
