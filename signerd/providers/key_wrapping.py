"""A private key on its way into a KMS, wrapped so that only the KMS can open it."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

_AES_KEY = 32  # bytes


def wrapped(private_key: bytes, wrapping_key: rsa.RSAPublicKey) -> bytes:
    """Wrap PKCS#8 DER with CKM_RSA_AES_KEY_WRAP (PKCS#11 v3.0, Current Mechanisms) and SHA-256.

    That is a fresh AES key under RSA-OAEP, then the private key under that one with AES-KWP (RFC 5649).
    """
    key = os.urandom(_AES_KEY)
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), label=None)
    return wrapping_key.encrypt(key, oaep) + aes_key_wrap_with_padding(key, private_key)
