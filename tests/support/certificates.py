"""Certificates for TLS, made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Names = Sequence[x509.GeneralName]
SERVER: Names = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))


class Authority:
    """A CA; `pem` is its certificate."""

    def __init__(self, name: str = "ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = common_name(name)
        builder = _builder(self._name, self._key.public_key()).issuer_name(self._name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        signed = builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.pem = signed.public_bytes(Encoding.PEM)

    def issue_with(self, *extensions: x509.ExtensionType) -> bytes:
        """A certificate, PEM, with these extensions and without a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(common_name(""), key.public_key()).issuer_name(self._name)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, name: str = "", names: Names = ()) -> tuple[bytes, bytes]:
        """Certificate and key, PEM, with a common name and alternative names, each if given."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(common_name(name), key.public_key()).issuer_name(self._name)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not name)
        signed = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return signed.public_bytes(Encoding.PEM), private


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def write_pair(directory: Path, pair: tuple[bytes, bytes], name: str = "server") -> None:
    """Put a certificate and its key where a listener looks for them."""
    for suffix, content in zip(("crt", "key"), pair, strict=True):
        (directory / f"{name}.{suffix}").write_bytes(content)


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _builder(name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
