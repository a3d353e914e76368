"""Ed25519ph over a given SHA-512 digest (RFC 8032, section 5.1, with an empty context).

libsodium's own ph functions take the whole message, so the scheme is put together from its group operations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from nacl import bindings as sodium
from nacl.exceptions import CryptoError

SIGNATURE_SIZE = 64
ORDER = 2**252 + 27742317777372353535851937790883648493
_DOM2 = b"SigEd25519 no Ed25519 collisions" + b"\x01\x00"


def _scalar(*parts: bytes) -> bytes:
    wide = hashlib.sha512(_DOM2 + b"".join(parts)).digest()
    return sodium.crypto_core_ed25519_scalar_reduce(wide)


def _clamped(half: bytes) -> bytes:
    return bytes([half[0] & 248]) + half[1:31] + bytes([half[31] & 127 | 64])


def digest_signer(seed: bytes, public_key: bytes) -> Callable[[bytes], bytes]:
    """Build a function that signs SHA-512 digests with the 32-byte seed (RFC 8032, section 5.1.6)."""
    expanded = hashlib.sha512(seed).digest()
    secret, prefix = _clamped(expanded[:32]), expanded[32:]

    def sign(digest: bytes) -> bytes:
        nonce = _scalar(prefix, digest)
        point = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = _scalar(point, public_key, digest)
        product = sodium.crypto_core_ed25519_scalar_mul(challenge, secret)
        return point + sodium.crypto_core_ed25519_scalar_add(nonce, product)

    return sign


def digest_verifier(public_key: bytes) -> Callable[[bytes, bytes], bool]:
    """Build a function that says whether (digest, 64-byte signature) holds (RFC 8032, section 5.1.7).

    S must be below the group order, and neither the key nor R of small order.
    """

    def holds(digest: bytes, signature: bytes) -> bool:
        point, scalar = signature[:32], signature[32:]
        if int.from_bytes(scalar, "little") >= ORDER or not sodium.crypto_core_ed25519_is_valid_point(point):
            return False
        challenge = _scalar(point, public_key, digest)
        try:
            right = sodium.crypto_scalarmult_ed25519_noclamp(challenge, public_key)
            left = sodium.crypto_scalarmult_ed25519_base_noclamp(scalar)
            return sodium.crypto_core_ed25519_sub(left, right) == point
        except (CryptoError, RuntimeError):
            return False

    return holds
