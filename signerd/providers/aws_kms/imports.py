"""Wrapping a private key for import into AWS KMS."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signerd.errors import Reason, SignerdError
from signerd.providers.key_wrapping import wrapped


def wrap(private_key: bytes, wrapping_key: bytes) -> bytes:
    """Wrap PKCS#8 DER as RSA_AES_KEY_WRAP_SHA_256; raises PROVIDER_INTEGRITY unless the wrapping key, DER, is RSA."""
    try:
        wrapping = load_der_public_key(wrapping_key)
    except ValueError:
        wrapping = None
    if not isinstance(wrapping, rsa.RSAPublicKey):
        raise SignerdError(Reason.PROVIDER_INTEGRITY, "AWS KMS gave no RSA key to wrap the private key with")
    return wrapped(private_key, wrapping)
