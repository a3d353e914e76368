from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as TheirEnvelope

from signerd.attestation.pae import check_payload_type, pae, pae_header, parse_pae, parse_pae_header
from signerd.errors import Reason, SignerdError

TYPES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80).map(
    lambda text: f"a{text}~"
)


def test_the_vector_of_the_specification() -> None:
    encoded = pae("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@given(TYPES, st.binary(max_size=300))
def test_round_trip_and_agreement_with_securesystemslib(payload_type: str, payload: bytes) -> None:
    encoded = pae(payload_type, payload)
    assert encoded == TheirEnvelope(payload, payload_type, {}).pae()
    assert parse_pae(encoded) == (payload_type, payload)
    assert pae_header(payload_type, len(payload)) + payload == encoded
    name, length, start = parse_pae_header(encoded)
    assert (name, length, encoded[start:]) == (payload_type, len(payload), payload)


@given(TYPES, st.binary(max_size=60), st.data())
def test_no_other_bytes_have_the_same_meaning(payload_type: str, payload: bytes, data: st.DataObject) -> None:
    encoded = bytearray(pae(payload_type, payload))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SignerdError):
        assert pae(*parse_pae(bytes(encoded))) == encoded


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DSSEv1",
        b"DSSEv1 ",
        b"DSSEv2 1 a 0 ",
        b"dssev1 1 a 0 ",
        b"DSSEv1  1 a 0 ",
        b"DSSEv1 01 a 0 ",
        b"DSSEv1 +1 a 0 ",
        b"DSSEv1 -1 a 0 ",
        b"DSSEv1 1 a 00 ",
        b"DSSEv1 1 a 0",
        b"DSSEv1 1 a 1 ",
        b"DSSEv1 1 a 0 x",
        b"DSSEv1 2 a 0 ",
        b"DSSEv1 1 ab 0 ",
        b"DSSEv1 1 a 99999999999999999999 x",
        "DSSEv1 1 a ٣ abc".encode(),
        b"DSSEv1 9999999 a 0 ",
    ],
)
def test_what_is_no_encoding(data: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_pae(data)
    assert caught.value.reason is Reason.ENVELOPE_INVALID


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\n", "a\x00", "ä", "a" * 257, "\x7f"])
def test_payload_types_that_are_none(name: str) -> None:
    raw = name.encode("latin-1")
    for call in (lambda: check_payload_type(name), lambda: parse_pae(b"DSSEv1 %d %s 0 " % (len(raw), raw))):
        with pytest.raises(SignerdError) as caught:
            call()
        assert caught.value.reason is Reason.PAYLOAD_TYPE_INVALID


@pytest.mark.parametrize(
    "name", ["a", "application/vnd.in-toto+json", "text/plain; charset=utf-8", "a" * 256]
)
def test_payload_types(name: str) -> None:
    assert check_payload_type(name) == name
