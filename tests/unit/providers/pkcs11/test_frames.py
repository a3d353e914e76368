"""Messages arrive whole however the stream is cut, and none shows a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.providers.pkcs11.frames import (
    Answer,
    Done,
    Failed,
    Find,
    Found,
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
