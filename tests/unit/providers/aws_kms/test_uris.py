"""Names at AWS KMS."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.uris import alias_name, is_alias, key_uri, order_tags, parse_uri, tags_of
from signerd.providers.base import Order

REGION = "eu-central-1"
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:{REGION}:111122223333:key/{ID}"
NAMES = st.from_regex(r"[a-z0-9_-][a-z0-9._-]{0,30}(/[a-z0-9_-][a-z0-9._-]{0,30})?", fullmatch=True)


@pytest.mark.parametrize(
    "key",
    [
        ID,
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "alias/signerd/team-a/release",
        ARN,
        f"arn:aws-cn:kms:{REGION}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        f"arn:aws-us-gov:kms:{REGION}:111122223333:alias/a_b",
    ],
)
def test_keys_aliases_and_arns(key: str) -> None:
    assert parse_uri(f"aws-kms://{REGION}/{key}", REGION) == key


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "aws-kms://",
        f"aws-kms://{REGION}",
        f"aws-kms://{REGION}/",
        f"aws-kms://{REGION}/release",
        f"aws-kms://{REGION}/alias/",
        f"aws-kms://{REGION}/alias/a.b",
        f"aws-kms://{REGION}/{ID}\n",
        f"aws-kms://{REGION}/{ID}/x",
        f"aws-kms://{REGION}/arn:aws:s3:{REGION}:111122223333:key/{ID}",
        f"aws-kms://{REGION}/arn:aws:kms:{REGION}:1111:key/{ID}",
        f"gcp-kms://{REGION}/{ID}",
        f"awskms:///{ID}",
    ],
)
def test_what_is_no_uri_of_kms(uri: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_uri(uri, REGION)
    assert (caught.value.reason, caught.value.field) == (Reason.KEY_URI_INVALID, "uri")


@pytest.mark.parametrize(
    "uri", [f"aws-kms://us-east-1/{ID}", f"aws-kms://{REGION}/{ARN}".replace(":eu-", ":us-")]
)
def test_a_key_of_another_region_is_refused_by_name(uri: str) -> None:
    with pytest.raises(SignerdError, match=f"is in region us-.*, the provider in {REGION}") as caught:
        parse_uri(uri, REGION)
    assert caught.value.reason is Reason.KEY_URI_INVALID


def test_a_long_uri_is_not_told_whole() -> None:
    with pytest.raises(SignerdError) as caught:
        parse_uri("x" * 10_000, REGION)
    assert len(caught.value.message) < 400


def test_the_uri_of_a_key_has_its_account() -> None:
    assert parse_uri(key_uri(REGION, ARN), REGION) == ARN


@pytest.mark.parametrize(
    ("key_id", "alias"),
    [("alias/a", True), (f"arn:aws:kms:{REGION}:111122223333:alias/a/b", True), (ID, False), (ARN, False)],
)
def test_aliases_are_told_from_keys(key_id: str, alias: bool) -> None:
    assert is_alias(key_id) is alias


@given(NAMES, NAMES)
def test_no_two_names_share_an_alias_and_aws_takes_it(one: str, other: str) -> None:
    alias = alias_name("signerd/", one)
    assert (alias == alias_name("signerd/", other)) is (one == other)
    assert re.fullmatch(r"alias/[a-zA-Z0-9/_-]{1,250}", alias)
    assert parse_uri(f"aws-kms://{REGION}/{alias}", REGION) == alias


def test_a_dot_in_an_alias() -> None:
    assert alias_name("signerd/", "team/release.v1") == "alias/signerd/team/releaseDv1"


def test_the_longest_name_fits() -> None:
    assert len(alias_name("p" * 64, "." * 128)) <= 256


@given(NAMES, st.integers(1, 10**6), st.text("abcdef0123456789", min_size=1, max_size=64))
def test_tags_tell_the_order(key: str, version: int, tag: str) -> None:
    order = Order(key, version, DEFAULT, tag, instance="0f3e")
    assert order_tags({**tags_of(order), "team": "a"}) == order.tags


@pytest.mark.parametrize("instance", ["é" * 3 + "\n", "x" * 257, "a;b", "a*"])
def test_what_aws_takes_in_no_tag_is_refused_before_it_is_asked(instance: str) -> None:
    with pytest.raises(SignerdError) as caught:
        tags_of(Order("k", 1, DEFAULT, "t", instance=instance))
    assert (caught.value.reason, caught.value.field) == (Reason.PROVIDER_REFUSED, "instance")


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"key": "k"},
        {"signerd:key": "k"},
        {"signerd:key": "k", "signerd:tag": "t", "signerd:version": "1"},
    ],
)
def test_keys_of_others_have_no_tags_of_ours(tags: dict[str, str]) -> None:
    assert order_tags(tags) == {}
