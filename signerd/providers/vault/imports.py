"""A private key on its way into transit: wrapped for it alone (`keys/NAME/import`)."""

from __future__ import annotations

import base64
import secrets

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_AES_BYTES = 32
_WRAPPING_BITS = 4096


def wrapped(wrapping_key: str, private_key: bytes) -> str:
    """PKCS#8 DER wrapped with AES-KWP (RFC 5649), its key with RSA-OAEP under transit's wrapping key, in base64.

    Raises ValueError where the wrapping key, PEM, is not RSA with 4096 bits.
    """
    key = load_pem_public_key(wrapping_key.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != _WRAPPING_BITS:
        raise ValueError("the wrapping key is not RSA with 4096 bits")
    ephemeral = secrets.token_bytes(_AES_BYTES)
    head = key.encrypt(ephemeral, padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
    return base64.b64encode(head + aes_key_wrap_with_padding(ephemeral, private_key)).decode()
