"""CSV that any reader of RFC 4180 reads back, and no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.audit.records import Record, encode
from signerd.errors import SignerdError
from signerd.exports.csv import COLUMNS, field, header, line

TEXT = st.text(max_size=30).map(lambda text: text.encode(errors="replace").decode())


def test_there_is_a_column_for_every_field_of_a_record() -> None:
    assert sorted(COLUMNS) == sorted(Record.__struct_fields__)
    assert header() == ",".join(COLUMNS) + "\r\n"


def test_a_line_by_the_letter() -> None:
    record = Record(
        operation="sign", outcome="refused", detail='said "no", twice', sequence=3, shard="worker-0", v=1
    )
    shown = dict(zip(COLUMNS, next(csv.reader([line(encode(record))])), strict=True))
    assert {name: value for name, value in shown.items() if value} == {
        "operation": "sign", "outcome": "refused", "detail": 'said "no", twice',
        "sequence": "3", "shard": "worker-0", "v": "1",
    }  # fmt: skip
    assert ',"said ""no"", twice",' in line(encode(record))


@given(detail=TEXT, caller=TEXT, key=TEXT)
def test_readers_get_back_what_was_written_but_for_the_apostrophe(detail: str, caller: str, key: str) -> None:
    written = line(encode(Record(operation="sign", outcome="ok", detail=detail, caller=caller, key=key)))
    assert written.endswith("\r\n")
    (row,) = csv.reader(io.StringIO(written, newline=""), strict=True)
    shown = dict(zip(COLUMNS, row, strict=True))
    for name, value in (("detail", detail), ("caller", caller), ("key", key)):
        assert shown[name] in (value, f"'{value}")


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_what_could_be_a_formula_is_text(first: str) -> None:
    assert field(f"{first}cmd|' /C calc'!A0") == f"\"'{first}cmd|' /C calc'!A0\""


@pytest.mark.parametrize(
    ("text", "written"), [("", ""), ("a=b", "a=b"), ("1", "1"), ('"', '""""'), ("a,b", '"a,b"')]
)
def test_what_could_not_is_left_alone(text: str, written: str) -> None:
    assert field(text) == written


def test_lists_are_json_in_their_cell() -> None:
    record = json.dumps({"subjects": ["a", {"b": 1}], "unknown": "x"}).encode()
    assert line(record).count('"[""a"",{""b"":1}]"') == 1
    assert "x" not in line(record)


@pytest.mark.parametrize("record", [b"", b"[]", b"null", b"\xff", b'{"a"'])
def test_what_is_no_record_is_refused(record: bytes) -> None:
    with pytest.raises(SignerdError, match="no JSON object"):
        line(record)
