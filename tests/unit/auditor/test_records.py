"""Records: canonical, numbered, in time, and what is wrong with those that are not."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from signerd.auditor.records import Records
from signerd.errors import Reason, SignerdError
from tests.support.mutants import mutants
from tests.support.tlogs import SHARD, record, records

T = "2026-11-01T12:00:00.000000Z"


def problem(entries: list[bytes], first: int = 1) -> str:
    with pytest.raises(SignerdError) as caught:
        Records(SHARD).take(entries, first)
    return caught.value.message


def test_good_records() -> None:
    Records(SHARD).take(records(300), 1)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (b"", "no record"),
        (b"x", "no record"),
        (b"[]", "no record"),
        (b"{}", "sequence"),
        (record(2) + b" ", "canonical"),
        (b" " + record(2), "canonical"),
        (record(2).replace(b",", b", ", 1), "canonical"),
        (record(2).replace(b'"v":1', b'"v":1,"v":1'), "canonical"),
        (record(2).replace(b"release", b"rele\\u0061se"), "canonical"),
        (record(2).replace(b'{"algorithm":"ecdsa-p256-sha256",', b'{"b":"1","a":"1",'), "canonical"),
        (record(2, v=1.5), "no record"),
        (record(2, duration_us=1 << 53), "no record"),
        (record(2, key=True), "no record"),
        (b'{"a":"\\ud800"}', "no record"),
        (record(2).replace(b"release", b"rel\xffase"), "no record"),
        (record(3), "sequence"),
        (record(2).replace(b'"sequence":2', b'"sequence":"2"'), "sequence"),
        (record(2).replace(b'"sequence":2,', b""), "sequence"),
        (record(2, shard="worker-1"), "shard"),
        (record(2, v=2), "says v 2"),
        (record(2, outcome="good"), "outcome"),
        (record(2, outcome=["ok"]), "outcome"),
        (record(2, operation=""), "operation"),
        (record(2, operation=None), "operation"),
        (record(2, time=None), "no time"),
        (record(2, time=7), "no time"),
        (record(2, time="2026-11-01T12:00:00Z"), "no time"),
        (record(2, time="2026-13-01T12:00:00.000000Z"), "no time"),
        (record(2, time="2026-11-01T12:00:00.00000\u0661Z"), "no time"),
        (record(2, time="2026-10-01T12:00:00.000000Z"), "before the record in front of it"),
        (record(2, detail="x" * 65_536), "64 KiB"),
    ],
)
def test_what_is_wrong_is_said(entry: bytes, said: str) -> None:
    message = problem([record(1), entry, record(3)])
    assert message.startswith("worker-0/2: ")
    assert said in message


def test_no_record_hides_in_another() -> None:
    """Each line is right, and so are all together; but they are not what the entries are."""
    whole = record(1) + b"\n" + record(2)
    assert "worker-0/1: " in problem([whole, record(3)])
    assert "worker-0/1: " in problem([record(1) + b"\n", record(2)])


@pytest.mark.parametrize("operation", ["start", "shard-begun", "audit-recovered"])
def test_time_may_go_back_where_a_run_begins(operation: str) -> None:
    Records(SHARD).take([record(1), record(2), record(3, operation=operation, time=T), record(4, time=T)], 1)


def test_time_goes_on_from_block_to_block() -> None:
    checked = Records(SHARD)
    checked.take([record(1), record(2)], 1)
    with pytest.raises(SignerdError, match="worker-0/3: is of"):
        checked.take([record(3, time=T)], 3)


def test_records_about_the_log_are_kept() -> None:
    checked = Records(SHARD)
    checked.take(records(9, changed={4: {"operation": "audit-pruned", "detail": "minimum index 1"}}), 1)
    assert [one.sequence for one in checked.of("audit-pruned")] == [4]


TEXTS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.one_of(st.text(), st.integers(-9, 2**53 - 1))
)


@given(extra=TEXTS)
def test_canonical_is_what_rfc_8785_says(extra: dict[str, str | int]) -> None:
    fixed: dict[str, str | int] = {
        "operation": "sign",
        "outcome": "ok",
        "sequence": 1,
        "shard": SHARD,
        "time": T,
        "v": 1,
    }
    Records(SHARD).take([rfc8785.dumps({**extra, **fixed})], 1)


@given(data=mutants(records(3)))
def test_no_entry_crashes_it(data: bytes) -> None:
    try:
        Records(SHARD).take([record(1), data], 1)
    except SignerdError as error:
        refused = error
    else:
        assert rfc8785.dumps(json.loads(data)) == data
        return
    assert refused.reason is Reason.AUDIT_EVIDENCE_INVALID
