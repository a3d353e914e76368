"""Each wrong input has its code, reason and field; the daemon lives on and changes no file but the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from tests.integration.process.daemons import Daemon
from tests.integration.process.wire import OK, STREAM, UNARY, Refusal, Wire, wire

KEY = "team-a/release"
ED25519 = "team-a/pure"
DIGEST = Digest(hash=HASH_ALGORITHM_SHA256, value=bytes(32))
HUGE = 2**63 - 1


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("d")).start()
    with daemon.client() as client:
        client.create_key(KEY)
        client.create_key(ED25519, algorithm="ed25519")
        client.create_key("daemon/log", purpose="log")
        client.sign(KEY, message=b"x")
    yield daemon
    daemon.end()


@pytest.fixture(scope="module")
def here(daemon: Daemon) -> Iterator[Wire]:
    with wire(daemon) as connection:
        yield connection


@pytest.fixture(autouse=True)
def unharmed(daemon: Daemon) -> Iterator[None]:
    """The process is the same and well, and no file has changed but the audit log."""
    pid, before = daemon.pid, files(daemon.home)
    yield
    assert daemon.alive
    assert daemon.pid == pid
    assert daemon.health() == "SERVING"
    assert files(daemon.home) == before
    assert "Traceback" not in daemon.text()
    with daemon.client() as client:
        assert client.sign(KEY, message=b"still here").signature


def files(home: Path) -> dict[str, str]:
    """Hashes of all files but those of the audit log; SQLite's own `-shm` is shared memory."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "audit" not in path.parts and path.suffix != ".db-shm"
    }


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


def header(**fields: object) -> bytes:
    return SignStreamRequest(header=SignStreamHeader(**fields)).SerializeToString()  # type: ignore[arg-type]


CHUNK = SignStreamRequest(chunk=b"0123456789").SerializeToString()
INVALID_STREAM = Refusal("INVALID_ARGUMENT", "STREAM_INVALID")
STREAMS = [
    ((), INVALID_STREAM._replace(field="header")),
    ((CHUNK,), INVALID_STREAM._replace(field="header")),
    ((b"",), INVALID_STREAM._replace(field="part")),
    ((header(key=KEY, length=-1),), INVALID_STREAM._replace(field="header.length")),
    ((header(key=KEY, length=11), CHUNK), INVALID_STREAM._replace(field="chunk")),
    ((header(key=KEY, length=9), CHUNK), INVALID_STREAM._replace(field="chunk")),
    ((header(key=KEY, length=10), header(key=KEY, length=10)), INVALID_STREAM._replace(field="header")),
    (
        (header(key=ED25519, length=HUGE), CHUNK),
        Refusal("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE", "header.length"),
    ),
    (
        (header(key=KEY, length=10, input_crc32c=1), CHUNK),
        Refusal("INVALID_ARGUMENT", "CHECKSUM_MISMATCH", "input_crc32c"),
    ),
    ((header(key=KEY, length=10), b"\xff\xff"), Refusal("INVALID_ARGUMENT", "REQUEST_MALFORMED")),
    ((header(key=KEY, length=10), CHUNK), OK),
]


@pytest.mark.parametrize(("messages", "expected"), STREAMS)
def test_streams(here: Wire, messages: tuple[bytes, ...], expected: Refusal) -> None:
    assert here.stream(*messages) == expected


def test_too_large_for_us_and_too_large_for_the_transport(here: Wire) -> None:
    ours = SignRequest(key=KEY, message=bytes(5 << 20)).SerializeToString()
    assert here.unary("Signer/Sign", ours) == Refusal("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE")
    transports = SignRequest(key=KEY, message=bytes(20 << 20)).SerializeToString()
    assert here.unary("Signer/Sign", transports).code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("method", ["Signer/Nothing", "Nothing/Sign", "", "Signer/Sign/x"])
def test_methods_that_nobody_knows(here: Wire, method: str) -> None:
    assert here.unary(method, b"") == Refusal("UNIMPLEMENTED", "METHOD_UNKNOWN")
    assert here.unary(method, b"", package="other.").code == "UNIMPLEMENTED"


@pytest.mark.parametrize("method", [*UNARY, STREAM])
@given(junk=st.binary(min_size=1, max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_message(here: Wire, method: str, junk: bytes) -> None:
    # A tag of field 0 is no protobuf, whatever follows.
    answer = here.stream(b"\x00" + junk) if method == STREAM else here.unary(method, b"\x00" + junk)
    assert answer == Refusal("INVALID_ARGUMENT", "REQUEST_MALFORMED")


@pytest.mark.parametrize("method", [*UNARY, STREAM])
@given(junk=st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_have_an_answer_of_ours(here: Wire, method: str, junk: bytes) -> None:
    if method == "Keys/CreateKey":
        junk += CreateKeyRequest(algorithm="none").SerializeToString()
    answer = here.stream(junk) if method == STREAM else here.unary(method, junk)
    assert answer.code in ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNAVAILABLE", "RESOURCE_EXHAUSTED")
    assert answer == OK or answer.reason not in ("", "INTERNAL")
