"""in-toto statements: what is read of them, and that nothing hostile gets through or takes long."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.attestation.statements import LARGEST, LARGEST_HEAD, PAYLOAD_TYPE, read_statement
from signerd.attestation.subjects import LONGEST_NAME, Contents, Subject
from signerd.errors import Reason, SignerdError

V1, V01 = "https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"
SLSA = "https://slsa.dev/provenance/v1"
HEX = "0f" * 32
IMAGE = {"name": "registry.example.org/app", "digest": {"sha256": HEX}}


def statement(**changes: Any) -> bytes:
    """A statement; a member that is None is left out."""
    members = {"_type": V1, "subject": [IMAGE], "predicateType": SLSA, "predicate": {}, **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def refusal(payload: bytes) -> str:
    with pytest.raises(SignerdError) as caught:
        read_statement(payload)
    assert caught.value.reason is Reason.PAYLOAD_INVALID
    return caught.value.message


@pytest.mark.parametrize("version", [V1, V01])
def test_predicate_type_and_subjects_are_read(version: str) -> None:
    assert read_statement(statement(_type=version)) == Contents(
        SLSA, (Subject(f"sha256:{HEX}", "registry.example.org/app"),), 1
    )


def test_the_first_eight_subjects_are_named_and_all_are_counted() -> None:
    many = [{"name": f"file-{number}", "digest": {"sha256": HEX}} for number in range(30)]
    found = read_statement(statement(subject=many))
    assert [subject.name for subject in found.subjects] == [f"file-{number}" for number in range(8)]
    assert found.count == 30


def test_a_long_name_is_cut_and_says_so() -> None:
    (subject,) = read_statement(statement(subject=[{**IMAGE, "name": "n" * 1000}])).subjects
    assert len(subject.name) == LONGEST_NAME
    assert subject.name.endswith("…[cut]")


@pytest.mark.parametrize(
    ("digests", "shown"),
    [
        ({"sha512": "0a" * 64, "sha256": HEX}, f"sha256:{HEX}"),
        ({"sha512": "0a" * 64}, "sha512:" + "0a" * 64),
        ({"gitCommit": "0a" * 20}, "gitCommit:" + "0a" * 20),
        ({"dirHash": "h1:47DEQpj8HBSa+/TImW="}, "dirHash:h1:47DEQpj8HBSa+/TImW="),
    ],
)  # fmt: skip
def test_one_digest_stands_for_the_set(digests: dict[str, str], shown: str) -> None:
    (subject,) = read_statement(statement(subject=[{"digest": digests}])).subjects
    assert subject == Subject(shown, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v2"},
        {"_type": None},
        {"predicateType": ""},
        {"predicateType": 7},
        {"predicateType": None},
        {"subject": None},
        {"subject": []},
        {"subject": {"name": "a"}},
        {"subject": ["a"]},
        {"subject": [IMAGE, {"name": "a"}]},
        {"subject": [{"name": 7, "digest": {"sha256": HEX}}]},
        {"subject": [{"digest": {}}]},
        {"subject": [{"digest": [HEX]}]},
        {"subject": [{"digest": {"sha256": HEX.upper()}}]},
        {"subject": [{"digest": {"sha256": HEX[2:]}}]},
        {"subject": [{"digest": {"sha256": None}}]},
        {"subject": [{"digest": {"": HEX}}]},
        {"subject": [{"digest": {"x": "with blank"}}]},
        {"subject": [{"digest": {"x" * 33: HEX}}]},
        {"Subject": [IMAGE]},
        {"predicatetype": SLSA},
    ],
)
def test_what_is_no_statement_is_refused(changes: dict[str, Any]) -> None:
    refusal(statement(**changes))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"predicate": {}', '"predicate": {}, "subject": []'),
        ('"predicate": {}', '"predicate": {}, "predicate": {"subject": []}'),
        ('"predicate": {}', '"predicate": {}, "_type": "https://in-toto.io/Statement/v0.1"'),
        ('"sha256": ', '"sha256": "' + "1" * 64 + '", "sha256": '),
        ('"name": ', '"name": "other", "name": '),
    ],
)
def test_a_member_that_stands_twice_is_refused(old: str, new: str) -> None:
    text = statement().decode()
    assert text.count(old) == 1
    assert "twice" in refusal(text.replace(old, new).encode())


def test_a_predicate_may_say_whatever_it_likes() -> None:
    predicate = {"subject": [{"name": "other"}], "_type": "x", "a": [[["deep"]]], "Subject": 1}
    assert read_statement(statement(predicate=predicate)).count == 1


def test_a_predicate_that_is_written_elsewhere_too_hides_no_subject() -> None:
    twin = {"name": "twin", "digest": {"sha256": HEX}}
    assert "subject is not a JSON object" in refusal(statement(subject=[twin, IMAGE], predicate=twin))
    text = (
        statement(predicate=twin, subject=None)[:-1] + b', "subject": [' + json.dumps(twin).encode() + b"]}"
    )
    assert read_statement(text).count == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"' + b"a" * 100 + b'"',
        b"\xff\xfe",
        b'{"_type": NaN}',
        b'{"a": ' + b"[" * 100_000,
        b"[" * 100_000,
        b'{"predicate": ' + b'{"a":' * 50_000,
        b'{"subject": ' + b"[" * 30_000,
        b'{"a": ' + b"1" * 20_000 + b"}",
        statement()[:-1],
        statement() + b"{}",
        b"\xef\xbb\xbf" + statement(),
    ],
)
def test_hostile_bytes_are_refused(payload: bytes) -> None:
    refusal(payload)


def test_what_is_too_large_is_not_read() -> None:
    assert str(LARGEST) in refusal(statement(predicate={"a": "x" * LARGEST}))
    assert "beside its predicate" in refusal(statement(extra="x" * LARGEST_HEAD))
    assert read_statement(statement(predicate={"a": "x" * (LARGEST - 1000)})).count == 1


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["_type", "subject", "predicateType", "name", "digest", "sha256"]), inner),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_raises_anything_else(payload: bytes) -> None:
    reason = None
    try:
        read_statement(payload)
    except SignerdError as error:
        reason = error.reason
    assert reason in (None, Reason.PAYLOAD_INVALID)


@pytest.mark.parametrize(
    ("payload_type", "is_one"),
    [
        ("application/vnd.in-toto+json", True),
        ("application/vnd.in-toto.provenance+json", True),
        ("application/vnd.in-toto", False),
        ("application/vnd.in-toto+json; charset=utf-8", False),
        ("text/application/vnd.in-toto+json", False),
        ("application/vndXin-toto+json", False),
    ],
)
def test_the_payload_type_tells(payload_type: str, is_one: bool) -> None:
    assert bool(PAYLOAD_TYPE.fullmatch(payload_type)) is is_one
