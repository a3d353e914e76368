from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from signerd.attestation.subjects import Subject
from signerd.audit.frames import BODY_LIMIT
from signerd.audit.records import CUT, LONGEST_TEXT, Clock, Record, bounded, decode, encode

TEXTS = [name for name, kind in Record.__annotations__.items() if kind == "str"]
NUMBERS = [name for name, kind in Record.__annotations__.items() if kind == "int"]
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
hostile_text = st.text(st.characters(), max_size=80)


def records(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Record]:
    numbers = st.integers(-(2**53) + 1, 2**53 - 1)
    subjects = st.lists(st.builds(Subject, digest=texts, name=texts), max_size=8).map(tuple)
    fields = dict.fromkeys(TEXTS, texts) | dict.fromkeys(NUMBERS, numbers) | {"subjects": subjects}
    required = {name: fields.pop(name) for name in ("operation", "outcome")}
    return st.fixed_dictionaries(required, optional=fields).map(lambda chosen: Record(**chosen))  # type: ignore[arg-type]


@given(records(any_text))
def test_an_encoded_record_is_canonical_json(record: Record) -> None:
    encoded = encode(record)

    assert encoded == rfc8785.dumps(json.loads(encoded))
    assert decode(encoded) == record


@given(records(hostile_text))
def test_any_string_at_all_can_be_encoded(record: Record) -> None:
    encoded = encode(record)

    assert encoded == rfc8785.dumps(json.loads(encoded.decode()))


def test_every_control_character_is_escaped_as_rfc_8785_wants() -> None:
    text = "".join(map(chr, range(0x21))) + '\x7f\u2028\U0001f600"\\/'

    assert rfc8785.dumps(text) in encode(Record(operation="sign", outcome="ok", detail=text))


def test_empty_fields_are_left_out_and_required_ones_stay() -> None:
    assert encode(Record(operation="", outcome="ok")) == b'{"operation":"","outcome":"ok"}'


@pytest.mark.parametrize("character", ["a", "\x00", "€", "\U0001f600", "\ud800", '"'])
def test_the_longest_texts_stay_below_the_limit_of_a_frame(character: str) -> None:
    subjects = (Subject(character * 100_000, character * 100_000),) * 100
    record = Record(**dict.fromkeys(TEXTS, character * 100_000), subjects=subjects)  # type: ignore[arg-type]

    encoded = encode(record)

    assert len(encoded) < BODY_LIMIT
    assert all(len(getattr(record, name)) <= LONGEST_TEXT for name in TEXTS)


@pytest.mark.parametrize(
    ("given_version", "recorded"), [(2**63 - 1, 2**53 - 1), (-(2**63), -(2**53) + 1), (7, 7)]
)
def test_a_version_beyond_what_json_numbers_carry_is_limited(given_version: int, recorded: int) -> None:
    encoded = encode(Record(operation="sign", outcome="refused", version=given_version))

    assert json.loads(encoded)["version"] == recorded


def test_a_text_that_was_cut_says_so() -> None:
    assert bounded("x" * 300).endswith(CUT)
    assert len(bounded("x" * 300)) == LONGEST_TEXT
    assert bounded("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    assert bounded("a\ud800b") == "a?b"


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999), st.integers(0, 999))
def test_a_stamp_is_the_time_in_rfc_3339(second: int, micros: int, nanos: int) -> None:
    stamp = Clock().stamp(second * 1_000_000_000 + micros * 1000 + nanos)

    assert datetime.fromisoformat(stamp) == datetime.fromtimestamp(second, UTC).replace(microsecond=micros)
    assert stamp == stamp[:26] + "Z"


@given(st.lists(st.integers(0, 10**19), min_size=2, max_size=20))
def test_stamps_never_go_back(times: list[int]) -> None:
    clock = Clock()
    stamps = [clock.stamp(now % (4 * 10**18)) for now in times]

    assert stamps == sorted(stamps)


def test_records_of_a_later_format_can_be_read() -> None:
    assert decode(b'{"new":{"a":1},"operation":"sign","outcome":"ok","v":2}').v == 2


def test_the_form_is_stable() -> None:
    record = Record(operation="sign", outcome="ok", key="k", sequence=1, shard="0", time="t", v=1, version=2)

    assert (
        hashlib.sha256(encode(record)).hexdigest()
        == hashlib.sha256(
            b'{"key":"k","operation":"sign","outcome":"ok","sequence":1,"shard":"0","time":"t","v":1,"version":2}'
        ).hexdigest()
    )
