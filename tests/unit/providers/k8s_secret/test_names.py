"""Names and labels that Kubernetes takes, for every key name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.k8s_secret.names import (
    annotations_for,
    label_value,
    labels_for,
    name_for,
    name_in,
    tags_of,
    uri_of,
)

DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")  # apimachinery's validation
KEYS = st.from_regex(r"[a-z0-9._-]{1,40}(/[a-z0-9._-]{1,40}){0,2}", fullmatch=True)
ORDERS = st.builds(
    Order,
    key=KEYS,
    version=st.integers(1, 10**18),
    algorithm=st.just(DEFAULT),
    tag=st.text("abcdef0123456789-_", min_size=1, max_size=64),
    instance=st.text("abcdefABC0123456789-", max_size=64),
)


@given(ORDERS)
def test_kubernetes_takes_what_an_order_is_called(order: Order) -> None:
    assert re.fullmatch(rf"{DNS_LABEL}(\.{DNS_LABEL})*", name_for(order))
    assert len(name_for(order)) <= 253
    for value in labels_for(order).values():
        assert VALUE.match(value)
        assert len(value) <= 63


@given(ORDERS)
def test_what_it_was_made_for_can_be_read_again(order: Order) -> None:
    assert tags_of(labels_for(order), annotations_for(order)) == order.tags
    assert name_in(uri_of("keys", name_for(order)), "keys") == name_for(order)


@given(ORDERS, ORDERS)
def test_each_order_has_a_name_of_its_own(one: Order, other: Order) -> None:
    assert (name_for(one) == name_for(other)) == (one.tags == other.tags)


def test_names_that_look_alike_differ() -> None:
    names = {name_for(Order(key, 1, DEFAULT, "t")) for key in ("a/b", "a-b", "a.b", "a_b")}
    assert len(names) == 4


@pytest.mark.parametrize("value", ["release", "a" * 63, "1.2-x_y", ""])
def test_a_value_that_fits_is_the_label(value: str) -> None:
    assert label_value(value) == value


@pytest.mark.parametrize("value", ["a/b", "a" * 64, "-a", "a.", "a\n"])
def test_one_that_does_not_is_hashed(value: str) -> None:
    assert re.fullmatch(r"sha256-[0-9a-f]{40}", label_value(value))


def test_secrets_of_others_have_no_tags() -> None:
    order = Order("k", 1, DEFAULT, "t")
    assert tags_of({}, annotations_for(order)) == {}
    assert tags_of(labels_for(order), {}) == {}


@pytest.mark.parametrize(
    "uri",
    [
        "k8s-secret:keys/a",
        "k8s://keys/a",
        "local:keys/a",
        "k8s-secret://keys",
        "k8s-secret://keys/",
        "k8s-secret://keys/A",
        "k8s-secret://keys/a/b",
        "k8s-secret://keys/../x",
        "k8s-secret://keys/a?watch=true",
        "k8s-secret://keys/" + "a" * 254,
        "k8s-secret://keys/a\n",
        "k8s-secret://other/a",
    ],
)
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(SignerdError) as error:
        name_in(uri, "keys")
    assert error.value.reason is Reason.KEY_URI_INVALID
