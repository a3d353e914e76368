"""Application default credentials over TLS: the token of a service account, asked for once and never shown."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.certificates import SERVER, Authority, write_pair
from tests.support.servers.gcp import GcpServer

ROOT = Path(__file__).parents[4]
TOKEN = "ya29.the-token-of-the-test"
SCRIPT = """
import asyncio, sys
from signerd.core.algorithms import DEFAULT
from signerd.errors import SignerdError
from signerd.providers.gcp_kms.provider import build
from tests.integration.providers.gcp_kms.keys import GIVEN, order
from tests.support.servers.gcp import setup

async def main():
    provider = build(setup("localhost:" + sys.argv[1], insecure_plaintext=False, call=5.0))
    try:
        made = await provider.create(order("tls"))
        await asyncio.gather(*(provider.sign(made.uri, DEFAULT, GIVEN) for _ in range(64)))
        print("signed")
    except SignerdError as error:
        print(error.reason.name, error.message)
    print(repr(vars(provider)))
    await provider.close()

asyncio.run(main())
"""


class Tokens(ThreadingHTTPServer):
    """Where a service account trades its assertion for a token."""

    token = TOKEN
    asked = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        Thread(target=self.serve_forever, daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    server: Tokens

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        granted: dict[str, object] = {
            "access_token": self.server.token,
            "expires_in": 3600,
            "token_type": "Bearer",
        }
        refused = {"error": "invalid_grant", "error_description": "account not found"}
        status, answer = (200, granted) if self.server.token else (400, refused)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    server = Tokens()
    yield server
    server.shutdown()
    server.server_close()


def write_account(directory: Path, tokens: Tokens) -> str:
    """Certificates of the server, and the key file of a service account; gives its private key, PEM."""
    authority = Authority()
    write_pair(directory, authority.issue("server", SERVER))
    (directory / "ca.pem").write_bytes(authority.pem)
    key = rsa.generate_private_key(65537, 2048)
    private_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": "signerd-test",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "signerd@signerd-test.iam.gserviceaccount.com",
        "token_uri": f"http://127.0.0.1:{tokens.server_port}/token",
    }
    (directory / "account.json").write_text(json.dumps(account))
    return private_key


@pytest.fixture
def directory(tmp_path: Path, tokens: Tokens) -> Path:
    write_account(tmp_path, tokens)
    return tmp_path


def run(directory: Path, server: GcpServer) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(directory / "ca.pem"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(directory / "account.json"),
        "NO_GCE_CHECK": "true",
    }
    command = [sys.executable, "-c", SCRIPT, str(server.port)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )


def test_a_service_account_signs(directory: Path, tokens: Tokens) -> None:
    with GcpServer(directory, "--tls", str(directory), "--token", TOKEN) as server:
        ended = run(directory, server)
    assert ended.stdout.startswith("signed"), ended
    assert tokens.asked == 1
    assert TOKEN not in f"{ended.stdout}{ended.stderr}"


def test_a_token_that_is_not_good_is_denied(directory: Path, tokens: Tokens) -> None:
    tokens.token = "ya29.another"
    with GcpServer(directory, "--tls", str(directory), "--token", TOKEN) as server:
        ended = run(directory, server)
    assert ended.stdout.startswith("PROVIDER_DENIED"), ended
    assert "ya29" not in f"{ended.stdout}{ended.stderr}"


def test_an_account_that_gets_no_token_is_denied(directory: Path, tokens: Tokens) -> None:
    tokens.token = ""
    with GcpServer(directory, "--tls", str(directory), "--token", TOKEN) as server:
        ended = run(directory, server)
    assert ended.stdout.startswith("PROVIDER_DENIED"), ended
    assert "invalid_grant" in ended.stderr
    assert "invalid_grant" not in ended.stdout


def test_no_credentials_at_all_are_denied(directory: Path) -> None:
    (directory / "account.json").write_text("{}")
    with GcpServer(directory, "--tls", str(directory), "--token", TOKEN) as server:
        ended = run(directory, server)
    assert ended.stdout.startswith("PROVIDER_DENIED"), ended
