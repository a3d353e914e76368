import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from signerd.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordFilter(_message.Message):
    __slots__ = ("since", "until", "key", "version", "caller", "operation", "outcome", "reason", "digest", "request_id", "shard")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    key: str
    version: int
    caller: str
    operation: str
    outcome: str
    reason: str
    digest: str
    request_id: str
    shard: str
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., key: _Optional[str] = ..., version: _Optional[int] = ..., caller: _Optional[str] = ..., operation: _Optional[str] = ..., outcome: _Optional[str] = ..., reason: _Optional[str] = ..., digest: _Optional[str] = ..., request_id: _Optional[str] = ..., shard: _Optional[str] = ...) -> None: ...

class ListRecordsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "filter", "request_id", "traceparent")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    filter: RecordFilter
    request_id: str
    traceparent: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[RecordFilter, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ListRecordsResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[_Union[AuditRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRecordRequest(_message.Message):
    __slots__ = ("position", "request_id", "traceparent")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    position: _resources_pb2.AuditPosition
    request_id: str
    traceparent: str
    def __init__(self, position: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetRecordResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: AuditRecord
    def __init__(self, record: _Optional[_Union[AuditRecord, _Mapping]] = ...) -> None: ...

class AuditRecord(_message.Message):
    __slots__ = ("position", "time", "operation", "outcome", "reason", "caller", "key_version", "request_id", "json")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    position: _resources_pb2.AuditPosition
    time: _timestamp_pb2.Timestamp
    operation: str
    outcome: str
    reason: str
    caller: str
    key_version: str
    request_id: str
    json: str
    def __init__(self, position: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., operation: _Optional[str] = ..., outcome: _Optional[str] = ..., reason: _Optional[str] = ..., caller: _Optional[str] = ..., key_version: _Optional[str] = ..., request_id: _Optional[str] = ..., json: _Optional[str] = ...) -> None: ...

class GetProofRequest(_message.Message):
    __slots__ = ("position", "request_id", "traceparent")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    position: _resources_pb2.AuditPosition
    request_id: str
    traceparent: str
    def __init__(self, position: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetProofResponse(_message.Message):
    __slots__ = ("proof", "record")
    PROOF_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    proof: str
    record: AuditRecord
    def __init__(self, proof: _Optional[str] = ..., record: _Optional[_Union[AuditRecord, _Mapping]] = ...) -> None: ...

class GetCheckpointRequest(_message.Message):
    __slots__ = ("shard", "fresh", "request_id", "traceparent")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    shard: str
    fresh: bool
    request_id: str
    traceparent: str
    def __init__(self, shard: _Optional[str] = ..., fresh: _Optional[bool] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetCheckpointResponse(_message.Message):
    __slots__ = ("checkpoints",)
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedCompositeFieldContainer[LogCheckpoint]
    def __init__(self, checkpoints: _Optional[_Iterable[_Union[LogCheckpoint, _Mapping]]] = ...) -> None: ...

class LogCheckpoint(_message.Message):
    __slots__ = ("shard", "origin", "size", "root", "note", "time")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    shard: str
    origin: str
    size: int
    root: bytes
    note: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, shard: _Optional[str] = ..., origin: _Optional[str] = ..., size: _Optional[int] = ..., root: _Optional[bytes] = ..., note: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListLogKeysRequest(_message.Message):
    __slots__ = ("request_id", "traceparent")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    traceparent: str
    def __init__(self, request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ListLogKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[LogKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[LogKey, _Mapping]]] = ...) -> None: ...

class LogKey(_message.Message):
    __slots__ = ("shard", "version", "state", "primary", "vkey")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    VKEY_FIELD_NUMBER: _ClassVar[int]
    shard: str
    version: int
    state: _resources_pb2.KeyVersionState
    primary: bool
    vkey: str
    def __init__(self, shard: _Optional[str] = ..., version: _Optional[int] = ..., state: _Optional[_Union[_resources_pb2.KeyVersionState, str]] = ..., primary: _Optional[bool] = ..., vkey: _Optional[str] = ...) -> None: ...

class TailRecordsRequest(_message.Message):
    __slots__ = ("after", "filter", "heartbeat", "request_id", "traceparent")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    after: _containers.RepeatedCompositeFieldContainer[_resources_pb2.AuditPosition]
    filter: RecordFilter
    heartbeat: _duration_pb2.Duration
    request_id: str
    traceparent: str
    def __init__(self, after: _Optional[_Iterable[_Union[_resources_pb2.AuditPosition, _Mapping]]] = ..., filter: _Optional[_Union[RecordFilter, _Mapping]] = ..., heartbeat: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class TailRecordsResponse(_message.Message):
    __slots__ = ("records", "positions")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    positions: _containers.RepeatedCompositeFieldContainer[_resources_pb2.AuditPosition]
    def __init__(self, records: _Optional[_Iterable[_Union[AuditRecord, _Mapping]]] = ..., positions: _Optional[_Iterable[_Union[_resources_pb2.AuditPosition, _Mapping]]] = ...) -> None: ...

class ExportRecordsRequest(_message.Message):
    __slots__ = ("filter", "after", "request_id", "traceparent")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    filter: RecordFilter
    after: _containers.RepeatedCompositeFieldContainer[_resources_pb2.AuditPosition]
    request_id: str
    traceparent: str
    def __init__(self, filter: _Optional[_Union[RecordFilter, _Mapping]] = ..., after: _Optional[_Iterable[_Union[_resources_pb2.AuditPosition, _Mapping]]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ExportRecordsResponse(_message.Message):
    __slots__ = ("records", "position", "last_sequence")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedScalarFieldContainer[bytes]
    position: _resources_pb2.AuditPosition
    last_sequence: int
    def __init__(self, records: _Optional[_Iterable[bytes]] = ..., position: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ..., last_sequence: _Optional[int] = ...) -> None: ...
