"""Client certificates to subjects. The transport has verified the chain against the listener's client CA."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

from signerd.errors import Reason, SignerdError

UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
"""What `cryptography` raises while it looks into a certificate: parts are parsed when they are asked for."""


@lru_cache(maxsize=1024)
def subject_of(pem: bytes) -> str:
    """`spiffe://…` where the certificate has such a URI name, else `x509:CA/NAME` with its DNS name or common name.

    CA is the common name of the issuer. Raises CALLER_UNAUTHENTICATED for a certificate that names nobody.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = _alternative_names(certificate)
        subject, issuer = _common_names(certificate.subject), _common_names(certificate.issuer)
    except UNREADABLE:
        raise _nameless("can't be read") from None
    uris = [uri for uri in names[0] if uri.startswith("spiffe://")]
    if len(uris) > 1:
        raise _nameless("has more than one SPIFFE id")
    if uris:
        return uris[0]
    named = names[1][:1] or subject[:1]
    if not named:
        raise _nameless("has no URI name, DNS name or common name")
    if any("/" in name for name in (*issuer[:1], named[0])):
        raise _nameless("has a slash in a common name, which would let one name pass for another")
    return f"x509:{(issuer or [''])[0]}/{named[0]}"


def _alternative_names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    return (
        names.get_values_for_type(x509.UniformResourceIdentifier),
        names.get_values_for_type(x509.DNSName),
    )


def _common_names(name: x509.Name) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _nameless(problem: str) -> SignerdError:
    return SignerdError(Reason.CALLER_UNAUTHENTICATED, f"the client certificate {problem}")
