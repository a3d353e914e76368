from google.rpc import status_pb2 as _status_pb2
from signerd.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignatureEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNATURE_ENCODING_UNSPECIFIED: _ClassVar[SignatureEncoding]
    SIGNATURE_ENCODING_DER: _ClassVar[SignatureEncoding]
    SIGNATURE_ENCODING_P1363: _ClassVar[SignatureEncoding]
SIGNATURE_ENCODING_UNSPECIFIED: SignatureEncoding
SIGNATURE_ENCODING_DER: SignatureEncoding
SIGNATURE_ENCODING_P1363: SignatureEncoding

class SignRequest(_message.Message):
    __slots__ = ("key", "version", "digest", "message", "dsse", "ml_dsa_mu", "validate_only", "input_crc32c", "request_id", "traceparent", "min_revision", "want_proof")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DSSE_FIELD_NUMBER: _ClassVar[int]
    ML_DSA_MU_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    INPUT_CRC32C_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    WANT_PROOF_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    digest: _resources_pb2.Digest
    message: bytes
    dsse: _resources_pb2.DsseInput
    ml_dsa_mu: bytes
    validate_only: bool
    input_crc32c: int
    request_id: str
    traceparent: str
    min_revision: int
    want_proof: bool
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., digest: _Optional[_Union[_resources_pb2.Digest, _Mapping]] = ..., message: _Optional[bytes] = ..., dsse: _Optional[_Union[_resources_pb2.DsseInput, _Mapping]] = ..., ml_dsa_mu: _Optional[bytes] = ..., validate_only: _Optional[bool] = ..., input_crc32c: _Optional[int] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ..., want_proof: _Optional[bool] = ...) -> None: ...

class SignResponse(_message.Message):
    __slots__ = ("signature", "key_version", "algorithm", "key_id", "ssh_fingerprint", "audit", "signature_crc32c", "proof", "proof_problem")
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SSH_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_CRC32C_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    PROOF_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    signature: bytes
    key_version: str
    algorithm: str
    key_id: str
    ssh_fingerprint: str
    audit: _resources_pb2.AuditPosition
    signature_crc32c: int
    proof: str
    proof_problem: str
    def __init__(self, signature: _Optional[bytes] = ..., key_version: _Optional[str] = ..., algorithm: _Optional[str] = ..., key_id: _Optional[str] = ..., ssh_fingerprint: _Optional[str] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ..., signature_crc32c: _Optional[int] = ..., proof: _Optional[str] = ..., proof_problem: _Optional[str] = ...) -> None: ...

class BatchSignRequest(_message.Message):
    __slots__ = ("items", "request_id", "traceparent")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[SignRequest]
    request_id: str
    traceparent: str
    def __init__(self, items: _Optional[_Iterable[_Union[SignRequest, _Mapping]]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class BatchSignResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchSignResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchSignResult, _Mapping]]] = ...) -> None: ...

class BatchSignResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: SignResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[SignResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class SignStreamRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: SignStreamHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[SignStreamHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class SignStreamHeader(_message.Message):
    __slots__ = ("key", "version", "length", "payload_type", "validate_only", "input_crc32c", "request_id", "traceparent", "min_revision", "want_proof")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_TYPE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    INPUT_CRC32C_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    WANT_PROOF_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    length: int
    payload_type: str
    validate_only: bool
    input_crc32c: int
    request_id: str
    traceparent: str
    min_revision: int
    want_proof: bool
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., length: _Optional[int] = ..., payload_type: _Optional[str] = ..., validate_only: _Optional[bool] = ..., input_crc32c: _Optional[int] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ..., want_proof: _Optional[bool] = ...) -> None: ...

class SignStreamResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: SignResponse
    def __init__(self, response: _Optional[_Union[SignResponse, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("key", "version", "digest", "message", "dsse", "ml_dsa_mu", "signature", "encoding", "request_id", "traceparent", "min_revision")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DSSE_FIELD_NUMBER: _ClassVar[int]
    ML_DSA_MU_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    digest: _resources_pb2.Digest
    message: bytes
    dsse: _resources_pb2.DsseInput
    ml_dsa_mu: bytes
    signature: bytes
    encoding: SignatureEncoding
    request_id: str
    traceparent: str
    min_revision: int
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., digest: _Optional[_Union[_resources_pb2.Digest, _Mapping]] = ..., message: _Optional[bytes] = ..., dsse: _Optional[_Union[_resources_pb2.DsseInput, _Mapping]] = ..., ml_dsa_mu: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., encoding: _Optional[_Union[SignatureEncoding, str]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("key_version", "algorithm", "key_id", "audit")
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    key_version: str
    algorithm: str
    key_id: str
    audit: _resources_pb2.AuditPosition
    def __init__(self, key_version: _Optional[str] = ..., algorithm: _Optional[str] = ..., key_id: _Optional[str] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class PublicKeyRequest(_message.Message):
    __slots__ = ("key", "version", "all", "request_id", "traceparent", "min_revision")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    all: bool
    request_id: str
    traceparent: str
    min_revision: int
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., all: _Optional[bool] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class PublicKeyResponse(_message.Message):
    __slots__ = ("versions", "audit")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[PublicKeyVersion]
    audit: _resources_pb2.AuditPosition
    def __init__(self, versions: _Optional[_Iterable[_Union[PublicKeyVersion, _Mapping]]] = ..., audit: _Optional[_Union[_resources_pb2.AuditPosition, _Mapping]] = ...) -> None: ...

class PublicKeyVersion(_message.Message):
    __slots__ = ("key_version", "algorithm", "state", "primary", "pem", "der", "jwk", "key_id", "ssh_fingerprint")
    KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    PEM_FIELD_NUMBER: _ClassVar[int]
    DER_FIELD_NUMBER: _ClassVar[int]
    JWK_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SSH_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    key_version: str
    algorithm: str
    state: _resources_pb2.KeyVersionState
    primary: bool
    pem: str
    der: bytes
    jwk: str
    key_id: str
    ssh_fingerprint: str
    def __init__(self, key_version: _Optional[str] = ..., algorithm: _Optional[str] = ..., state: _Optional[_Union[_resources_pb2.KeyVersionState, str]] = ..., primary: _Optional[bool] = ..., pem: _Optional[str] = ..., der: _Optional[bytes] = ..., jwk: _Optional[str] = ..., key_id: _Optional[str] = ..., ssh_fingerprint: _Optional[str] = ...) -> None: ...
