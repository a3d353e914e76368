"""Watches: events in any pieces, failures, silence."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from signerd.connections import kubernetes
from signerd.connections.kubernetes import KubernetesApi, KubernetesError, Stream
from tests.unit.connections.api_server import (
    Answer,
    FakeServer,
    Handler,
    api,
    hang,
    kubeconfig,
    reply,
    server,
)

__all__ = ["api", "kubeconfig", "server"]


def chunks(*parts: bytes, end: bool = True) -> Answer:
    """A watch; without `end` it is cut off."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return answer


def silent(handler: Handler) -> None:
    """A watch on which nothing happens."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    hang(handler)


def events(api: KubernetesApi) -> list[Any]:
    return list(api.stream("/x", [], 5.0))


def test_events_come_in_any_pieces(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [chunks(b'{"a"', b': 1}\n{"b": 2}\n{"c', b'": 3}\n', b"\n")]
    assert events(api) == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert server.asked[0][1] == "/x?watch=true"
    assert server.asked[0][2]["accept"] == kubernetes.METADATA


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (chunks(b'{"a": 1}\n', end=False), ""),
        (chunks(b"{\n"), "JSONDecodeError"),
        (chunks(b"\xff\n"), "UnicodeDecodeError"),
        (chunks(b"x" * 64), "Malformed"),
        (reply(410, b'{"reason": "Expired"}'), "Expired"),
    ],
    ids=["cut off", "no JSON", "no text", "too long", "refused"],
)
def test_watches_that_fail(
    api: KubernetesApi, server: FakeServer, answer: Answer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "MAX_LINE", 32)
    server.answers = [answer]
    with pytest.raises(KubernetesError) as error:
        events(api)
    assert kind in error.value.kind


def test_a_watch_is_silent_no_longer_than_allowed(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [silent]
    with pytest.raises(KubernetesError) as error:
        list(api.stream("/x", [], 0.1))
    assert error.value.kind == "Timeout"


def test_closing_wakes_who_waits(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [silent]
    stream = api.stream("/x", [], 60.0)
    ended: list[str] = []

    def wait(stream: Stream) -> None:
        try:
            list(stream)
            ended.append("quietly")
        except KubernetesError as error:
            ended.append(repr(error))

    waiting = threading.Thread(target=wait, args=(stream,), daemon=True)
    waiting.start()
    stream.close()
    waiting.join(10)
    assert ended == ["quietly"]
    stream.close()
