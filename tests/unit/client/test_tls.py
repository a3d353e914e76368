"""TLS, client certificates and tokens over TCP."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from signerd.client import AsyncClient, Backoff, Client, Endpoint, Settings, SignerdError
from signerd.errors import Reason
from tests.unit.client.fake_daemon import FakeDaemon, running


def put_certificate(directory: Path, name: str) -> None:
    """A certificate for 127.0.0.1 that is its own CA, NAME.pem, and its key, NAME.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@pytest.fixture
def certificates(directory: Path) -> Path:
    for name in ("server", "caller", "stranger"):
        put_certificate(directory, name)
    return directory


@pytest.fixture
def tls_daemon(certificates: Path) -> Iterator[FakeDaemon]:
    pair = (certificates / "server.key").read_bytes(), (certificates / "server.pem").read_bytes()
    callers = (certificates / "caller.pem").read_bytes()
    secret = grpc.ssl_server_credentials([pair], root_certificates=callers, require_client_auth=True)
    with running("127.0.0.1:0", secret) as daemon:
        yield daemon


def settings_for(daemon: FakeDaemon, directory: Path, ca: str, name: str, token: str = "") -> Settings:
    return Settings(
        endpoint=Endpoint(host="127.0.0.1", port=daemon.port),
        ca=str(directory / f"{ca}.pem"),
        cert=str(directory / f"{name}.pem"),
        key_file=str(directory / f"{name}.key"),
        token=token,
    )


def test_certificate_and_token_are_shown_to_the_daemon(tls_daemon: FakeDaemon, certificates: Path) -> None:
    with Client(settings_for(tls_daemon, certificates, "server", "caller", "secret")) as client:
        assert client.status().serving
    assert tls_daemon.metadata["authorization"] == "Bearer secret"


@pytest.mark.parametrize(("ca", "name"), [("stranger", "caller"), ("server", "stranger")])
def test_strangers_on_either_side_are_refused(
    tls_daemon: FakeDaemon, certificates: Path, quick: Backoff, ca: str, name: str
) -> None:
    with (
        Client(settings_for(tls_daemon, certificates, ca, name), backoff=quick) as client,
        pytest.raises(SignerdError) as caught,
    ):
        client.status()
    assert caught.value.reason is Reason.DAEMON_UNREACHABLE
    assert not tls_daemon.asked


async def test_a_pool_spreads_calls_over_connections(tls_daemon: FakeDaemon, certificates: Path) -> None:
    settings = settings_for(tls_daemon, certificates, "server", "caller")
    async with AsyncClient(settings) as client:
        for _ in range(4):
            await client.status()
    assert len(tls_daemon.peers) == 2
