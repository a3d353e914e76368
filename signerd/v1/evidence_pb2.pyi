import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from signerd.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetHeadsRequest(_message.Message):
    __slots__ = ("since", "until", "request_id", "traceparent")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    request_id: str
    traceparent: str
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetHeadsResponse(_message.Message):
    __slots__ = ("instance", "shards")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    instance: str
    shards: _containers.RepeatedCompositeFieldContainer[ShardHeads]
    def __init__(self, instance: _Optional[str] = ..., shards: _Optional[_Iterable[_Union[ShardHeads, _Mapping]]] = ...) -> None: ...

class ShardHeads(_message.Message):
    __slots__ = ("shard", "origin", "problem", "begin", "end", "unproven", "checkpoint", "pruned")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    UNPROVEN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PRUNED_FIELD_NUMBER: _ClassVar[int]
    shard: str
    origin: str
    problem: str
    begin: ProvenHead
    end: ProvenHead
    unproven: int
    checkpoint: str
    pruned: int
    def __init__(self, shard: _Optional[str] = ..., origin: _Optional[str] = ..., problem: _Optional[str] = ..., begin: _Optional[_Union[ProvenHead, _Mapping]] = ..., end: _Optional[_Union[ProvenHead, _Mapping]] = ..., unproven: _Optional[int] = ..., checkpoint: _Optional[str] = ..., pruned: _Optional[int] = ...) -> None: ...

class ProvenHead(_message.Message):
    __slots__ = ("size", "root", "consistency")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    size: int
    root: bytes
    consistency: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, size: _Optional[int] = ..., root: _Optional[bytes] = ..., consistency: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetEntriesRequest(_message.Message):
    __slots__ = ("shard", "first", "last", "request_id", "traceparent")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    shard: str
    first: int
    last: int
    request_id: str
    traceparent: str
    def __init__(self, shard: _Optional[str] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetEntriesResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, entries: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetInclusionsRequest(_message.Message):
    __slots__ = ("shard", "size", "sequences", "request_id", "traceparent")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    shard: str
    size: int
    sequences: _containers.RepeatedScalarFieldContainer[int]
    request_id: str
    traceparent: str
    def __init__(self, shard: _Optional[str] = ..., size: _Optional[int] = ..., sequences: _Optional[_Iterable[int]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class GetInclusionsResponse(_message.Message):
    __slots__ = ("inclusions",)
    INCLUSIONS_FIELD_NUMBER: _ClassVar[int]
    inclusions: _containers.RepeatedCompositeFieldContainer[Inclusion]
    def __init__(self, inclusions: _Optional[_Iterable[_Union[Inclusion, _Mapping]]] = ...) -> None: ...

class Inclusion(_message.Message):
    __slots__ = ("hashes",)
    HASHES_FIELD_NUMBER: _ClassVar[int]
    hashes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, hashes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("request_id", "traceparent")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    traceparent: str
    def __init__(self, request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants",)
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("subject", "proof", "listener", "operations", "keys", "source")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    subject: str
    proof: str
    listener: str
    operations: _containers.RepeatedScalarFieldContainer[str]
    keys: _containers.RepeatedScalarFieldContainer[str]
    source: str
    def __init__(self, subject: _Optional[str] = ..., proof: _Optional[str] = ..., listener: _Optional[str] = ..., operations: _Optional[_Iterable[str]] = ..., keys: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ...) -> None: ...

class RecordEvidenceRequest(_message.Message):
    __slots__ = ("digest", "since", "until", "request_id", "traceparent")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    digest: str
    since: str
    until: str
    request_id: str
    traceparent: str
    def __init__(self, digest: _Optional[str] = ..., since: _Optional[str] = ..., until: _Optional[str] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class RecordEvidenceResponse(_message.Message):
    __slots__ = ("audit", "entry", "proof")
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    audit: _resources_pb2.AuditPosition
    entry: bytes
    proof: str
    def __init__(self, audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ..., entry: _Optional[bytes] = ..., proof: _Optional[str] = ...) -> None: ...
