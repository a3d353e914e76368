"""The methods of the API: path, messages, and whether a call can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from signerd.v1 import admin_pb2, audit_pb2, keys_pb2, providers_pb2, signer_pb2

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Answer]):
    """One method. All unary ones can be repeated: changes are idempotent by their request id."""

    path: str
    request: type[Request]
    answer: type[Answer]


SIGN = Method("/signerd.v1.Signer/Sign", signer_pb2.SignRequest, signer_pb2.SignResponse)
BATCH_SIGN = Method("/signerd.v1.Signer/BatchSign", signer_pb2.BatchSignRequest, signer_pb2.BatchSignResponse)
SIGN_STREAM = Method(
    "/signerd.v1.Signer/SignStream", signer_pb2.SignStreamRequest, signer_pb2.SignStreamResponse
)
VERIFY = Method("/signerd.v1.Signer/Verify", signer_pb2.VerifyRequest, signer_pb2.VerifyResponse)
PUBLIC_KEY = Method("/signerd.v1.Signer/PublicKey", signer_pb2.PublicKeyRequest, signer_pb2.PublicKeyResponse)
CREATE_KEY = Method("/signerd.v1.Keys/CreateKey", keys_pb2.CreateKeyRequest, keys_pb2.CreateKeyResponse)
GET_KEY = Method("/signerd.v1.Keys/GetKey", keys_pb2.GetKeyRequest, keys_pb2.GetKeyResponse)
LIST_KEYS = Method("/signerd.v1.Keys/ListKeys", keys_pb2.ListKeysRequest, keys_pb2.ListKeysResponse)
IMPORT_KEY = Method("/signerd.v1.Keys/ImportKey", keys_pb2.ImportKeyRequest, keys_pb2.ImportKeyResponse)
ADOPT_KEY = Method("/signerd.v1.Keys/AdoptKey", keys_pb2.AdoptKeyRequest, keys_pb2.AdoptKeyResponse)
DISCOVER_KEYS = Method(
    "/signerd.v1.Keys/DiscoverKeys", keys_pb2.DiscoverKeysRequest, keys_pb2.DiscoverKeysResponse
)
CHECK_KEYS = Method("/signerd.v1.Keys/CheckKeys", keys_pb2.CheckKeysRequest, keys_pb2.CheckKeysResponse)
LIST_PROVIDERS = Method(
    "/signerd.v1.Providers/ListProviders",
    providers_pb2.ListProvidersRequest,
    providers_pb2.ListProvidersResponse,
)
GET_PROVIDER = Method(
    "/signerd.v1.Providers/GetProvider", providers_pb2.GetProviderRequest, providers_pb2.GetProviderResponse
)
LIST_RECORDS = Method(
    "/signerd.v1.Audit/ListRecords", audit_pb2.ListRecordsRequest, audit_pb2.ListRecordsResponse
)
GET_RECORD = Method("/signerd.v1.Audit/GetRecord", audit_pb2.GetRecordRequest, audit_pb2.GetRecordResponse)
GET_PROOF = Method("/signerd.v1.Audit/GetProof", audit_pb2.GetProofRequest, audit_pb2.GetProofResponse)
GET_CHECKPOINT = Method(
    "/signerd.v1.Audit/GetCheckpoint", audit_pb2.GetCheckpointRequest, audit_pb2.GetCheckpointResponse
)
LIST_LOG_KEYS = Method(
    "/signerd.v1.Audit/ListLogKeys", audit_pb2.ListLogKeysRequest, audit_pb2.ListLogKeysResponse
)
TAIL_RECORDS = Method(
    "/signerd.v1.Audit/TailRecords", audit_pb2.TailRecordsRequest, audit_pb2.TailRecordsResponse
)
EXPORT_RECORDS = Method(
    "/signerd.v1.Audit/ExportRecords", audit_pb2.ExportRecordsRequest, audit_pb2.ExportRecordsResponse
)
ROTATE_LOG_KEY = Method(
    "/signerd.v1.Admin/RotateLogKey", admin_pb2.RotateLogKeyRequest, admin_pb2.RotateLogKeyResponse
)
GET_STATUS = Method("/signerd.v1.Admin/GetStatus", admin_pb2.GetStatusRequest, admin_pb2.GetStatusResponse)
