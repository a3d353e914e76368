"""Key pairs of the stand-in for Cloud KMS, by the API's names of algorithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

Sign = Callable[[str, bytes], bytes]
"""From the request's member (data, sha256, external_mu ...) and its bytes to a signature; raises ValueError."""

_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "EC_SIGN_P256_SHA256": (ec.SECP256R1(), hashes.SHA256()),
    "EC_SIGN_P384_SHA384": (ec.SECP384R1(), hashes.SHA384()),
}
_SETS: dict[str, Any] = {
    "PQ_SIGN_ML_DSA_44": mldsa.MLDSA44PrivateKey,
    "PQ_SIGN_ML_DSA_65": mldsa.MLDSA65PrivateKey,
    "PQ_SIGN_ML_DSA_87": mldsa.MLDSA87PrivateKey,
}
_EXTERNAL_MU = "_EXTERNAL_MU"
MOST_DATA = 64 * 1024


def is_post_quantum(algorithm: str) -> bool:
    return algorithm.startswith("PQ_")


def generate(algorithm: str) -> bytes:
    """PKCS#8 DER of a new key; raises ValueError for what the API has and this stand-in does not."""
    parts = algorithm.split("_")
    key: Any
    if algorithm in _CURVES:
        key = ec.generate_private_key(_CURVES[algorithm][0])
    elif algorithm.startswith("RSA_SIGN_P"):
        key = rsa.generate_private_key(65537, int(parts[3]))
    elif algorithm == "EC_SIGN_ED25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif algorithm.removesuffix(_EXTERNAL_MU) in _SETS:
        key = _SETS[algorithm.removesuffix(_EXTERNAL_MU)].generate()
    else:
        raise ValueError(f"{algorithm} is not supported.")
    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def public_pem(private_key: bytes) -> str:
    key = load_der_private_key(private_key, None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_raw(private_key: bytes) -> bytes:
    key: Any = load_der_private_key(private_key, None).public_key()
    return bytes(key.public_bytes_raw())


def signer(algorithm: str, private_key: bytes) -> Sign:
    """What signs with a key as the API does for the algorithm, and refuses other members and lengths."""
    key: Any = load_der_private_key(private_key, None)
    if algorithm in _CURVES:
        hash_ = _CURVES[algorithm][1]
        scheme = ec.ECDSA(Prehashed(hash_))
        return _checked(hash_.name, hash_.digest_size, lambda value: bytes(key.sign(value, scheme)))
    if algorithm.startswith("RSA_SIGN_"):
        return _rsa_signer(algorithm, key)
    if algorithm.endswith(_EXTERNAL_MU):
        return _checked("external_mu", 64, lambda value: bytes(key.sign_mu(value)))
    return _checked("data", 0, lambda value: bytes(key.sign(value)))


def _rsa_signer(algorithm: str, key: rsa.RSAPrivateKey) -> Sign:
    hash_: hashes.HashAlgorithm = hashes.SHA512() if algorithm.endswith("SHA512") else hashes.SHA256()
    pss = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
    scheme = pss if "_PSS_" in algorithm else padding.PKCS1v15()
    prehashed = Prehashed(hash_)
    return _checked(hash_.name, hash_.digest_size, lambda value: key.sign(value, scheme, prehashed))


def _checked(wanted: str, size: int, sign: Callable[[bytes], bytes]) -> Sign:
    def checked(member: str, value: bytes) -> bytes:
        if member != wanted:
            raise ValueError(f"The algorithm needs {wanted}, the request has {member}.")
        if size and len(value) != size:
            raise ValueError(f"{wanted} must have {size} bytes, has {len(value)}.")
        if len(value) > MOST_DATA:
            raise ValueError(f"The data must not be longer than {MOST_DATA} bytes.")
        return sign(value)

    return checked
