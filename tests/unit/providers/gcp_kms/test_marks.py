"""Marks of orders in the labels of a CryptoKey."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.gcp_kms.marks import (
    SKEW,
    Made,
    Mark,
    check_tag,
    escape,
    labels_with,
    marks_in,
    owner_labels,
    owner_of,
    settle,
    unescape,
    with_mark,
)

NAME, VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
NUMBERS = st.integers(1, 10**6)
NOW, SECONDS = 1_767_225_600, 10.0


def made(*numbers: int, at: float = NOW, generated: bool = True) -> list[Made]:
    return [Made(number, at, generated) for number in numbers]


def given_up(tag: str, version: int, place: int, after: int) -> Mark:
    """The mark of an order whose version is not known."""
    return Mark(tag, version, place, after, NOW)


def order(tag: str, version: int = 1, key: str = "k", instance: str = "i") -> Order:
    return Order(key, version, DEFAULT, tag, instance=instance)


def check_labels(labels: dict[str, str]) -> None:
    """The API's rules for labels."""
    assert len(labels) <= 64
    for name, value in labels.items():
        assert NAME.fullmatch(name), name
        assert VALUE.fullmatch(value), value


@given(st.text())
def test_any_text_can_be_escaped(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert unescape(escape(text)) == text
    assert VALUE.fullmatch(escape(text)[:63])


def test_what_others_wrote_is_read_without_a_failure() -> None:
    assert unescape("_zz_ff_") == "_zz\ufffd_"


@given(st.text("abz09._/-", min_size=1, max_size=128), st.text(max_size=64).filter(str.isascii))
def test_owners_are_read_as_written(key: str, instance: str) -> None:
    labels = owner_labels(order("t", key=key, instance=instance))
    check_labels(labels)
    assert owner_of(labels) == (instance, key)


def test_a_key_without_our_labels_has_no_owner() -> None:
    assert owner_of({"team": "a", "signerd-instance": "i"}) is None


@given(
    st.lists(
        st.builds(Mark, st.text("ab-f9_", min_size=1, max_size=16), NUMBERS, NUMBERS, NUMBERS)
        | st.builds(Mark, st.text("ab", min_size=1), NUMBERS, NUMBERS, number=NUMBERS),
        max_size=20,
    )
)
def test_marks_are_read_as_written(marks: list[Mark]) -> None:
    unique = list({mark.tag: mark for mark in marks}.values())
    labels = labels_with({}, unique)
    check_labels(labels)
    assert sorted(marks_in(labels), key=lambda one: one.tag) == sorted(unique, key=lambda one: one.tag)


def test_what_is_no_mark_is_left_out() -> None:
    labels = {
        "signerd-tag-a": "version-1_order-1_made-1x",
        "other": "version-1_order-1_made-1",
        "signerd-tag-b": "",
    }
    assert marks_in(labels) == []


def test_a_mark_without_a_number_gets_the_one_newer_version() -> None:
    mark = given_up("t", 2, 1, after=3)
    assert settle([mark], made(1, 2, 3), SECONDS) == [mark]
    assert settle([mark], made(1, 2, 3, 5), SECONDS) == [Mark("t", 2, 1, number=5)]


def test_one_of_two_versions_is_nobodys() -> None:
    mark = given_up("t", 2, 1, after=1)
    assert settle([mark], made(1, 2, 3), SECONDS) == [mark]
    assert settle([mark, Mark("u", 3, 2, number=2)], made(1, 2, 3), SECONDS)[0].number == 3


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (NOW - SKEW - 1, False),
        (NOW - SKEW, True),
        (NOW + SECONDS + SKEW, True),
        (NOW + SECONDS + SKEW + 1, False),
    ],
)
def test_a_version_of_another_time_is_somebody_elses(at: float, taken: bool) -> None:
    (mark,) = settle([given_up("t", 2, 1, after=1)], [*made(1), *made(2, at=at)], SECONDS)
    assert mark.number == (2 if taken else 0)
    theirs = made(3, at=NOW + 3600)
    (mark,) = settle([given_up("t", 2, 1, after=1)], [*made(1, 2), *theirs], SECONDS)
    assert mark.number == 2


def test_an_imported_version_is_somebody_elses() -> None:
    (mark,) = settle([given_up("t", 2, 1, after=1)], made(2, generated=False), SECONDS)
    assert mark.number == 0


def test_the_newest_order_chooses_first_and_takes_nothing_of_others() -> None:
    marks = [given_up("dead", 2, 1, after=1), given_up("lost", 2, 2, after=1), Mark("made", 3, 3, number=2)]
    settled = settle(marks, made(1, 2, 3), SECONDS)
    assert {one.tag: one.number for one in settled} == {"dead": 0, "lost": 3, "made": 2}


def with_order(marks: list[Mark], tag: str, versions: list[Made]) -> list[Mark]:
    return with_mark(marks, order(tag), versions, NOW + 0.5, SECONDS)


def test_a_tag_that_has_its_version_is_refused() -> None:
    for marks in ([Mark("t", 1, 1, number=1)], [given_up("t", 1, 1, after=0)]):
        with pytest.raises(SignerdError) as caught:
            with_order(marks, "t", made(1))
        assert caught.value.reason is Reason.KEY_EXISTS


def test_a_tag_that_may_have_a_version_is_refused() -> None:
    with pytest.raises(SignerdError) as caught:
        with_order([given_up("t", 1, 1, after=1)], "t", made(1, 2, 3))
    assert caught.value.reason is Reason.PROVIDER_REFUSED
    assert "[2, 3]" in caught.value.message


def test_a_tag_that_has_no_version_is_marked_anew() -> None:
    marks = [given_up("t", 1, 1, after=0)]
    assert with_order(marks, "t", []) == [Mark("t", 1, 2, after=0, at=NOW)]
    theirs = made(1, at=NOW + 3600)
    assert with_order(marks, "t", theirs) == [Mark("t", 1, 2, after=1, at=NOW)]


def test_labels_of_others_stay_and_the_oldest_marks_give_way() -> None:
    others = {f"own-{number}": "x" for number in range(60)}
    marks = [Mark(f"t{number}", number, number, number=number) for number in range(1, 9)]
    labels = labels_with(others, marks)
    check_labels(labels)
    assert others.items() <= labels.items()
    assert [mark.tag for mark in marks_in(labels)] == ["t5", "t6", "t7", "t8"]
    assert {mark.tag for mark in marks_in(labels_with(others, marks, gone=[6, 7]))} == {
        "t3",
        "t4",
        "t5",
        "t8",
    }


def test_marks_of_no_version_give_way_before_others() -> None:
    others = {f"own-{number}": "x" for number in range(62)}
    marks = [Mark("made", 1, 1, number=1), given_up("dead", 2, 2, after=1), given_up("now", 2, 3, after=1)]
    assert [mark.tag for mark in marks_in(labels_with(others, marks))] == ["made", "now"]


def test_the_mark_of_the_order_at_hand_always_has_room() -> None:
    others = {f"own-{number}": "x" for number in range(63)}
    labels = labels_with(others, [Mark("t1", 1, 1, number=1), Mark("t2", 2, 2, after=1)])
    assert [mark.tag for mark in marks_in(labels)] == ["t2"]


@pytest.mark.parametrize(
    ("tag", "fits"), [("t" * 51, True), ("t" * 52, False), ("", False), ("_" * 18, False)]
)
def test_tags_must_fit_a_label(tag: str, fits: bool) -> None:
    if fits:
        check_tag(tag)
        check_labels(labels_with({}, [Mark(tag, 1, 1, number=1)]))
        return
    with pytest.raises(SignerdError) as caught:
        check_tag(tag)
    assert caught.value.reason is Reason.PROVIDER_REFUSED


class Orders(RuleBasedStateMachine):
    """Orders on one key: answered, with the answer lost or never carried out; others make versions besides."""

    @initialize()
    def make_key(self) -> None:
        self.labels = labels_with(owner_labels(order("t1")), [Mark("t1", 1, 1, number=1)])
        self.now = NOW
        self.versions = made(1)
        self.truth = {"t1": 1}

    @rule()
    def make_foreign(self) -> None:
        self.versions += made(len(self.versions) + 1, at=self.now + 30)

    @rule(outcome=st.sampled_from(["answered", "lost", "never"]))
    def give(self, outcome: str) -> None:
        given = order(f"t{len(self.truth) + 1}", len(self.truth) + 1)
        self.now += 60
        marks = with_mark(marks_in(self.labels), given, self.versions, self.now, SECONDS)
        self.labels = labels_with(self.labels, marks)
        self.truth[given.tag] = 0
        if outcome != "never":
            self.versions += made(len(self.versions) + 1, at=self.now + 1)
            self.truth[given.tag] = len(self.versions)
        if outcome == "answered":
            marks = [mark for mark in marks_in(self.labels) if mark.tag != given.tag]
            place = max((mark.place for mark in marks), default=0) + 1
            marks.append(Mark(given.tag, given.version, place, number=len(self.versions)))
            self.labels = labels_with(self.labels, marks)

    @invariant()
    def marks_tell_the_truth(self) -> None:
        check_labels(self.labels)
        told = {mark.tag: mark.number for mark in settle(marks_in(self.labels), self.versions, SECONDS)}
        assert told.items() <= self.truth.items()
        newest = f"t{len(self.truth)}"
        assert told[newest] == self.truth[newest]
        if len(self.truth) <= 60:
            assert told.keys() == self.truth.keys()


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=20, stateful_step_count=40)


def test_marks_tell_the_truth_for_many_orders() -> None:
    orders = Orders()
    orders.make_key()
    for number in range(150):
        orders.give(["answered", "lost", "never"][number * 7 % 3])
        orders.marks_tell_the_truth()
