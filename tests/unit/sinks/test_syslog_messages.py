"""Messages follow the grammar of RFC 5424 whatever a record holds, and carry it byte for byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.sinks.base import Entry
from signerd.sinks.syslog_messages import Messages
from tests.unit.sinks.samples import entry, record_json

# RFC 5424 section 6, with structured data of elements whose values have nothing to escape.
MESSAGE = re.compile(
    rb"<(?P<pri>[0-9]{1,3})>1"
    rb" (?P<time>-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z)"
    rb" (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32})"
    rb" (?P<data>(?:\[[a-z]+(?: [A-Za-z]+=\"[^\"\\\]]*\")*\])+) (?P<text>.*)",
    re.DOTALL,
)
MESSAGES = Messages("build-1.example.org", "worker-0", "audit")


def parsed(framed: bytes) -> dict[str, bytes]:
    length, _, message = framed.partition(b" ")
    assert int(length) == len(message)
    found = MESSAGE.fullmatch(message)
    assert found is not None, message
    return found.groupdict()


def test_a_message_by_the_letter() -> None:
    framed = MESSAGES.framed(entry(7, operation="create-key", outcome="refused"))
    head = framed.partition(b"{")[0]
    assert re.sub(rb'swVersion="[^"]*"', b"swVersion=V", head) == (
        b"%d <108>1 2026-11-22T14:00:00.000001Z build-1.example.org signerd worker-0 create-key "
        b'[meta sequenceId="7"][origin software="signerd" swVersion=V] '
    ) % int(framed.split(b" ")[0])
    assert parsed(framed)["text"] == record_json(7, operation="create-key", outcome="refused")


@pytest.mark.parametrize(("outcome", "severity"), [("ok", 6), ("refused", 4), ("failed", 3), ("odd", 3)])
def test_the_outcome_is_the_severity(outcome: str, severity: int) -> None:
    for facility, code in (("audit", 13), ("authpriv", 10), ("local7", 23)):
        messages = Messages("h", "s", facility)  # type: ignore[arg-type]
        assert int(parsed(messages.framed(entry(1, outcome=outcome)))["pri"]) == code * 8 + severity


@given(
    sequence=st.integers(1, (1 << 53) - 1),
    operation=st.text(max_size=60),
    detail=st.text(max_size=60),
    host=st.text(max_size=300),
)
def test_any_record_makes_a_message(sequence: int, operation: str, detail: str, host: str) -> None:
    one = Entry(sequence, record_json(sequence, operation=operation, detail=detail, time=""))
    found = parsed(Messages(host, "worker-0", "user").framed(one))
    assert found["text"] == one.json
    number = re.search(rb'sequenceId="([0-9]+)"', found["data"])
    assert number is not None
    assert 1 <= int(number[1]) <= 2147483647


def test_the_sequence_id_begins_again_at_one() -> None:
    for sequence, shown in ((2147483647, b"2147483647"), (2147483648, b"1")):
        assert b'sequenceId="%b"' % shown in parsed(MESSAGES.framed(entry(sequence)))["data"]
