import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as TheirEnvelope

from signerd.attestation.envelopes import Envelope, EnvelopeSignature, parse_envelope, serialize_envelope
from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import p1363_to_der, verifier
from signerd.errors import Reason, SignerdError

CHAINS = Path(__file__).parents[2] / "vectors" / "chains"
# DSSE protocol.md, "Test Vectors": the private key d and an envelope signed with it (r||s).
SPEC_D = 97358161215184420915383655311931858321456579547487070936769975997791359926199
SPEC = (
    b'{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld","signatures":[{"sig":'
    b'"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}'
)
SIGNATURES = st.builds(EnvelopeSignature, st.binary(min_size=1, max_size=80), st.text(max_size=20))
ENVELOPES = st.builds(
    Envelope,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40),
    st.binary(max_size=200),
    st.lists(SIGNATURES, min_size=1, max_size=4).map(tuple),
)


def document(**changes: object) -> bytes:
    made = {"payloadType": "t", "payload": "YQ==", "signatures": [{"keyid": "", "sig": "YQ=="}], **changes}
    return json.dumps(made).encode()


def test_the_envelope_of_the_specification_verifies() -> None:
    envelope = parse_envelope(SPEC)
    assert (envelope.payload_type, envelope.payload) == ("http://example.com/HelloWorld", b"hello world")
    key = ec.derive_private_key(SPEC_D, ec.SECP256R1()).public_key()
    signature = p1363_to_der(envelope.signatures[0].value, DEFAULT)
    verifier(key, DEFAULT)(prepare(DEFAULT, Message(envelope.signed)), signature)


def test_an_envelope_of_chains_verifies_and_is_written_byte_for_byte() -> None:
    data = (CHAINS / "envelope.json").read_bytes()
    envelope = parse_envelope(data)
    text = (CHAINS / "signer.pub").read_text()
    key = load_public_key(base64.b64decode("".join(text.splitlines()[1:-1])), DEFAULT)
    verifier(key, DEFAULT)(prepare(DEFAULT, Message(envelope.signed)), envelope.signatures[0].value)
    assert serialize_envelope(envelope) == data


@given(ENVELOPES)
def test_round_trip(envelope: Envelope) -> None:
    assert parse_envelope(serialize_envelope(envelope)) == envelope


@given(ENVELOPES.filter(lambda made: len({one.keyid for one in made.signatures}) == len(made.signatures)))
def test_securesystemslib_reads_the_same(envelope: Envelope) -> None:
    theirs = TheirEnvelope.from_dict(json.loads(serialize_envelope(envelope)))
    assert (theirs.payload, theirs.payload_type) == (envelope.payload, envelope.payload_type)
    assert theirs.pae() == envelope.signed


def test_urlsafe_base64_unknown_members_and_a_missing_keyid_are_taken() -> None:
    data = document(
        payload="_-8=", extra=1, signatures=[{"sig": "YQ==", "cert": "x"}, {"sig": "Yg==", "keyid": None}]
    )
    envelope = parse_envelope(data)
    assert envelope.payload == b"\xff\xef"
    assert [one.keyid for one in envelope.signatures] == ["", ""]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        document().decode().encode("utf-16"),
        document().replace(b'"t"', b"NaN"),
        document(extra=1).replace(b'"extra"', b'"payload"'),
        document().replace(b'"keyid": ""', b'"sig": "Yg=="'),
        document(payload=1),
        document(payload="YQ"),
        document(payload="YQ==\n"),
        document(payload="YR=="),
        document(payload="_+8="),
        document(payload="ä"),
        document(signatures=[]),
        document(signatures={}),
        document(signatures=[1]),
        document(signatures=[{}]),
        document(signatures=[{"sig": ""}]),
        document(signatures=[{"sig": "YQ==", "keyid": 1}]),
        document(signatures=[{"sig": "YQ=="}] * 101),
        document(payload=None),
        document() + b"x",
    ],
    ids=range(25),
)
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_envelope(data)
    assert caught.value.reason is Reason.ENVELOPE_INVALID
    assert caught.value.field == "envelope"


@pytest.mark.parametrize("name", ["", "a\n", "ä"])
def test_bad_payload_types_are_neither_read_nor_written(name: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_envelope(document(payloadType=name))
    assert caught.value.reason is Reason.PAYLOAD_TYPE_INVALID
    with pytest.raises(SignerdError):
        serialize_envelope(Envelope(name, b"", (EnvelopeSignature(b"x"),)))


@given(st.binary(max_size=120))
def test_no_bytes_make_a_traceback(data: bytes) -> None:
    with pytest.raises(SignerdError):
        parse_envelope(data)
