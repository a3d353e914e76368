"""Messages arrive whole however the stream is cut, and none shows a secret."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.providers.pkcs11.frames import (
    MAX_FRAME,
    Answer,
    Destroy,
    Done,
    Failed,
    Find,
    Found,
    Frame,
    Hello,
    Kind,
    Make,
    Ready,
    Request,
    Sign,
    Signed,
    Splitter,
    TokenKey,
    answers,
    encode,
    requests,
)

REQUESTS: list[Request] = [
    Hello(1, "/module.so", "token", "", "1234"),
    Sign(2, "label", b"\1", "ECDSA", "", bytes(32)),
    Find(3),
    Make(4, "label", b"\1", "RSA", 2048, b"", {"VALUE": b"\7"}, {}),
]
ANSWERS: list[Answer] = [
    Ready(1, "token", "12", "maker", "model", {"ECDSA": (256, 521)}),
    Signed(2, bytes(64)),
    Found(3, [TokenKey("label", b"\1", "EC", {"EC_POINT": b"\4"}, b"")]),
    Done(4),
    Failed(5, Kind.MISSING, "no key"),
]

NUMBERS = st.integers(0, 2**63 - 1)
TEXT, RAW = st.text(max_size=20), st.binary(max_size=80)
LABEL, ID = st.none() | TEXT, st.none() | RAW
ATTRIBUTES = st.dictionaries(TEXT, RAW, max_size=3)
ANY_REQUEST = st.one_of(
    st.builds(Hello, NUMBERS, TEXT, TEXT, TEXT, TEXT),
    st.builds(Sign, NUMBERS, LABEL, ID, TEXT, TEXT, RAW),
    st.builds(Find, NUMBERS, LABEL, ID),
    st.builds(Make, NUMBERS, TEXT, RAW, TEXT, st.integers(0, 16384), RAW, ATTRIBUTES, ATTRIBUTES),
    st.builds(Destroy, NUMBERS, LABEL, ID),
)
KEYS = st.lists(st.builds(TokenKey, TEXT, RAW, TEXT, ATTRIBUTES, RAW), max_size=3)
SIZES = st.tuples(st.integers(0, 16384), st.integers(0, 16384))
ANY_ANSWER = st.one_of(
    st.builds(Ready, NUMBERS, TEXT, TEXT, TEXT, TEXT, st.dictionaries(TEXT, SIZES, max_size=3)),
    st.builds(Signed, NUMBERS, RAW),
    st.builds(Found, NUMBERS, KEYS),
    st.builds(Done, NUMBERS),
    st.builds(Failed, NUMBERS, st.sampled_from(Kind), TEXT),
)


def received(
    stream: bytes, decoder: msgspec.msgpack.Decoder[Request] | msgspec.msgpack.Decoder[Answer]
) -> list[Frame]:
    return [decoder.decode(body) for body in Splitter().feed(stream)]


@given(st.lists(ANY_REQUEST, max_size=5))
def test_any_requests_arrive_as_they_were_put(given_: list[Request]) -> None:
    assert received(b"".join(map(encode, given_)), requests) == given_


@given(st.lists(ANY_ANSWER, max_size=5))
def test_any_answers_arrive_as_they_were_given(given_: list[Answer]) -> None:
    assert received(b"".join(map(encode, given_)), answers) == given_


@given(ANY_ANSWER)
def test_an_answer_is_no_request(answer: Answer) -> None:
    """Neither end can be made to take its own words for the other's."""
    with pytest.raises(msgspec.ValidationError):
        received(encode(answer), requests)


@given(ANY_REQUEST)
def test_a_request_is_no_answer(request_: Request) -> None:
    with pytest.raises(msgspec.ValidationError):
        received(encode(request_), answers)


@given(ANY_ANSWER, st.data())
def test_a_message_that_is_cut_short_is_waited_for(answer: Answer, data: st.DataObject) -> None:
    whole = encode(answer)
    cut = data.draw(st.integers(0, len(whole) - 1))
    splitter = Splitter()
    assert list(splitter.feed(whole[:cut])) == []
    assert [answers.decode(body) for body in splitter.feed(whole[cut:])] == [answer]


@given(ANY_ANSWER, st.data())
def test_a_body_that_lacks_its_end_is_refused(answer: Answer, data: st.DataObject) -> None:
    body = encode(answer)[4:]
    short = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(msgspec.DecodeError):
        answers.decode(short)


@given(st.binary(max_size=200))
def test_garbage_is_refused_in_a_way_that_is_expected(stream: bytes) -> None:
    """The channel gives a worker up for these two errors; any other would be a defect."""
    try:
        received(stream, answers)
    except (ValueError, msgspec.DecodeError):
        return


@given(st.integers(0, 2**32 - 1))
def test_only_lengths_that_messages_have_are_waited_for(length: int) -> None:
    splitter = Splitter()
    head = length.to_bytes(4, "big")
    if length > MAX_FRAME:
        with pytest.raises(ValueError, match=f"a message of {length} bytes"):
            list(splitter.feed(head))
    else:
        assert list(splitter.feed(head)) == ([] if length else [b""])


@given(st.text("0123456789abcdef", min_size=12, max_size=20))
def test_no_pin_and_no_private_key_is_shown(secret: str) -> None:
    private = {"VALUE": secret.encode()}
    assert secret not in repr(Hello(1, "/module.so", "token", "", secret))
    assert secret not in repr(Make(1, "label", b"", "EC", 0, b"", private))


@given(st.lists(st.integers(1, 50), max_size=40))
def test_messages_are_whole_however_the_stream_is_cut(cuts: list[int]) -> None:
    stream = b"".join(map(encode, ANSWERS))
    splitter, bodies = Splitter(), []
    for cut in [*cuts, len(stream)]:
        bodies += list(splitter.feed(stream[:cut]))
        stream = stream[cut:]
    assert [answers.decode(body) for body in bodies] == ANSWERS


def test_requests_arrive() -> None:
    bodies = Splitter().feed(b"".join(map(encode, REQUESTS)))
    assert [requests.decode(body) for body in bodies] == REQUESTS


def test_a_length_that_no_message_has() -> None:
    with pytest.raises(ValueError, match="a message of"):
        list(Splitter().feed(b"\xff\xff\xff\xff"))


def test_secrets_are_not_shown() -> None:
    assert repr(REQUESTS[0]) == "Hello('/module.so')"
    assert repr(REQUESTS[3]) == "Make('label')"
