"""Certificates for mTLS, made for a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from signerd.client import Settings, parse_endpoint


class Authority:
    """A CA that writes certificates and keys into one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("ca")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(self._name, self._key.public_key()).issuer_name(self._name)
        self._cert = builder.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.ca = directory / "ca.crt"
        self.ca.write_bytes(self._cert.public_bytes(Encoding.PEM))

    def issue(self, name: str) -> None:
        """Write NAME.crt and NAME.key, good for 127.0.0.1 and as a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = x509.SubjectAlternativeName(
            [x509.IPAddress(ip_address("127.0.0.1")), x509.UniformResourceIdentifier(f"spiffe://test/{name}")]
        )
        builder = _builder(_name(name), key.public_key()).issuer_name(self._name)
        cert = builder.add_extension(addresses, critical=False).sign(self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.directory / f"{name}.crt").write_bytes(cert.public_bytes(Encoding.PEM))
        (self.directory / f"{name}.key").write_bytes(private)

    def settings(self, name: str, port: int) -> Settings:
        """How the holder of a certificate connects."""
        return Settings(
            endpoint=parse_endpoint(f"127.0.0.1:{port}"),
            ca=str(self.ca),
            cert=str(self.directory / f"{name}.crt"),
            key_file=str(self.directory / f"{name}.key"),
        )

    def tls(self, name: str = "server") -> str:
        """The `tls` section of a listener."""
        return (
            f"{{cert: {self.directory}/{name}.crt, key: {self.directory}/{name}.key, client_ca: {self.ca}}}"
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


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
