"""Refused requests: the first have records of their own, a flood of them is counted, and memory is bounded."""

from __future__ import annotations

import pytest

from signerd.authz.identity import UNKNOWN, Caller
from signerd.engine.refusals import (
    MINUTE,
    MOST_IDENTITIES,
    MOST_PEERS,
    OTHERS,
    PATIENCE,
    PEER_LIMIT,
    Refusals,
    Window,
    host,
)
from signerd.errors import Reason, SignerdError

ANN = Caller("spiffe://example.org/ann", "mtls", "tcp", "ipv4:192.0.2.1:4711")
NOW = 1_700_000_000.0
UNPROVEN, UNFOUND = Reason.CALLER_UNAUTHENTICATED, Reason.KEY_NOT_FOUND


def stranger(peer: str) -> Caller:
    return Caller(UNKNOWN.subject, UNKNOWN.proof, "tcp", peer)


def taken(refusals: Refusals, caller: Caller, times: int, now: float = NOW, reason: Reason = UNFOUND) -> int:
    """How many of so many refusals get records of their own."""
    return sum(refusals.take(caller, reason, now) for _ in range(times))


def test_the_first_ten_of_a_peer_and_minute_are_on_record_and_the_rest_is_counted() -> None:
    refusals = Refusals(600)
    for number in range(25):
        port = 1000 + number
        own = refusals.take(stranger(f"ipv4:192.0.2.1:{port}"), UNPROVEN, NOW + number)
        assert own is (number < PEER_LIMIT)
    assert refusals.ended(NOW + MINUTE - 1) == []
    (window,) = refusals.ended(NOW + MINUTE)
    assert window.caller == Caller("unknown", "none", "tcp", "ipv4:192.0.2.1")
    assert window.count == 15
    assert window.detail == (
        "first 2023-11-14T22:13:30Z, last 2023-11-14T22:13:44Z: CALLER_UNAUTHENTICATED 15"
    )
    assert refusals.ended(NOW + 2 * MINUTE) == []
    assert refusals.take(stranger("ipv4:192.0.2.1:9"), UNPROVEN, NOW + 2 * MINUTE)


def test_a_minute_that_stayed_below_the_limit_has_nothing_to_tell() -> None:
    refusals = Refusals(600)
    taken(refusals, ANN, 600)
    assert refusals.ended(NOW + MINUTE) == []


def test_reasons_are_counted_most_frequent_first() -> None:
    refusals = Refusals(1)
    taken(refusals, ANN, 3)
    taken(refusals, ANN, 5, reason=Reason.DIGEST_LENGTH)
    (window,) = refusals.ended(NOW + MINUTE)
    assert window.detail.endswith(": DIGEST_LENGTH 5, KEY_NOT_FOUND 2")


def test_a_minute_that_nobody_asked_for_in_time_is_told_all_the_same() -> None:
    refusals = Refusals(1)
    taken(refusals, ANN, 3)
    assert taken(refusals, ANN, 3, NOW + MINUTE) == 1
    assert [window.count for window in refusals.ended(NOW + MINUTE)] == [2]
    assert [window.count for window in refusals.ended(NOW + MINUTE, all_of_them=True)] == [2]


def test_what_could_not_be_told_is_told_later() -> None:
    refusals = Refusals(1)
    taken(refusals, ANN, 3)
    kept = refusals.ended(NOW + MINUTE)
    refusals.keep(kept)
    assert refusals.ended(NOW + MINUTE) == kept


def test_a_clock_that_is_set_back_ends_the_minute() -> None:
    refusals = Refusals(1)
    taken(refusals, ANN, 3)
    assert [window.count for window in refusals.ended(NOW - 1000)] == [2]


def test_identities_are_told_apart_whatever_their_address() -> None:
    refusals = Refusals(2)
    other = Caller(ANN.subject, "mtls", "tcp", "ipv4:192.0.2.9:1")
    bob = Caller("spiffe://example.org/bob", "mtls", "tcp", ANN.peer)
    assert taken(refusals, ANN, 2) == 2
    assert taken(refusals, other, 2) == 0
    assert taken(refusals, bob, 2) == 2


def test_peers_beyond_the_most_share_one_count() -> None:
    refusals = Refusals(600)
    own = sum(
        taken(refusals, stranger(f"ipv4:10.0.{number >> 8}.{number & 255}:1"), 20)
        for number in range(MOST_PEERS + 300)
    )
    assert own == (MOST_PEERS + 1) * PEER_LIMIT
    windows: list[Window] = list(refusals.ended(NOW + MINUTE))
    assert len(windows) == MOST_PEERS + 1
    assert sum(window.count for window in windows) == (MOST_PEERS + 300) * 20 - own
    assert [window.caller for window in windows if window.caller.peer == ""] == [UNKNOWN]


def test_identities_beyond_the_most_share_one_count() -> None:
    refusals = Refusals(1)
    for number in range(MOST_IDENTITIES + 50):
        taken(refusals, Caller(f"spiffe://example.org/{number}", "mtls", "tcp"), 2)
    windows = list(refusals.ended(NOW + MINUTE))
    assert len(windows) == MOST_IDENTITIES + 1
    assert [window.count for window in windows if window.caller == OTHERS] == [99]


def test_a_minute_later_places_are_free_again() -> None:
    refusals = Refusals(1)
    for number in range(MOST_IDENTITIES):
        taken(refusals, Caller(f"spiffe://example.org/{number}", "mtls", "tcp"), 1)
    assert taken(refusals, ANN, 2, NOW + MINUTE) == 1
    assert [one.caller.subject for one in refusals.ended(NOW + 2 * MINUTE)] == [ANN.subject]


def test_an_identity_that_has_nothing_but_refusals_gets_no_batches() -> None:
    refusals = Refusals(10)
    taken(refusals, ANN, 10 * PATIENCE)
    refusals.check_batch(ANN, NOW)
    taken(refusals, ANN, 1)
    with pytest.raises(SignerdError) as caught:
        refusals.check_batch(ANN, NOW + 1)
    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after
    refusals.check_batch(ANN, NOW + MINUTE)
    refusals.check_batch(Caller("spiffe://example.org/bob", "mtls", "tcp"), NOW + 1)


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("ipv4:192.0.2.1:4711", "ipv4:192.0.2.1"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:4711", "ipv6:2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2::9]:4711", "ipv6:2001:db8:1:2::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:1", "ipv6:fe80::/64"),
        ("ipv6:nonsense:1", "ipv6:nonsense"),
        ("unix:", "tcp"),
        ("", "tcp"),
    ],
)
def test_peers_are_told_apart_by_address_or_network(peer: str, name: str) -> None:
    assert host(stranger(peer)) == name
