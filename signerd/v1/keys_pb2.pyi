from signerd.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateKeyRequest(_message.Message):
    __slots__ = ("name", "algorithm", "purpose", "provider", "labels", "request_id", "traceparent")
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
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    algorithm: str
    purpose: _resources_pb2.KeyPurpose
    provider: str
    labels: _containers.ScalarMap[str, str]
    request_id: str
    traceparent: str
    def __init__(self, name: _Optional[str] = ..., algorithm: _Optional[str] = ..., purpose: _Optional[_Union[_resources_pb2.KeyPurpose, str]] = ..., provider: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class CreateKeyResponse(_message.Message):
    __slots__ = ("key", "revision", "audit")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    key: _resources_pb2.Key
    revision: int
    audit: _resources_pb2.AuditPosition
    def __init__(self, key: _Optional[_Union[_resources_pb2.Key, _Mapping]] = ..., revision: _Optional[int] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class GetKeyRequest(_message.Message):
    __slots__ = ("name", "request_id", "traceparent", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    traceparent: str
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetKeyResponse(_message.Message):
    __slots__ = ("key", "revision")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    key: _resources_pb2.Key
    revision: int
    def __init__(self, key: _Optional[_Union[_resources_pb2.Key, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "request_id", "traceparent", "min_revision")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    request_id: str
    traceparent: str
    min_revision: int
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys", "next_page_token", "revision")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Key]
    next_page_token: str
    revision: int
    def __init__(self, keys: _Optional[_Iterable[_Union[_resources_pb2.Key, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ImportKeyRequest(_message.Message):
    __slots__ = ("name", "private_key", "password", "algorithm", "purpose", "provider", "labels", "request_id", "traceparent")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_KEY_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    private_key: bytes
    password: bytes
    algorithm: str
    purpose: _resources_pb2.KeyPurpose
    provider: str
    labels: _containers.ScalarMap[str, str]
    request_id: str
    traceparent: str
    def __init__(self, name: _Optional[str] = ..., private_key: _Optional[bytes] = ..., password: _Optional[bytes] = ..., algorithm: _Optional[str] = ..., purpose: _Optional[_Union[_resources_pb2.KeyPurpose, str]] = ..., provider: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ImportKeyResponse(_message.Message):
    __slots__ = ("key", "revision", "audit")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    key: _resources_pb2.Key
    revision: int
    audit: _resources_pb2.AuditPosition
    def __init__(self, key: _Optional[_Union[_resources_pb2.Key, _Mapping]] = ..., revision: _Optional[int] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class AdoptKeyRequest(_message.Message):
    __slots__ = ("name", "uri", "provider", "algorithm", "public_only", "purpose", "labels", "request_id", "traceparent")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_ONLY_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    uri: str
    provider: str
    algorithm: str
    public_only: bool
    purpose: _resources_pb2.KeyPurpose
    labels: _containers.ScalarMap[str, str]
    request_id: str
    traceparent: str
    def __init__(self, name: _Optional[str] = ..., uri: _Optional[str] = ..., provider: _Optional[str] = ..., algorithm: _Optional[str] = ..., public_only: _Optional[bool] = ..., purpose: _Optional[_Union[_resources_pb2.KeyPurpose, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class AdoptKeyResponse(_message.Message):
    __slots__ = ("key", "revision", "audit")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    key: _resources_pb2.Key
    revision: int
    audit: _resources_pb2.AuditPosition
    def __init__(self, key: _Optional[_Union[_resources_pb2.Key, _Mapping]] = ..., revision: _Optional[int] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class DiscoverKeysRequest(_message.Message):
    __slots__ = ("provider", "request_id", "traceparent", "min_revision")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    provider: str
    request_id: str
    traceparent: str
    min_revision: int
    def __init__(self, provider: _Optional[str] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class DiscoverKeysResponse(_message.Message):
    __slots__ = ("provider", "keys")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    keys: _containers.RepeatedCompositeFieldContainer[DiscoveredKey]
    def __init__(self, provider: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[DiscoveredKey, _Mapping]]] = ...) -> None: ...

class DiscoveredKey(_message.Message):
    __slots__ = ("uri", "algorithm", "key_id", "version", "enabled", "tags", "leftover")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URI_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    LEFTOVER_FIELD_NUMBER: _ClassVar[int]
    uri: str
    algorithm: str
    key_id: str
    version: int
    enabled: bool
    tags: _containers.ScalarMap[str, str]
    leftover: bool
    def __init__(self, uri: _Optional[str] = ..., algorithm: _Optional[str] = ..., key_id: _Optional[str] = ..., version: _Optional[int] = ..., enabled: _Optional[bool] = ..., tags: _Optional[_Mapping[str, str]] = ..., leftover: _Optional[bool] = ...) -> None: ...

class CheckKeysRequest(_message.Message):
    __slots__ = ("names", "request_id", "traceparent", "min_revision")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    traceparent: str
    min_revision: int
    def __init__(self, names: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class CheckKeysResponse(_message.Message):
    __slots__ = ("findings",)
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[KeyFinding]
    def __init__(self, findings: _Optional[_Iterable[_Union[KeyFinding, _Mapping]]] = ...) -> None: ...

class KeyFinding(_message.Message):
    __slots__ = ("key", "version", "provider", "ok", "reason", "message", "milliseconds")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    provider: str
    ok: bool
    reason: str
    message: str
    milliseconds: int
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., provider: _Optional[str] = ..., ok: _Optional[bool] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., milliseconds: _Optional[int] = ...) -> None: ...
