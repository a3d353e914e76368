"""TLS and mTLS over TCP: who gets in, under which name, and files that change while the daemon runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from structlog.testing import capture_logs

from signerd.errors import Reason
from signerd.v1 import admin_pb2
from tests.support.certificates import SERVER, Authority, uri, write_pair
from tests.support.daemons import PROVIDERS, Daemon, free_port, raw_call, serving, short_home
from tests.support.refusals import from_call

STATUS = "/signerd.v1.Admin/GetStatus"
SPIFFE = "spiffe://example.org/ci"
Pair = tuple[bytes, bytes]


@dataclass
class Secured:
    """A daemon with an mTLS listener, its files, and both CAs."""

    daemon: Daemon
    files: Path
    port: int
    servers: Authority
    clients: Authority

    async def subject(self, pair: Pair | None, root: bytes | None = None) -> str:
        """Who a new connection with that certificate is; raises AioRpcError."""
        cert, key = pair or (None, None)
        credentials = grpc.ssl_channel_credentials(root or self.servers.pem, key, cert)
        # Without a pool of its own a channel might go on with the connection of an earlier one.
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(f"127.0.0.1:{self.port}", credentials, options) as channel:
            answer = await raw_call(channel, STATUS, b"", timeout=10)
        return admin_pb2.GetStatusResponse.FromString(answer).caller

    async def rejected(self, pair: Pair | None, root: bytes | None = None) -> bool:
        """Whether the transport turns a connection away."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.subject(pair, root)
        return caught.value.code() is grpc.StatusCode.UNAVAILABLE


MUTUAL = "{cert: server.crt, key: server.key, client_ca: clients.crt}"


@asynccontextmanager
async def secured(listener: str) -> AsyncIterator[Secured]:
    """A daemon with one more listener; its files are in the home directory."""
    with short_home() as home:
        servers, clients, port = Authority("servers"), Authority("clients"), free_port()
        write_pair(home, servers.issue("server", SERVER))
        (home / "clients.crt").write_bytes(clients.pem)
        own = "{name: local, unix: run/signerd.sock}"
        tcp = f"{{name: tcp, tcp: '127.0.0.1:{port}', {listener}}}"
        async with serving(home, f"{PROVIDERS}listeners: [{own}, {tcp}]\n") as daemon:
            yield Secured(daemon, home, port, servers, clients)


@pytest.fixture
async def mutual() -> AsyncIterator[Secured]:
    async with secured(f"tls: {MUTUAL}") as daemon:
        yield daemon


async def test_who_a_client_is(mutual: Secured) -> None:
    for names, name, subject in (
        ([uri(SPIFFE)], "", SPIFFE),
        ([x509.DNSName("ci.example.org")], "ci", "x509:clients/ci.example.org"),
        ([], "ci", "x509:clients/ci"),
    ):
        assert await mutual.subject(mutual.clients.issue(name, names)) == subject
        record = mutual.daemon.records()[-1]
        assert (record.caller, record.proof, record.listener) == (subject, "mtls", "tcp")
        assert record.peer.startswith("ipv4:127.0.0.1:")


async def test_who_does_not_get_in(mutual: Secured) -> None:
    assert await mutual.rejected(None)
    assert await mutual.rejected(Authority("clients").issue("ci", [uri(SPIFFE)]))
    assert await mutual.rejected(mutual.servers.issue("ci", [uri(SPIFFE)]))
    assert not mutual.daemon.records()
    assert await mutual.subject(mutual.clients.issue("ci"))


async def test_a_server_that_is_not_the_right_one_is_not_trusted(mutual: Secured) -> None:
    assert await mutual.rejected(mutual.clients.issue("ci"), Authority("servers").pem)


async def test_a_certificate_that_names_nobody_is_refused_and_on_record(mutual: Secured) -> None:
    two = mutual.clients.issue("ci", [uri(SPIFFE), uri(SPIFFE + "2")])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await mutual.subject(two)
    error = from_call(caught.value)
    assert (error.reason, error.code) == (Reason.CALLER_UNAUTHENTICATED, grpc.StatusCode.UNAUTHENTICATED)
    record = mutual.daemon.records()[-1]
    assert (record.reason, record.caller, record.proof) == ("CALLER_UNAUTHENTICATED", "unknown", "none")


async def test_a_renewed_server_certificate_is_taken(mutual: Secured) -> None:
    client, renewed = mutual.clients.issue("ci"), Authority("new servers")
    assert await mutual.subject(client)
    write_pair(mutual.files, renewed.issue("server", SERVER))
    assert await mutual.subject(client, renewed.pem)
    assert await mutual.rejected(client)


async def test_a_replaced_client_ca_is_taken(mutual: Secured) -> None:
    old, other = mutual.clients.issue("ci"), Authority("other")
    assert await mutual.subject(old)
    (mutual.files / "clients.crt").write_bytes(other.pem)
    assert await mutual.rejected(old)
    assert await mutual.subject(other.issue("ci")) == "x509:other/ci"
    (mutual.files / "clients.crt").write_bytes(other.pem + mutual.clients.pem)
    assert await mutual.subject(old) == "x509:clients/ci"


@pytest.mark.parametrize("file", ["server.crt", "server.key", "clients.crt"])
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "gone"])
async def test_a_broken_file_keeps_the_last_good_ones(
    mutual: Secured, file: str, content: bytes | None
) -> None:
    client, path = mutual.clients.issue("ci"), mutual.files / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with capture_logs() as logged:
        assert await mutual.subject(client) == "x509:clients/ci"
        assert await mutual.rejected(None)
    assert file in " ".join(entry["detail"] for entry in logged if entry["log_level"] == "error")


async def test_a_certificate_renewed_before_its_key(mutual: Secured) -> None:
    client, renewed = mutual.clients.issue("ci"), Authority("new servers")
    cert, key = renewed.issue("server", SERVER)
    (mutual.files / "server.crt").write_bytes(cert)
    assert await mutual.subject(client)
    (mutual.files / "server.key").write_bytes(key)
    assert await mutual.subject(client, renewed.pem)


@pytest.mark.parametrize(
    ("listener", "tls"),
    [
        ("tls: {cert: server.crt, key: server.key}, insecure_no_client_auth: true", True),
        ("insecure_plaintext: true", False),
    ],
)
async def test_listeners_that_were_opened_to_everybody(listener: str, tls: bool) -> None:
    async with secured(listener) as daemon:
        if tls:
            assert await daemon.subject(None) == "insecure:tcp"
            assert await daemon.subject(daemon.clients.issue("ci")) == "insecure:tcp"
        else:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{daemon.port}") as channel:
                answer = admin_pb2.GetStatusResponse.FromString(await raw_call(channel, STATUS, b""))
            assert answer.caller == "insecure:tcp"
            assert any("insecure" in warning for warning in answer.warnings)
        assert daemon.daemon.records()[-1].proof == "none"


async def test_plaintext_does_not_get_into_a_tls_listener(mutual: Secured) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mutual.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(channel, STATUS, b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not mutual.daemon.records()
