"""What is signed: messages, digests, encodings and mu, and what does not fit."""

from __future__ import annotations

import hashlib

import google_crc32c
import pytest

from signerd.attestation.envelopes import pae
from signerd.core.algorithms import TABLE
from signerd.errors import Reason
from tests.unit.engine.parts import PAYLOAD_LIMIT, Engine, check_signature, refused
from tests.unit.engine.signing import BYTES, SHA256, SHA512, Input

TYPE = "application/vnd.in-toto+json"
DIGEST: Input = {"digest": {"hash": "HASH_ALGORITHM_SHA256", "value": SHA256}}
DSSE: Input = {"dsse": {"payload_type": TYPE, "payload": b"{}"}}


@pytest.mark.parametrize("algorithm", [row for row in TABLE if row.size < 3072], ids=str)
async def test_every_algorithm_signs_messages(engine: Engine, algorithm: object) -> None:
    key = await engine.add_key("k", str(algorithm))
    signed = await engine.sign("k")
    check_signature(key, BYTES, signed.signature)
    assert (signed.key_version, signed.algorithm) == ("keys/k/versions/1", str(algorithm))
    assert signed.key_id == hashlib.sha256(key.version(0).public_key).hexdigest()
    assert (signed.audit.shard, signed.audit.sequence) == ("w0", 1)


@pytest.mark.parametrize("given", [{"message": BYTES}, DIGEST], ids=["message", "digest"])
async def test_a_digest_is_its_message(engine: Engine, given: Input) -> None:
    key = await engine.add_key("k")
    check_signature(key, BYTES, (await engine.sign("k", **given)).signature)
    record = engine.record()
    assert record.digest == f"sha256:{SHA256.hex()}"
    assert record.payload_type == ""


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "ed25519", "ml-dsa-44"])
@pytest.mark.parametrize("given", [DSSE, {"message": pae(TYPE, b"{}")}], ids=["dsse", "message"])
async def test_an_encoding_sent_as_message_is_its_envelope(
    engine: Engine, algorithm: str, given: Input
) -> None:
    key = await engine.add_key("k", algorithm)
    check_signature(key, pae(TYPE, b"{}"), (await engine.sign("k", **given)).signature)
    record = engine.record()
    assert record.payload_type == TYPE
    assert record.digest == f"sha256:{hashlib.sha256(pae(TYPE, b'{}')).hexdigest()}"


@pytest.mark.parametrize(
    "data",
    [b"DSSEv1 ", b"DSSEv1 1 a 3 ab", b"DSSEv1 1 a 1 ab", b"DSSEv1 01 a 2 ab", b"DSSEv1 x"],
)
async def test_what_only_begins_like_an_encoding_is_refused(engine: Engine, data: bytes) -> None:
    await engine.add_key("k")
    error = await refused(engine.sign("k", message=data))
    assert error.reason is Reason.ENVELOPE_INVALID
    assert engine.record().outcome == "refused"


async def test_mu_signs_as_the_message_does(engine: Engine) -> None:
    key = await engine.add_key("k", "ml-dsa-65")
    hashed = hashlib.shake_256(key.version(0).public_key[-1952:]).digest(64)
    mu = hashlib.shake_256(hashed + b"\0\0" + BYTES).digest(64)
    check_signature(key, BYTES, (await engine.sign("k", ml_dsa_mu=mu)).signature)
    assert engine.record().digest == f"ml-dsa-mu:{mu.hex()}"


@pytest.mark.parametrize(
    ("algorithm", "given", "reason", "field"),
    [
        ("ecdsa-p256-sha256", {"message": None}, Reason.INPUT_MISSING, "input"),
        ("ecdsa-p256-sha256", SHA512, Reason.HASH_MISMATCH, "digest.hash"),
        ("ecdsa-p384-sha384", DIGEST, Reason.HASH_MISMATCH, "digest.hash"),
        ("ed25519", SHA512, Reason.DIGEST_NOT_ACCEPTED, "digest"),
        ("ml-dsa-44", DIGEST, Reason.DIGEST_NOT_ACCEPTED, "digest"),
        ("ecdsa-p256-sha256", {"digest": {"hash": 1, "value": b""}}, Reason.DIGEST_LENGTH, "digest.value"),
        (
            "ecdsa-p256-sha256",
            {"digest": {"hash": 1, "value": SHA256[1:]}},
            Reason.DIGEST_LENGTH,
            "digest.value",
        ),
        ("ecdsa-p256-sha256", {"digest": {"hash": 2, "value": SHA256}}, Reason.DIGEST_LENGTH, "digest.value"),
        ("ecdsa-p256-sha256", {"digest": {"value": SHA256}}, Reason.HASH_UNKNOWN, "digest.hash"),
        ("ecdsa-p256-sha256", {"digest": {"hash": 99, "value": SHA256}}, Reason.HASH_UNKNOWN, "digest.hash"),
        ("ecdsa-p256-sha256", {"ml_dsa_mu": bytes(64)}, Reason.MU_NOT_ACCEPTED, "ml_dsa_mu"),
        ("ml-dsa-44", {"ml_dsa_mu": bytes(63)}, Reason.MU_NOT_ACCEPTED, "ml_dsa_mu"),
        ("ecdsa-p256-sha256", {"dsse": {"payload": b"{}"}}, Reason.PAYLOAD_TYPE_INVALID, "payload_type"),
        (
            "ecdsa-p256-sha256",
            {"dsse": {"payload_type": "a\nb"}},
            Reason.PAYLOAD_TYPE_INVALID,
            "payload_type",
        ),
    ],
)
async def test_inputs_that_do_not_fit(
    engine: Engine, algorithm: str, given: Input, reason: Reason, field: str
) -> None:
    await engine.add_key("k", algorithm)
    error = await refused(engine.sign("k", request_id="r", **given))
    assert (error.reason, error.field) == (reason, field)
    record = engine.record()
    assert (record.outcome, record.reason, record.request_id) == ("refused", reason.name, "r")
    assert record.signature_sha256 == ""


@pytest.mark.parametrize(
    ("given", "covered"),
    [
        ({"message": BYTES}, BYTES),
        (DIGEST, SHA256),
        (DSSE, b"{}"),
        ({"message": pae(TYPE, b"{}")}, pae(TYPE, b"{}")),
        ({"message": b""}, b""),
    ],
)
async def test_checksums_both_ways(engine: Engine, given: Input, covered: bytes) -> None:
    await engine.add_key("k")
    right = int(google_crc32c.value(covered))
    signed = await engine.sign("k", input_crc32c=right, **given)
    assert signed.signature_crc32c == google_crc32c.value(signed.signature)
    error = await refused(engine.sign("k", input_crc32c=right ^ 1, **given))
    assert (error.reason, error.field) == (Reason.CHECKSUM_MISMATCH, "input_crc32c")
    assert not (await engine.sign("k", **given)).HasField("signature_crc32c")


async def test_a_long_message_is_signed_too(engine: Engine) -> None:
    key = await engine.add_key("k")
    data = bytes(900_000)
    check_signature(key, data, (await engine.sign("k", message=data)).signature)


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-44", "ecdsa-p256-sha256"])
async def test_only_algorithms_that_need_the_whole_message_have_a_limit(
    engine: Engine, algorithm: str
) -> None:
    await engine.add_key("k", algorithm)
    assert (await engine.sign("k", message=bytes(PAYLOAD_LIMIT))).signature
    long = engine.sign("k", message=bytes(PAYLOAD_LIMIT + 1))
    if algorithm.startswith("ecdsa"):
        assert (await long).signature
    else:
        assert (await refused(long)).reason is Reason.REQUEST_TOO_LARGE
