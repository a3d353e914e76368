"""Wrapping a private key for import into AWS KMS."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signerd.errors import Reason, SignerdError

_AES_KEY = 32  # bytes


def wrap(private_key: bytes, wrapping_key: bytes) -> bytes:
    """Wrap PKCS#8 DER with RSA_AES_KEY_WRAP_SHA_256 (PKCS#11, CKM_RSA_AES_KEY_WRAP).

    That is a fresh AES key under RSA-OAEP with SHA-256, then the private key under that one (RFC 5649).
    Raises PROVIDER_INTEGRITY where the wrapping key, DER, is not RSA.
    """
    try:
        wrapping = load_der_public_key(wrapping_key)
    except ValueError:
        wrapping = None
    if not isinstance(wrapping, rsa.RSAPublicKey):
        raise SignerdError(Reason.PROVIDER_INTEGRITY, "AWS KMS gave no RSA key to wrap the private key with")
    key = os.urandom(_AES_KEY)
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), label=None)
    return wrapping.encrypt(key, oaep) + aes_key_wrap_with_padding(key, private_key)
