"""A private key on its way into transit (`keys/NAME/import`)."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signerd.providers.key_wrapping import wrapped

_WRAPPING_BITS = 4096


def wrapped_text(wrapping_key: str, private_key: bytes) -> str:
    """PKCS#8 DER wrapped under transit's wrapping key, in base64.

    Raises ValueError where the wrapping key, PEM, is not RSA with 4096 bits.
    """
    key = load_pem_public_key(wrapping_key.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != _WRAPPING_BITS:
        raise ValueError("the wrapping key is not RSA with 4096 bits")
    return base64.b64encode(wrapped(private_key, key)).decode()
