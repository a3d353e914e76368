"""Cosignatures are kept only when every byte is as the specification wants it."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.errors import Reason, SignerdError
from signerd.witnesses.cosignatures import parse_vkey, read_cosignature
from signerd.witnesses.faults import Fault, WitnessFault
from tests.support.servers.witness import TIME, StandIn

BODY = b"0123/worker-0\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
WITNESS = StandIn()
KEY = parse_vkey(WITNESS.vkey)
LINE = WITNESS.cosign(BODY)


def refused(answer: bytes, text: str) -> None:
    with pytest.raises(WitnessFault, match=text) as caught:
        read_cosignature(answer, BODY, KEY)
    assert caught.value.fault is Fault.GARBAGE


def line_of(data: bytes, name: str = WITNESS.name) -> bytes:
    return f"\u2014 {name} {base64.b64encode(data).decode()}\n".encode()


def test_a_right_one_is_taken() -> None:
    found = read_cosignature(LINE.encode(), BODY, KEY)
    assert (found.name, found.time, found.line) == (WITNESS.name, TIME, LINE.encode())


def test_lines_of_others_are_passed_over() -> None:
    other = StandIn("witness.example/w2")
    assert read_cosignature((other.cosign(BODY) + LINE).encode(), BODY, KEY).line == LINE.encode()
    same_name = StandIn()
    assert read_cosignature((same_name.cosign(BODY) + LINE).encode(), BODY, KEY).line == LINE.encode()
    refused(other.cosign(BODY).encode(), "no cosignature")


def test_one_that_is_wrong_beside_a_right_one_spoils_both() -> None:
    wrong = WITNESS.cosign(b"other\n")
    refused((LINE + wrong).encode(), "two cosignatures")
    refused((wrong + LINE).encode(), "does not verify")


def test_another_body_or_key_is_refused() -> None:
    with pytest.raises(WitnessFault, match="does not verify"):
        read_cosignature(LINE.encode(), BODY + b"x\n", KEY)
    refused(WITNESS.cosign(BODY, StandIn().key).encode(), "does not verify")


def test_the_time_is_part_of_what_is_signed() -> None:
    data = bytearray(base64.b64decode(LINE.split(" ")[2]))
    data[11] ^= 1
    refused(line_of(bytes(data)), "does not verify")


@pytest.mark.parametrize("time", [0, 1 << 63])
def test_a_time_out_of_range_is_refused(time: int) -> None:
    signature = WITNESS.key.sign(b"cosignature/v1\ntime %d\n" % time + BODY)
    refused(line_of(WITNESS.key_id() + time.to_bytes(8, "big") + signature), "no time")


def test_a_plain_note_signature_is_no_cosignature() -> None:
    refused(line_of(WITNESS.key_id() + WITNESS.key.sign(BODY)), "another length")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "newline"),
        (b"\n", "no note signature"),
        (LINE[:-1].encode(), "newline"),
        (LINE.encode() + b"\n", "no note signature"),
        (b"\xff" + LINE.encode(), "UTF-8"),
        (LINE.replace("\u2014", "-").encode(), "no note signature"),
        (LINE.replace(" ", "  ", 1).encode(), "no note signature"),
        (b" " + LINE.encode(), "no note signature"),
        (LINE.replace("=", "").encode(), "no note signature"),
        (LINE.encode().replace(b"\n", b"\r\n"), "no note signature"),
    ],
)
def test_other_grammar_is_refused(answer: bytes, text: str) -> None:
    refused(answer, text)


def test_base64_with_loose_bits_is_refused() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    begin, last = LINE[:-4], LINE[-4]
    assert LINE.endswith("==\n")
    loose = letters[letters.index(last) + 1]
    refused(f"{begin}{loose}==\n".encode(), "no note signature")


def test_no_single_byte_may_change() -> None:
    raw = LINE.encode()
    picks = random.Random(7).sample(range(len(raw)), 60)
    for place in picks:
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(WitnessFault):
            read_cosignature(changed, BODY, KEY)


@given(st.binary(max_size=300))
def test_nothing_else_raises_or_passes(answer: bytes) -> None:
    with pytest.raises(WitnessFault):
        read_cosignature(answer, BODY, KEY)


@given(st.lists(st.sampled_from([*"\u2014 +=\nAb1/", LINE.strip(), WITNESS.name]), max_size=12))
def test_nothing_made_of_right_pieces_passes_but_the_line(parts: list[str]) -> None:
    answer = "".join(parts)
    try:
        found = read_cosignature(answer.encode(), BODY, KEY)
    except WitnessFault:
        return
    assert found.line == LINE.encode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "NAME"),
        ("w1", "NAME"),
        (WITNESS.vkey + "\n", "NAME"),
        (WITNESS.vkey.replace("/w1+", "/w2+"), "another hash"),
        ("a b+" + WITNESS.vkey.split("+", 1)[1], "NAME"),
        (f"w+00000000+{base64.b64encode(bytes([1]) + bytes(32)).decode()}", "cosigner"),
        (f"w+00000000+{base64.b64encode(bytes([6]) + bytes(1312)).decode()}", "cosigner"),
        (f"w+00000000+{base64.b64encode(bytes([4]) + bytes(31)).decode()}", "cosigner"),
    ],
    ids=["empty", "no hash", "line end", "hash of another name", "space", "log key", "ML-DSA", "short"],
)
def test_a_key_of_another_form_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SignerdError, match=problem) as caught:
        parse_vkey(text, "audit.witnesses")
    assert (caught.value.reason, caught.value.field) == (Reason.CONFIG_INVALID, "audit.witnesses")


def test_the_key_of_the_specification_has_the_form() -> None:
    # The example of c2sp.org/signed-note is a plain signer's key: its form is right, its type is not.
    with pytest.raises(SignerdError, match="cosigner"):
        parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
