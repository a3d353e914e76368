"""All formats take any record and give whole lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.audit.records import Record, encode
from signerd.errors import Reason, SignerdError
from signerd.exports.formats import NAMES, formats

ALL = formats("0123abcd")


def test_the_formats_are_known_by_name() -> None:
    assert tuple(ALL) == NAMES
    assert [name for name, form in ALL.items() if form.header] == ["csv"]


@pytest.mark.parametrize("name", NAMES)
@given(detail=st.text(max_size=40))
def test_a_record_is_whole_lines(name: str, detail: str) -> None:
    written = ALL[name].line(encode(Record(operation="sign", outcome="ok", detail=detail)))
    assert written.endswith("\n")
    if name != "csv":
        assert written.count("\n") == 1


@given(detail=st.text(max_size=40))
def test_json_lines_are_the_records_themselves(detail: str) -> None:
    record = encode(Record(operation="sign", outcome="ok", detail=detail))
    assert ALL["jsonl"].line(record).encode() == record + b"\n"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "jsonl"])
@pytest.mark.parametrize("record", [b"", b"[]", b"1", b"{", b"\xff\xfe"])
def test_what_is_no_record_is_refused(name: str, record: bytes) -> None:
    with pytest.raises(SignerdError) as raised:
        ALL[name].line(record)
    assert raised.value.reason is Reason.AUDIT_CORRUPT
