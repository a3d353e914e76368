"""PKCS#11 URIs are read as RFC 7512 says, and what signerd writes is read again as it was."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.pkcs11.uris import MAX_URI, KeyUri, TokenName, id_for, label_for, parse_uri, tags_of

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


# RFC 7512, section 2.3: what may stand in a value as it is, and what a value of any bytes is written with.
PLAIN = "abcXYZ019-._~:[]@!$'()*+,=&"
KNOWN = ("token", "serial", "manufacturer", "model", "object", "id", "type")


@st.composite
def encoded(draw: st.DrawFn, value: bytes) -> str:
    """One of the many ways to write a value: what may stand plain is encoded or not, in either case."""
    written = []
    for byte in value:
        plain = chr(byte) in PLAIN and draw(st.booleans())
        written.append(chr(byte) if plain else draw(st.sampled_from((f"%{byte:02x}", f"%{byte:02X}"))))
    return "".join(written)


def refusal(uri: str) -> str:
    with pytest.raises(SignerdError) as caught:
        parse_uri(uri)
    assert (caught.value.reason, caught.value.field) == (Reason.KEY_URI_INVALID, "uri")
    return caught.value.message


@given(st.data(), st.text(PLAIN + "/ ;?%#ü☃", min_size=1, max_size=12), st.binary(min_size=1, max_size=12))
def test_all_ways_to_write_a_value_mean_the_same(data: st.DataObject, label: str, id_: bytes) -> None:
    uri = f"pkcs11:object={data.draw(encoded(label.encode()))};id={data.draw(encoded(id_))}"
    assert parse_uri(uri) == KeyUri(TokenName(), label, id_)


@given(
    st.permutations(
        ["token=t", "serial=1", "manufacturer=m", "model=x", "object=k", "id=%01", "type=private"]
    )
)
def test_the_order_of_attributes_does_not_matter(parts: list[str]) -> None:
    assert parse_uri("pkcs11:" + ";".join(parts)) == KeyUri(TokenName("t", "1", "m", "x"), "k", b"\1")


@given(st.characters(codec="utf-8"))
def test_what_must_be_encoded_is_refused_as_it_is(character: str) -> None:
    """The rest is no value any more: `;` and `?` end it, `%` begins an encoding."""
    assume(character not in PLAIN + ";?%" and not (character.isascii() and character.isalnum()))
    assert "percent-encoded" in refusal(f"pkcs11:object=a{character}b")


@given(st.text("0123456789abcdefgxyzAF%-", max_size=3))
def test_half_an_encoding_is_refused(rest: str) -> None:
    hexadecimal = "0123456789abcdefABCDEF"
    assume(len(rest) < 2 or rest[0] not in hexadecimal or rest[1] not in hexadecimal)
    assert "percent-encoded" in refusal(f"pkcs11:object=a%{rest}")


@given(st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20), st.text("secret 1234", max_size=8))
def test_unknown_attributes_are_refused(name: str, value: str) -> None:
    assume(name not in KNOWN)
    assert f"attribute {name!r} is not known" in refusal(f"pkcs11:object=k;{name}={value}")


@pytest.mark.parametrize("name", KNOWN)
def test_names_of_attributes_are_told_from_others_like_them(name: str) -> None:
    for other in (name.upper(), name.title(), f" {name}", f"{name} ", f"{name}%20", f"x-{name}"):
        assert "is not known" in refusal(f"pkcs11:object=k;{other}=v")


@pytest.mark.parametrize("name", ["pin-value", "pin-source", "module-path", "module-name"])
@given(value=st.text("0123456789", min_size=6, max_size=12))
def test_no_pin_and_no_module_is_taken_nor_repeated(name: str, value: str) -> None:
    for uri in (f"pkcs11:object=k?{name}={value}", f"pkcs11:object=k;{name}={value}"):
        assert value not in refusal(uri)


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in ("id", "type")])
@pytest.mark.parametrize(
    ("value", "problem"),
    [("%FF", "not UTF-8"), ("%C3", "not UTF-8"), ("%ED%A0%80", "not UTF-8"), ("a%00", "NUL")],
)
def test_what_is_no_text_is_refused_everywhere_but_in_the_id(name: str, value: str, problem: str) -> None:
    assert problem in refusal(f"pkcs11:id=%01;{name}={value}")
    assert parse_uri(f"pkcs11:id={value}").id


@given(st.integers(MAX_URI - 40, MAX_URI + 40))
def test_the_longest_uri(length: int) -> None:
    uri = "pkcs11:object=".ljust(length, "k")
    if length > MAX_URI:
        assert f"{MAX_URI} characters at most" in refusal(uri)
    else:
        assert parse_uri(uri).label == uri.removeprefix("pkcs11:object=")


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
