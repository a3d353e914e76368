from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from signerd.cli.evidence.readme import notes, readme
from signerd.cli.evidence.tables import counted_rows, csv_of, grant_rows, key_rows, quoted, shard_rows, table
from signerd.cli.evidence.tallies import Count, Quote, Quotes, Tally
from signerd.v1.evidence_pb2 import Grant, ProvenHead, ShardHeads
from signerd.v1.resources_pb2 import Key, KeyVersion
from tests.support.tlogs import record

MADE = Timestamp(seconds=int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()))
UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def key(name: str, **fields: str) -> Key:
    version = KeyVersion(
        name=f"keys/{name}/versions/1", version=1, state="KEY_VERSION_STATE_ACTIVE", create_time=MADE
    )
    return Key(
        name=name,
        purpose="KEY_PURPOSE_ARTIFACT",
        primary_version=1,
        versions=[version],
        created_by="unix:ann",
        labels=fields,
    )


def test_keys_are_by_name_with_age_owner_and_last_use() -> None:
    used = {"keys/a/versions/1": "2026-02-01T00:00:00Z"}
    b, a = key_rows([key("b", owner="team-b"), key("a")], used, UNTIL)[::-1]

    assert [b["name"], a["name"]] == ["b", "a"]
    assert (a["owner"], b["owner"]) == ("unix:ann", "team-b")
    assert (a["age_days"], a["last_use"], b["last_use"]) == (59, "2026-02-01T00:00:00Z", "")
    assert (a["state"], a["purpose"], a["primary"]) == ("active", "artifact", True)


def test_a_key_that_is_younger_than_the_period_has_no_negative_age() -> None:
    assert key_rows([key("a")], {}, datetime(2025, 1, 1, tzinfo=UTC))[0]["age_days"] == 0


def test_both_files_of_a_table_have_the_same_rows() -> None:
    rows = grant_rows([Grant(subject="x509:*", operations=["Signer/Sign", "Signer/Verify"], keys=["*"])])
    files = table("grants", rows)

    assert json.loads(files["grants.json"])["grants"] == rows
    header, row = read(files["grants.csv"])
    assert dict(zip(header, row, strict=True))["operations"] == "Signer/Sign Signer/Verify"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "a,b", 'a"b', "a\r\nb"])
def test_no_value_breaks_out_of_its_field_or_is_a_formula(text: str) -> None:
    (_, (field, other)) = read(csv_of([{"a": text, "b": "x"}]))
    assert field in (text, f"'{text}")
    assert (field[0] not in "=+-@", other) == (True, "x")


def test_numbers_and_truths_are_written_as_json_has_them() -> None:
    assert read(csv_of([{"a": 1, "b": True, "c": [1, 2]}]))[1] == ["1", "true", "1 2"]
    assert csv_of([]) == b""


def test_groups_stand_in_order() -> None:
    names = ("reason", "operation", "caller", "key")
    counts = {("B", "sign", "c", "k"): Count(2, "t1", "t2"), ("A", "sign", "c", "k"): Count(1, "t", "t")}
    found = counted_rows(names, counts)

    assert [one["reason"] for one in found] == ["A", "B"]
    assert found[1] == {
        "reason": "B", "operation": "sign", "caller": "c", "key": "k", "count": 2, "first": "t1", "last": "t2"
    }  # fmt: skip


def test_quotes_are_by_time_and_whole() -> None:
    quotes, bodies = Quotes(9), [record(2, "worker-1", operation="x"), record(1, "worker-0", operation="x")]
    for shard, number, body in (("worker-1", 2, bodies[0]), ("worker-0", 1, bodies[1])):
        quotes.add(Quote(shard, number, json.loads(body)["time"], body))
    files = quoted("changes", quotes)

    assert json.loads(files["changes.json"]) == {
        "left_out": 0,
        "records": [json.loads(bodies[1]), json.loads(bodies[0])],
    }
    assert [row[1:3] for row in read(files["changes.csv"])[1:]] == [["worker-0", "1"], ["worker-1", "2"]]


SHARDS = [
    ShardHeads(
        shard="a", origin="i/a", begin=ProvenHead(size=3), end=ProvenHead(size=9), pruned=256, unproven=4
    ),
    ShardHeads(shard="b", origin="i/b", problem="its records are on another machine"),
]


def test_shards_show_what_is_missing() -> None:
    a, b = shard_rows(SHARDS, {"a": ["w"]})
    assert (a["begin_size"], a["end_size"], a["cosigned_by"], a["unproven"]) == (3, 9, ["w"], 4)
    assert b["problem"] == "its records are on another machine"


def test_the_readme_says_what_is_not_in_the_folder() -> None:
    tally = Tally({}, 1)
    tally.refusals.left_out = 7
    said = notes(tally, SHARDS)

    assert [
        any(word in note for note in said)
        for word in ("7 refusals", "another machine", "4 records", "pruned")
    ] == [True] * 4
    text = readme("i", ("S", "U"), tally, SHARDS).decode()
    assert all(note in text for note in said)
    assert "What is not in it" not in readme("i", ("S", "U"), Tally({}, 1), []).decode()
