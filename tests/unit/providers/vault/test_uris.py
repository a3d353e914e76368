"""URIs of transit keys, and the tags in the names of keys that signerd made."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import DEFAULT
from signerd.core.names import check_key_name
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.vault.uris import KeyUri, key_name, parse_uri, tags

SEGMENTS = st.text("abz09._-", min_size=1, max_size=12).filter(lambda one: one not in (".", "..", "versions"))
KEYS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join)
IDS = st.text("0123456789abcdef-", min_size=1, max_size=36)


def order(
    key: str = "team-a/release", tag: str = "634638a00f9356bf", instance: str = "0f3c", version: int = 2
) -> Order:
    return Order(key, version, DEFAULT, tag, None, instance)


@given(KEYS, IDS, IDS, st.integers(1, 10**6))
def test_the_name_of_a_key_gives_its_tags_back(key: str, tag: str, instance: str, version: int) -> None:
    made = order(check_key_name(key), tag, instance, version)
    name = key_name(made)
    assert tags(name) == made.tags
    assert re.fullmatch(r"\w(([\w.-]+)?\w)?", name)
    assert parse_uri(f"vault-transit://transit/{name}?version=1") == KeyUri("transit", name, 1)


@given(st.tuples(KEYS, KEYS).filter(lambda pair: pair[0] != pair[1]))
def test_two_keys_have_two_names(pair: tuple[str, str]) -> None:
    assert key_name(order(pair[0])) != key_name(order(pair[1]))


def test_a_name_reads_well() -> None:
    assert key_name(order()) == "signerd-0f3c-team-aSrelease-2-634638a00f9356bf"


def test_the_longest_key_name_fits() -> None:
    longest = order("/".join("a" * 1 for _ in range(64)) + "b", instance="f" * 32, version=10**6)
    assert tags(key_name(longest)) == longest.tags


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(SignerdError) as refused:
        key_name(order(tag="f" * 240))
    assert refused.value.reason is Reason.PROVIDER_REFUSED


@pytest.mark.parametrize(
    "name", ["release", "signerd", "signerd-release", "signerd-a-b-c-d", "signerdx-a-k-1-t", ""]
)
def test_keys_of_others_have_no_tags(name: str) -> None:
    assert tags(name) == {}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("vault-transit://transit/release", KeyUri("transit", "release")),
        ("vault-transit://team-a/transit/r.e-l_1?version=30", KeyUri("team-a/transit", "r.e-l_1", 30)),
    ],
)
def test_uris(uri: str, expected: KeyUri) -> None:
    assert parse_uri(uri) == expected
    assert str(expected) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "vault-transit:",
        "vault-transit://transit",
        "vault-transit://transit/",
        "vault-transit:///release",
        "vault-transit://transit//release",
        "vault-transit://transit/-release",
        "vault-transit://transit/release.",
        "vault-transit://transit/release?version=0",
        "vault-transit://transit/release?version=01",
        "vault-transit://transit/release?version=",
        "vault-transit://transit/release?version=1&x=2",
        "vault-transit://transit/release#1",
        "vault-transit://transit/rel%2Fease",
        "vault-transit://transit/../sys/release\n",
        "vault-transit://transit/réléase",
        "hashivault://release",
    ],
)
def test_other_uris(uri: str) -> None:
    with pytest.raises(SignerdError) as refused:
        parse_uri(uri)
    assert refused.value.reason is Reason.KEY_URI_INVALID


@given(st.text())
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    for uri in (text, f"vault-transit://transit/{text}"):
        with suppress(SignerdError):
            assert str(parse_uri(uri)) == uri
