"""Verify: which version made a signature, and the difference between a wrong one and none."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from signerd.attestation.envelopes import pae
from signerd.core.algorithms import TABLE
from signerd.core.keys import Purpose, State
from signerd.errors import Reason
from tests.unit.engine.parts import Engine, refused


@pytest.mark.parametrize("algorithm", [row for row in TABLE if row.size < 3072], ids=str)
async def test_what_was_signed_verifies(engine: Engine, algorithm: object) -> None:
    await engine.add_key("k", str(algorithm))
    signed = await engine.sign("k")
    verified = await engine.verify("k", signed.signature)
    assert (verified.key_version, verified.algorithm) == ("keys/k/versions/1", str(algorithm))
    assert verified.key_id == signed.key_id
    error = await refused(engine.verify("k", signed.signature, message=b"other bytes"))
    assert (error.reason, error.field) == (Reason.SIGNATURE_MISMATCH, "signature")


async def test_an_envelope_verifies_in_either_form(engine: Engine) -> None:
    await engine.add_key("k")
    envelope: dict[str, Any] = {"dsse": {"payload_type": "a/b", "payload": b"{}"}}
    signed = await engine.sign("k", **envelope)
    for given in (envelope, {"message": pae("a/b", b"{}")}):
        assert (await engine.verify("k", signed.signature, **given)).key_version == "keys/k/versions/1"
    assert {record.payload_type for record in engine.records()} == {"a/b"}
    error = await refused(engine.verify("k", signed.signature, message=b"{}"))
    assert error.reason is Reason.SIGNATURE_MISMATCH


async def test_the_version_that_made_it_is_found(engine: Engine) -> None:
    await engine.add_key("k", states=[State.ACTIVE] * 3, primary=3)
    for number in (1, 2, 3):
        signed = await engine.sign("k", version=number)
        assert (await engine.verify("k", signed.signature)).key_version == f"keys/k/versions/{number}"
        assert engine.records()[-1].version == number
        for other in {1, 2, 3} - {number}:
            error = await refused(engine.verify("k", signed.signature, version=other))
            assert error.reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    "state", [one for one in State if one is not State.ACTIVE], ids=lambda one: one.value
)
async def test_which_states_verify(engine: Engine, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    signing = await engine.add_key("signing")
    signed = await engine.sign("signing")
    await engine.add_key("k", states=[state])
    assert signing.version(1).public_key == (await engine.add_key("same")).version(1).public_key
    for version in (0, 1):
        call = engine.verify("k", signed.signature, version=version)
        if state is State.VERIFY_ONLY:
            assert (await call).key_version == "keys/k/versions/1"
        else:
            assert (await refused(call)).reason is Reason.VERSION_STATE


async def test_p1363_only_where_it_is_said(engine: Engine) -> None:
    await engine.add_key("k")
    signed = await engine.sign("k")
    r, s = decode_dss_signature(signed.signature)
    plain = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert (await engine.verify("k", plain, encoding="SIGNATURE_ENCODING_P1363")).key_version
    unknown = await refused(engine.verify("k", plain, encoding=7))
    assert (unknown.reason, unknown.field) == (Reason.REQUEST_MALFORMED, "encoding")
    for signature, encoding in ((plain, 0), (signed.signature, 2)):
        error = await refused(engine.verify("k", signature, encoding=encoding))
        assert error.reason in (Reason.SIGNATURE_MALFORMED, Reason.SIGNATURE_MISMATCH)


@pytest.mark.parametrize("signature", [b"", b"\x30", bytes(64), bytes(10_000)])
async def test_what_is_no_signature(engine: Engine, signature: bytes) -> None:
    await engine.add_key("k")
    error = await refused(engine.verify("k", signature))
    assert error.reason in (Reason.SIGNATURE_MALFORMED, Reason.SIGNATURE_MISMATCH)
    assert engine.record().operation == "verify"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"message": None}, Reason.INPUT_MISSING),
        ({"digest": {"hash": 1, "value": b"x"}}, Reason.DIGEST_LENGTH),
        ({"digest": {"hash": 3, "value": bytes(64)}}, Reason.HASH_MISMATCH),
        ({"message": b"DSSEv1 x"}, Reason.ENVELOPE_INVALID),
        ({"version": -1}, Reason.VERSION_INVALID),
        ({"version": 2}, Reason.VERSION_NOT_FOUND),
        ({"key": "nobody"}, Reason.KEY_NOT_FOUND),
        ({"key": "bundle"}, Reason.KEY_PURPOSE),
        ({"request_id": "a b"}, Reason.REQUEST_ID_INVALID),
        ({"traceparent": "x"}, Reason.TRACEPARENT_INVALID),
        ({"min_revision": 99}, Reason.STATE_STALE),
    ],
)
async def test_requests_that_are_refused(engine: Engine, fields: dict[str, Any], reason: Reason) -> None:
    await engine.add_key("k")
    await engine.add_key("bundle", purpose=Purpose.BUNDLE)
    fields = {"key": "k", **fields}
    assert (await refused(engine.verify(fields.pop("key"), b"x", **fields))).reason is reason
    assert engine.record().reason == reason.name
