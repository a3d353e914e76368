"""Server credentials that follow their files: a renewed certificate or CA is taken with the next connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signerd.errors import Reason, SignerdError

logger = structlog.get_logger(__name__)
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
Stamp = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class TlsFiles:
    """Certificate, key and client CA of one listener, PEM."""

    cert: Path
    key: Path
    client_ca: Path | None
    _seen: Stamp = field(default=(), init=False)
    _told: str = field(default="", init=False)

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials that are looked at again on every connection; raises CONFIG_INVALID if they can't be used."""
        initial = self._load()
        return grpc.dynamic_ssl_server_credentials(
            initial,
            self._fetch,  # type: ignore[arg-type]  # None means unchanged: grpc's own documentation
            require_client_authentication=self.client_ca is not None,
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """The new configuration, None where nothing changed or what is there can't be used."""
        try:
            return self._load() if self._stamp() != self._seen else None
        except SignerdError as error:
            if error.message != self._told:  # once, not with every connection
                logger.error("TLS files can't be used; the last good ones stay", detail=error.message)
            self._told = error.message
            return None

    def _load(self) -> grpc.ServerCertificateConfiguration:
        stamp = self._stamp()
        try:
            cert, key = self.cert.read_bytes(), self.key.read_bytes()
            root = self.client_ca.read_bytes() if self.client_ca else None
        except OSError as error:
            raise unusable(str(error.filename), error.strerror) from None
        try:
            check_pair(cert, key)
        except UNREADABLE:
            raise unusable(f"{self.cert}, {self.key}", "not a matching pair of PEM files") from None
        try:
            x509.load_pem_x509_certificates(cert if root is None else root)
        except ValueError:
            raise unusable(str(self.client_ca), "no certificates in PEM") from None
        self._seen, self._told = stamp, ""
        return grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=root)

    def _stamp(self) -> Stamp:
        files = [self.cert, self.key, *([self.client_ca] if self.client_ca else [])]
        try:
            stats = [path.stat() for path in files]
        except OSError as error:
            raise unusable(str(error.filename), error.strerror) from None
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size) for stat in stats)


def unusable(files: str, problem: str | None) -> SignerdError:
    """Why TLS files can't be used."""
    return SignerdError(Reason.CONFIG_INVALID, f"TLS file {files}: {problem}", field="tls")


def check_pair(cert: bytes, key: bytes) -> None:
    """Raise ValueError unless the key is the one of the first certificate."""
    certificate = x509.load_pem_x509_certificate(cert)
    if load_pem_private_key(key, None).public_key() != certificate.public_key():
        raise ValueError("certificate and key do not fit")
