"""Sessions with the API server: what comes over the wire, which credentials are used, what is refused to be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signerd.connections.kubernetes import Access, KubernetesApi, KubernetesError
from tests.unit.connections.api_server import (
    TOKEN,
    FakeServer,
    Handler,
    api,
    hang,
    kubeconfig,
    reply,
    server,
    write,
)

__all__ = ["api", "kubeconfig", "server"]


def slam(handler: Handler) -> None:
    handler.close_connection = True


def refusal(api: KubernetesApi, method: str = "GET") -> KubernetesError:
    with pytest.raises(KubernetesError) as error:
        api.call(method, "/x", body={} if method == "POST" else None)
    return error.value


def test_a_call(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [reply(201, b'{"made": 1}')]
    assert api.call("POST", "/x", [("limit", "5"), ("continue", "a b&c")], {"a": 1}) == {"made": 1}
    method, path, headers, body = server.asked[0]
    assert (method, path) == ("POST", "/x?limit=5&continue=a%20b%26c")
    assert (headers["accept"], headers["content-type"]) == ("application/json",) * 2
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(body) == {"a": 1}


def test_a_status_object_is_read(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [reply(409, b'{"reason": "AlreadyExists", "message": "it exists"}')]
    error = refusal(api, "POST")
    assert (error.status, error.kind, str(error), error.retry_after) == (
        409,
        "AlreadyExists",
        "it exists",
        None,
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"x"', b"\xff"])
def test_what_stands_before_the_server_may_answer_anything(
    api: KubernetesApi, server: FakeServer, body: bytes
) -> None:
    server.answers = [reply(503, body, Retry_After="7")]
    error = refusal(api)
    assert (error.status, error.kind, error.retry_after) == (503, "", 7.0)


def test_a_date_to_retry_after_is_passed_over(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [reply(429, b"{}", Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")]
    assert refusal(api).retry_after is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe"])
def test_an_answer_that_is_no_json(api: KubernetesApi, server: FakeServer, body: bytes) -> None:
    server.answers = [reply(200, body)]
    error = refusal(api)
    assert (error.status, error.kind) == (0, "Malformed")


def test_a_redirect_is_not_followed(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [reply(302, b"", Location="http://127.0.0.1:1/")]
    assert refusal(api).status == 302
    assert len(server.asked) == 1


def test_a_server_that_does_not_answer(kubeconfig: Path, server: FakeServer) -> None:
    server.answers = [hang, hang]
    api = KubernetesApi(Access(kubeconfig), seconds=0.1, connections=1)
    error = refusal(api)
    assert (error.status, error.kind) == (0, "Timeout")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with FakeServer() as gone:
        port = gone.server_port
    api = KubernetesApi(
        Access(write(tmp_path, {"server": f"http://127.0.0.1:{port}"})), seconds=5, connections=1
    )
    assert refusal(api).status == 0


def test_a_dropped_connection_is_tried_again_for_reading_only(api: KubernetesApi, server: FakeServer) -> None:
    server.answers = [slam, reply(200, b"{}")]
    assert api.call("GET", "/x") == {}
    server.answers = [slam, reply(200, b"{}")]
    assert refusal(api, "POST").status == 0
    assert len(server.answers) == 1


def test_refused_credentials_are_read_again_once(
    api: KubernetesApi, server: FakeServer, tmp_path: Path
) -> None:
    server.answers = [reply(401, b"{}"), reply(200, b"{}")]
    (tmp_path / "token").write_text("renewed")
    assert api.call("GET", "/x") == {}
    assert [headers["authorization"] for _, _, headers, _ in server.asked] == [
        f"Bearer {TOKEN}",
        "Bearer renewed",
    ]
    server.answers = [reply(401, b"{}"), reply(401, b"{}")]
    assert refusal(api).status == 401
    assert server.answers == []
