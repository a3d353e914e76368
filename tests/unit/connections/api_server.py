"""An API server that answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from signerd.connections.kubernetes import Access, KubernetesApi

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


def hang(handler: Handler) -> None:
    handler.server.release.wait(60)
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
