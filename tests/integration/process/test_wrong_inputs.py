"""Each wrong input has its code, reason and field; the daemon lives on and changes no file but the audit log."""

from __future__ import annotations

import pytest

from signerd.v1.audit_pb2 import GetRecordRequest, ListRecordsRequest
from signerd.v1.keys_pb2 import CreateKeyRequest, GetKeyRequest, ImportKeyRequest, ListKeysRequest
from signerd.v1.resources_pb2 import (
    HASH_ALGORITHM_SHA256,
    HASH_ALGORITHM_SHA512,
    AuditPosition,
    Digest,
    DsseInput,
)
from signerd.v1.signer_pb2 import (
    BatchSignRequest,
    PublicKeyRequest,
    SignRequest,
    SignStreamHeader,
    SignStreamRequest,
    VerifyRequest,
)
from tests.integration.process.unharmed import ED25519, HUGE, KEY, daemon, here, unharmed
from tests.integration.process.wire import OK, Refusal, Wire

__all__ = ["daemon", "here", "unharmed"]


DIGEST = Digest(hash=HASH_ALGORITHM_SHA256, value=bytes(32))
SIGN = [
    (SignRequest(), Refusal("INVALID_ARGUMENT", "KEY_NAME_INVALID", "key")),
    (SignRequest(key=KEY), Refusal("INVALID_ARGUMENT", "INPUT_MISSING", "input")),
    (SignRequest(key="none", digest=DIGEST), Refusal("NOT_FOUND", "KEY_NOT_FOUND", "key")),
    (SignRequest(key="daemon/log", digest=DIGEST), Refusal("PERMISSION_DENIED", "KEY_PURPOSE", "key")),
    (
        SignRequest(key=KEY, digest=Digest(hash=HASH_ALGORITHM_SHA256, value=bytes(31))),
        Refusal("INVALID_ARGUMENT", "DIGEST_LENGTH", "digest.value"),
    ),
    (
        SignRequest(key=KEY, digest=Digest(hash=HASH_ALGORITHM_SHA256, value=bytes(64))),
        Refusal("INVALID_ARGUMENT", "DIGEST_LENGTH", "digest.value"),
    ),
    (
        SignRequest(key=KEY, digest=Digest(hash=HASH_ALGORITHM_SHA256)),
        Refusal("INVALID_ARGUMENT", "DIGEST_LENGTH", "digest.value"),
    ),
    (
        SignRequest(key=KEY, digest=Digest(value=bytes(32))),
        Refusal("INVALID_ARGUMENT", "HASH_UNKNOWN", "digest.hash"),
    ),
    (
        SignRequest(key=KEY, digest=Digest(hash=99, value=bytes(32))),  # type: ignore[arg-type]
        Refusal("INVALID_ARGUMENT", "HASH_UNKNOWN", "digest.hash"),
    ),
    (
        SignRequest(key=KEY, digest=Digest(hash=HASH_ALGORITHM_SHA512, value=bytes(64))),
        Refusal("INVALID_ARGUMENT", "HASH_MISMATCH", "digest.hash"),
    ),
    (
        SignRequest(key=ED25519, digest=DIGEST),
        Refusal("INVALID_ARGUMENT", "DIGEST_NOT_ACCEPTED", "digest"),
    ),
    (
        SignRequest(key=KEY, ml_dsa_mu=bytes(64)),
        Refusal("INVALID_ARGUMENT", "MU_NOT_ACCEPTED", "ml_dsa_mu"),
    ),
    (
        SignRequest(key=KEY, dsse=DsseInput(payload=b"{}")),
        Refusal("INVALID_ARGUMENT", "PAYLOAD_TYPE_INVALID", "payload_type"),
    ),
    (
        SignRequest(key=KEY, message=b"DSSEv1 nonsense"),
        Refusal("INVALID_ARGUMENT", "ENVELOPE_INVALID", "message"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, version=-1),
        Refusal("INVALID_ARGUMENT", "VERSION_INVALID", "version"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, version=2),
        Refusal("NOT_FOUND", "VERSION_NOT_FOUND", "version"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, version=HUGE),
        Refusal("NOT_FOUND", "VERSION_NOT_FOUND", "version"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, version=-HUGE - 1),
        Refusal("INVALID_ARGUMENT", "VERSION_INVALID", "version"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, request_id="x" * 65),
        Refusal("INVALID_ARGUMENT", "REQUEST_ID_INVALID", "request_id"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, request_id="a\nb"),
        Refusal("INVALID_ARGUMENT", "REQUEST_ID_INVALID", "request_id"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, traceparent="00-x"),
        Refusal("INVALID_ARGUMENT", "TRACEPARENT_INVALID", "traceparent"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, input_crc32c=1),
        Refusal("INVALID_ARGUMENT", "CHECKSUM_MISMATCH", "input_crc32c"),
    ),
    (
        SignRequest(key=KEY, digest=DIGEST, min_revision=HUGE),
        Refusal("UNAVAILABLE", "STATE_STALE", "min_revision"),
    ),
    (SignRequest(key=KEY, digest=DIGEST, version=0), OK),
]


@pytest.mark.parametrize(("request_", "expected"), SIGN)
def test_sign(here: Wire, request_: SignRequest, expected: Refusal) -> None:
    assert here.unary("Signer/Sign", request_.SerializeToString()) == expected


BAD_NAMES = [
    "../x",
    "/abs",
    "a//b",
    "a/../b",
    ".",
    "..",
    "a/",
    "a/.",
    "a\0b",
    "a b",
    "A",
    "schlüssel",
    "\u202ea",
    "a/versions/1",
    "a\\b",
    "%2e%2e/x",
    "a\n",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name[:20]))
def test_names_that_lead_elsewhere(here: Wire, name: str) -> None:
    def refused(field: str) -> Refusal:
        return Refusal("INVALID_ARGUMENT", "KEY_NAME_INVALID", field)

    assert here.unary("Signer/Sign", SignRequest(key=name, digest=DIGEST).SerializeToString()) == refused(
        "key"
    )
    verify = VerifyRequest(key=name, digest=DIGEST, signature=b"x")
    assert here.unary("Signer/Verify", verify.SerializeToString()) == refused("key")
    assert here.unary("Signer/PublicKey", PublicKeyRequest(key=name).SerializeToString()) == refused("key")
    assert here.unary("Keys/CreateKey", CreateKeyRequest(name=name).SerializeToString()) == refused("name")
    imported = ImportKeyRequest(name=name, private_key=b"x")
    assert here.unary("Keys/ImportKey", imported.SerializeToString()) == refused("name")
    assert here.unary("Keys/GetKey", GetKeyRequest(name=name).SerializeToString()) == refused("name")
    header = SignStreamRequest(header=SignStreamHeader(key=name, length=1))
    assert here.stream(header.SerializeToString()) == refused("key")


OTHERS = [
    ("Signer/BatchSign", BatchSignRequest(), Refusal("INVALID_ARGUMENT", "BATCH_SIZE_INVALID", "items")),
    (
        "Signer/BatchSign",
        BatchSignRequest(items=[SignRequest(key=KEY, digest=DIGEST)] * 1001),
        Refusal("INVALID_ARGUMENT", "BATCH_SIZE_INVALID", "items"),
    ),
    ("Signer/BatchSign", BatchSignRequest(items=[SignRequest()]), OK),
    (
        "Signer/Verify",
        VerifyRequest(key=KEY, message=b"x"),
        Refusal("INVALID_ARGUMENT", "SIGNATURE_MALFORMED", "signature"),
    ),
    (
        "Signer/Verify",
        VerifyRequest(key=KEY, message=b"x", signature=b"no DER"),
        Refusal("INVALID_ARGUMENT", "SIGNATURE_MALFORMED", "signature"),
    ),
    (
        "Signer/PublicKey",
        PublicKeyRequest(key=KEY, version=HUGE),
        Refusal("NOT_FOUND", "VERSION_NOT_FOUND", "version"),
    ),
    (
        "Signer/PublicKey",
        PublicKeyRequest(key=KEY, version=-1),
        Refusal("INVALID_ARGUMENT", "VERSION_INVALID", "version"),
    ),
    ("Keys/CreateKey", CreateKeyRequest(name=KEY), Refusal("ALREADY_EXISTS", "KEY_EXISTS", "name")),
    (
        "Keys/CreateKey",
        CreateKeyRequest(name="new", algorithm="md5"),
        Refusal("INVALID_ARGUMENT", "ALGORITHM_UNKNOWN", "algorithm"),
    ),
    (
        "Keys/CreateKey",
        CreateKeyRequest(name="new", provider="none"),
        Refusal("INVALID_ARGUMENT", "PROVIDER_UNKNOWN", "provider"),
    ),
    (
        "Keys/CreateKey",
        CreateKeyRequest(name="new", labels={"A B": "c"}),
        Refusal("INVALID_ARGUMENT", "LABELS_INVALID", "labels"),
    ),
    (
        "Keys/CreateKey",
        CreateKeyRequest(name="new", purpose=99),  # type: ignore[arg-type]
        Refusal("INVALID_ARGUMENT", "REQUEST_MALFORMED", "purpose"),
    ),
    (
        "Keys/ImportKey",
        ImportKeyRequest(name="new", private_key=b"-----BEGIN PRIVATE KEY-----"),
        Refusal("INVALID_ARGUMENT", "PRIVATE_KEY_INVALID", "private_key"),
    ),
    ("Keys/GetKey", GetKeyRequest(name="none"), Refusal("NOT_FOUND", "KEY_NOT_FOUND", "name")),
    (
        "Keys/ListKeys",
        ListKeysRequest(page_size=-1),
        Refusal("INVALID_ARGUMENT", "PAGE_INVALID", "page_size"),
    ),
    (
        "Keys/ListKeys",
        ListKeysRequest(page_token="../../etc"),
        Refusal("INVALID_ARGUMENT", "PAGE_INVALID", "page_token"),
    ),
    (
        "Audit/ListRecords",
        ListRecordsRequest(page_size=1001),
        Refusal("INVALID_ARGUMENT", "PAGE_INVALID", "page_size"),
    ),
    (
        "Audit/ListRecords",
        ListRecordsRequest(page_token="x"),
        Refusal("INVALID_ARGUMENT", "PAGE_INVALID", "page_token"),
    ),
    (
        "Audit/GetRecord",
        GetRecordRequest(position=AuditPosition(shard="../..", sequence=1)),
        Refusal("NOT_FOUND", "AUDIT_RECORD_NOT_FOUND", "position"),
    ),
    (
        "Audit/GetRecord",
        GetRecordRequest(position=AuditPosition(shard="worker-0", sequence=HUGE)),
        Refusal("NOT_FOUND", "AUDIT_RECORD_NOT_FOUND", "position"),
    ),
]


@pytest.mark.parametrize(("method", "request_", "expected"), OTHERS)
def test_other_methods(here: Wire, method: str, request_: SignRequest, expected: Refusal) -> None:
    assert here.unary(method, request_.SerializeToString()) == expected
