import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyPurpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_PURPOSE_UNSPECIFIED: _ClassVar[KeyPurpose]
    KEY_PURPOSE_ARTIFACT: _ClassVar[KeyPurpose]
    KEY_PURPOSE_JWT: _ClassVar[KeyPurpose]
    KEY_PURPOSE_BUNDLE: _ClassVar[KeyPurpose]
    KEY_PURPOSE_LOG: _ClassVar[KeyPurpose]

class KeyVersionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_VERSION_STATE_UNSPECIFIED: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_PENDING: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_ACTIVE: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_VERIFY_ONLY: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_DISABLED: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_COMPROMISED: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_DESTROY_SCHEDULED: _ClassVar[KeyVersionState]
    KEY_VERSION_STATE_DESTROYED: _ClassVar[KeyVersionState]

class HashAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HASH_ALGORITHM_UNSPECIFIED: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA256: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA384: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA512: _ClassVar[HashAlgorithm]
KEY_PURPOSE_UNSPECIFIED: KeyPurpose
KEY_PURPOSE_ARTIFACT: KeyPurpose
KEY_PURPOSE_JWT: KeyPurpose
KEY_PURPOSE_BUNDLE: KeyPurpose
KEY_PURPOSE_LOG: KeyPurpose
KEY_VERSION_STATE_UNSPECIFIED: KeyVersionState
KEY_VERSION_STATE_PENDING: KeyVersionState
KEY_VERSION_STATE_ACTIVE: KeyVersionState
KEY_VERSION_STATE_VERIFY_ONLY: KeyVersionState
KEY_VERSION_STATE_DISABLED: KeyVersionState
KEY_VERSION_STATE_COMPROMISED: KeyVersionState
KEY_VERSION_STATE_DESTROY_SCHEDULED: KeyVersionState
KEY_VERSION_STATE_DESTROYED: KeyVersionState
HASH_ALGORITHM_UNSPECIFIED: HashAlgorithm
HASH_ALGORITHM_SHA256: HashAlgorithm
HASH_ALGORITHM_SHA384: HashAlgorithm
HASH_ALGORITHM_SHA512: HashAlgorithm

class Digest(_message.Message):
    __slots__ = ("hash", "value")
    HASH_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    hash: HashAlgorithm
    value: bytes
    def __init__(self, hash: _Optional[_Union[HashAlgorithm, str]] = ..., value: _Optional[bytes] = ...) -> None: ...

class DsseInput(_message.Message):
    __slots__ = ("payload_type", "payload")
    PAYLOAD_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    payload_type: str
    payload: bytes
    def __init__(self, payload_type: _Optional[str] = ..., payload: _Optional[bytes] = ...) -> None: ...

class AuditPosition(_message.Message):
    __slots__ = ("shard", "sequence")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    shard: str
    sequence: int
    def __init__(self, shard: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("name", "algorithm", "purpose", "provider", "labels", "primary_version", "versions", "create_time", "created_by")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    name: str
    algorithm: str
    purpose: KeyPurpose
    provider: str
    labels: _containers.ScalarMap[str, str]
    primary_version: int
    versions: _containers.RepeatedCompositeFieldContainer[KeyVersion]
    create_time: _timestamp_pb2.Timestamp
    created_by: str
    def __init__(self, name: _Optional[str] = ..., algorithm: _Optional[str] = ..., purpose: _Optional[_Union[KeyPurpose, str]] = ..., provider: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., primary_version: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[KeyVersion, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_by: _Optional[str] = ...) -> None: ...

class KeyVersion(_message.Message):
    __slots__ = ("name", "version", "state", "key_id", "ssh_fingerprint", "uri", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SSH_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    state: KeyVersionState
    key_id: str
    ssh_fingerprint: str
    uri: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., state: _Optional[_Union[KeyVersionState, str]] = ..., key_id: _Optional[str] = ..., ssh_fingerprint: _Optional[str] = ..., uri: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
