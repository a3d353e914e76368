"""Sessions with the API server: what comes over the wire, which credentials are used, what is refused to be used."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from signerd.connections import kubernetes
from signerd.connections.kubernetes import Access, KubernetesApi, KubernetesError, Stream
from signerd.errors import Reason, SignerdError

TOKEN = "a-token-that-must-not-show"
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says; keeps what was asked."""

    protocol_version = "HTTP/1.1"
    server: FakeServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        self.server.answers.pop(0)(self)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *args: Any) -> None: ...


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.release = threading.Event()


def reply(status: int, body: bytes, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


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


def hang(handler: Handler) -> None:
    handler.server.release.wait(60)
    handler.close_connection = True


def silent(handler: Handler) -> None:
    """A watch on which nothing happens."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    hang(handler)


def slam(handler: Handler) -> None:
    handler.close_connection = True


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.release.set()
        server.shutdown()


@pytest.fixture
def kubeconfig(server: FakeServer, tmp_path: Path) -> Path:
    return write(tmp_path, {"server": f"http://127.0.0.1:{server.server_port}"})


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[KubernetesApi]:
    api = KubernetesApi(Access(kubeconfig), seconds=5.0, connections=2)
    yield api
    api.close()


def write(directory: Path, cluster: dict[str, Any]) -> Path:
    (directory / "token").write_text(TOKEN)
    path = directory / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {"tokenFile": "token"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    return path


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


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        ({"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}, "insecure-skip-tls-verify"),
        ({"server": "http://kubernetes.example:80"}, "is not encrypted"),
        ({"server": "http://10.0.0.1"}, "is not encrypted"),
        ({"server": "ftp://example"}, "is not encrypted"),
        ({}, "has no server"),
    ],
)
def test_unsafe_clusters_are_refused(tmp_path: Path, cluster: dict[str, Any], text: str) -> None:
    with pytest.raises(SignerdError, match=text) as error:
        KubernetesApi(Access(write(tmp_path, cluster)), seconds=5, connections=1)
    assert error.value.reason is Reason.CONFIG_INVALID
    assert TOKEN not in error.value.message


@pytest.mark.parametrize("text", [None, "", "a: [", "[]", "users: 5", "\0", "current-context: x"])
def test_damaged_kubeconfigs_are_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SignerdError, match="kubeconfig") as error:
        KubernetesApi(Access(path), seconds=5, connections=1)
    assert (error.value.reason, error.value.field) == (Reason.CONFIG_INVALID, "kubeconfig")


def test_a_context_that_is_not_there(kubeconfig: Path) -> None:
    with pytest.raises(SignerdError, match="'other'"):
        KubernetesApi(Access(kubeconfig, "other"), seconds=5, connections=1)


def test_outside_of_a_pod_a_kubeconfig_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(SignerdError, match="no pod with a service account") as error:
        KubernetesApi(Access(), seconds=5, connections=1)
    assert error.value.reason is Reason.CONFIG_INVALID


def test_no_token_shows(api: KubernetesApi) -> None:
    assert TOKEN not in repr(api) + repr(vars(api))


def test_the_client_is_not_loaded_before_it_is_used() -> None:
    code = (
        "import sys, signerd.providers.k8s_secret.provider;"
        "print('kubernetes' in sys.modules, 'urllib3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
