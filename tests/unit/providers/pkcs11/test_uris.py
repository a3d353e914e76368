"""PKCS#11 URIs are read as RFC 7512 says, and what signerd writes is read again as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.pkcs11.uris import KeyUri, TokenName, id_for, label_for, parse_uri, tags_of

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TOKENS = st.builds(TokenName, NAMES, NAMES, NAMES, NAMES)
SOFTTOKEN, OTHER = TokenName("The PKCS#11 Softtoken"), TokenName("t", "1b", "M", "v 2")
ORDER = Order("team/release-1.0", 3, DEFAULT, "0123abcd", instance="4f9c-i")


@pytest.mark.parametrize(
    ("uri", "token", "label", "id_"),
    [
        ("pkcs11:object=k", TokenName(), "k", None),
        ("pkcs11:id=%69%6e", TokenName(), None, b"in"),
        ("pkcs11:id=in", TokenName(), None, b"in"),
        ("pkcs11:token=The%20PKCS%2311%20Softtoken;object=k;type=private", SOFTTOKEN, "k", None),
        (
            "pkcs11:model=v%202;manufacturer=M;serial=1b;token=t;id=%01%FF;object=%C3%BC",
            OTHER,
            "ü",
            b"\1\xff",
        ),
        ("pkcs11:object=a:b[1]@!$'()*+,=&;id=%00", TokenName(), "a:b[1]@!$'()*+,=&", b"\0"),
    ],
)
def test_uris_of_the_standard(uri: str, token: TokenName, label: str | None, id_: bytes | None) -> None:
    assert parse_uri(uri) == KeyUri(token, label, id_)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("", "must begin with pkcs11:"),
        ("PKCS11:object=k", "must begin with pkcs11:"),
        ("pkcs11:object=" + "k" * 2048, "2048 characters at most"),
        ("pkcs11:", "attribute '' is not known"),
        ("pkcs11:object=k;", "attribute '' is not known"),
        ("pkcs11:token=t", "names no key"),
        ("pkcs11:token=t;id=", "names no key"),
        ("pkcs11:object=", "names no key"),
        ("pkcs11:object=k;token=", "token is empty"),
        ("pkcs11:object=k;object=k", "has object twice"),
        ("pkcs11:object=k;slot-id=1", "attribute 'slot-id' is not known"),
        ("pkcs11:object=k;x-vendor=1", "attribute 'x-vendor' is not known"),
        ("pkcs11:object=k;type=public", "type must be private"),
        ("pkcs11:object=a/b", "must be percent-encoded"),
        ("pkcs11:object=a b", "must be percent-encoded"),
        ("pkcs11:object=a%2", "must be percent-encoded"),
        ("pkcs11:object=a\n", "must be percent-encoded"),
        ("pkcs11:object", "must be percent-encoded"),
        ("pkcs11:object=%FF", "is not UTF-8"),
        ("pkcs11:object=a%00", "has a NUL"),
        ("pkcs11:object=k?pin-value=1234", "pin-value is not taken from a URI"),
        ("pkcs11:object=k?pin-source=/run/pin", "pin-source is not taken from a URI"),
        ("pkcs11:object=k?module-path=/tmp/evil.so", "module-path is not taken from a URI"),
        ("pkcs11:object=k?module-name=evil", "module-name is not taken from a URI"),
        ("pkcs11:object=k?x=1&pin-value=1234", "query attributes are not known"),
        ("pkcs11:object=k?", "query attributes are not known"),
        ("pkcs11:object=k;pin-value=1234", "attribute 'pin-value' is not known"),
    ],
)
def test_what_is_refused(uri: str, problem: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_uri(uri)
    assert (caught.value.reason, caught.value.field) == (Reason.KEY_URI_INVALID, "uri")
    assert problem in caught.value.message
    assert "1234" not in caught.value.message


@given(TOKENS, NAMES, st.binary(max_size=40))
def test_what_is_written_is_read_again(token: TokenName, label: str, id_: bytes) -> None:
    key = KeyUri(token, label or None, id_ or None)
    if label or id_:
        assert parse_uri(str(key)) == key
        assert str(key).isascii()


@given(st.text(st.sampled_from("pkcs11:;=?%&/objectidtoken \0é0aF"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for uri in (text, f"pkcs11:{text}", f"pkcs11:object={text}"):
        try:
            key = parse_uri(uri)
        except SignerdError:
            continue
        assert parse_uri(str(key)) == key


def test_a_token_is_named_by_what_is_given() -> None:
    ours = TokenName("signing", "12", "maker", "model")
    assert KeyUri(TokenName(), "k").names(ours)
    assert KeyUri(ours, "k").names(ours)
    assert KeyUri(TokenName(serial="12"), "k").names(ours)
    for other in (
        TokenName("other"),
        TokenName("signing", "13"),
        TokenName(model="x"),
        TokenName(manufacturer="x"),
    ):
        assert not KeyUri(other, "k").names(ours)


def test_the_label_of_a_key_tells_its_tags() -> None:
    label = label_for(ORDER.tags)
    assert label == "signerd:team/release-1.0:3:0123abcd:4f9c-i"
    assert tags_of(label, id_for(label)) == ORDER.tags
    assert len(id_for(label)) == 20


def test_a_label_without_its_id_tells_nothing() -> None:
    label = label_for(ORDER.tags)
    assert tags_of(label, b"\1") == {}
    for foreign in ("", "release", "signerd:k:1:t", f"{label}:x", "other:k:1:t:i"):
        assert tags_of(foreign, id_for(foreign)) == {}


@given(NAMES, NAMES, NAMES)
def test_tags_of_any_text_come_back(key: str, tag: str, instance: str) -> None:
    tags = {"instance": instance, "key": key, "version": "1", "tag": tag}
    label = label_for(tags)
    assert tags_of(label, id_for(label)) == tags
    assert label.isascii()
