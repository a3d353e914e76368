from __future__ import annotations

from collections.abc import Mapping

import pytest

from signerd.cli.evidence.tallies import Count, Tally, is_change
from tests.support.tlogs import record

REFUSED: dict[str, object] = {"outcome": "refused", "reason": "KEY_NOT_FOUND"}


def tallied(*fields: Mapping[str, object], most: int = 100, covered: int = 100) -> Tally:
    tally = Tally({"worker-0": covered}, most)
    tally.take(record(number, "worker-0", **one) for number, one in enumerate(fields, 1))
    return tally


@pytest.mark.parametrize(
    "operation",
    ["create-key", "rotate-log-key", "audit-pruned", "start", "stop", "config-changed", "made-up-tomorrow"],
)
def test_what_is_not_known_to_change_nothing_is_a_change(operation: str) -> None:
    tally = tallied({"operation": operation})
    assert is_change(operation)
    assert [one.sequence for one in tally.changes.records] == [1]


@pytest.mark.parametrize(
    "operation",
    [
        "sign",
        "sign-stream",
        "sign-intent",
        "verify",
        "get-key",
        "list-records",
        "prove-record",
        "tail-records",
    ],
)
def test_using_and_reading_changes_nothing(operation: str) -> None:
    assert tallied({"operation": operation}).changes.records == []


def test_a_change_that_failed_is_listed_and_a_refused_one_is_a_refusal() -> None:
    tally = tallied({"operation": "create-key", "outcome": "failed"}, {"operation": "create-key", **REFUSED})

    assert [one.sequence for one in tally.changes.records] == [1]
    assert [one.sequence for one in tally.refusals.records] == [2]


def test_refusals_are_grouped_and_a_counted_one_counts_for_many() -> None:
    sign, more = {"operation": "sign", **REFUSED}, {"operation": "sign", "count": 500, **REFUSED}
    tally = tallied(sign, more, {**sign, "caller": "unix:bob"})

    found = {group: count.count for group, count in tally.groups.items()}
    assert found == {
        ("KEY_NOT_FOUND", "sign", "unix:ann", "release"): 501,
        ("KEY_NOT_FOUND", "sign", "unix:bob", "release"): 1,
    }


def test_activity_is_by_key_version_caller_and_outcome() -> None:
    one: dict[str, object] = {"operation": "sign", "version": 1}
    tally = tallied(one, {**one, "operation": "sign-stream"}, {**one, "version": 2}, {**one, **REFUSED})

    found = {use: count.count for use, count in tally.activity.items()}
    assert found == {
        ("release", "1", "unix:ann", "ok"): 2,
        ("release", "2", "unix:ann", "ok"): 1,
        ("release", "1", "unix:ann", "refused"): 1,
    }
    assert tally.records == 4


def test_first_and_last_are_by_time_whatever_the_order_of_shards() -> None:
    count = Count()
    for time in ("2026-01-02", "2026-01-03", "2026-01-01"):
        count.add(time, 1)
    assert (count.first, count.last, count.count) == ("2026-01-01", "2026-01-03", 3)


def test_each_shard_has_room_of_its_own() -> None:
    tally = Tally({"worker-0": 9, "worker-1": 9}, most=2)
    for shard in ("worker-0", "worker-1"):
        tally.take(record(number, shard, operation="create-key") for number in (1, 2, 3))

    assert [(one.shard, one.sequence) for one in tally.changes.records] == [
        ("worker-0", 1),
        ("worker-0", 2),
        ("worker-1", 1),
        ("worker-1", 2),
    ]
    assert tally.changes.left_out == 2


def test_what_no_checkpoint_covers_is_counted_and_not_quoted() -> None:
    create: dict[str, object] = {"operation": "create-key"}
    tally = tallied(create, create, covered=1)

    assert ([one.sequence for one in tally.changes.records], tally.changes.left_out) == ([1], 1)
