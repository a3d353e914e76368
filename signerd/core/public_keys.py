"""Public keys: reading them, whether they fit an algorithm, and the ways to write and name them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.errors import Reason, SignerdError

MlDsaPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | MlDsaPublicKey

CURVES: dict[int, type[ec.EllipticCurve]] = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}
ML_DSA_SETS: dict[int, type[MlDsaPublicKey]] = {
    44: mldsa.MLDSA44PublicKey,
    65: mldsa.MLDSA65PublicKey,
    87: mldsa.MLDSA87PublicKey,
}
MIN_EXPONENT = 65537


def _is_ecdsa(key: PublicKey, size: int) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES[size])


def _is_rsa(key: PublicKey, size: int) -> bool:
    return (
        isinstance(key, rsa.RSAPublicKey) and key.key_size == size and key.public_numbers().e >= MIN_EXPONENT
    )


def _is_ed25519(key: PublicKey, size: int) -> bool:
    return isinstance(key, ed25519.Ed25519PublicKey)


def _is_ml_dsa(key: PublicKey, size: int) -> bool:
    return isinstance(key, ML_DSA_SETS[size])


_FITS: dict[Family, Callable[[PublicKey, int], bool]] = {
    Family.ECDSA: _is_ecdsa,
    Family.RSA_PKCS1: _is_rsa,
    Family.RSA_PSS: _is_rsa,
    Family.ED25519: _is_ed25519,
    Family.ED25519PH: _is_ed25519,
    Family.ML_DSA: _is_ml_dsa,
}


def fits(public_key: PublicKey, algorithm: Algorithm) -> bool:
    """Whether the key is of the algorithm's family and size; RSA exponents below 65537 fit none."""
    return _FITS[algorithm.family](public_key, algorithm.size)


def check_fits(public_key: PublicKey, algorithm: Algorithm) -> None:
    """Raise ALGORITHM_UNSUPPORTED unless the key is one of the algorithm."""
    if not fits(public_key, algorithm):
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED,
            f"the key is {describe(public_key)}, which is not a key for {algorithm}",
            field="algorithm",
        )


def describe(public_key: PublicKey) -> str:
    """Kind and size in a few words, such as `RSA with 1024 bits`."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA with {public_key.key_size} bits and exponent {public_key.public_numbers().e}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return f"ECDSA on curve {public_key.curve.name}"
    return type(public_key).__name__.removesuffix("PublicKey")


def load_public_key(der: bytes, algorithm: Algorithm) -> PublicKey:
    """Read a DER-encoded SubjectPublicKeyInfo; raises ALGORITHM_UNSUPPORTED unless it fits."""
    key = _read(der, f"one for {algorithm}")
    check_fits(key, algorithm)
    return key


def usual_algorithm(der: bytes) -> Algorithm:
    """First algorithm of the table that a public key (DER) fits; raises ALGORITHM_UNSUPPORTED where none does."""
    key = _read(der, "of a kind that signs here")
    for algorithm in TABLE:
        if fits(key, algorithm):
            return algorithm
    raise SignerdError(Reason.ALGORITHM_UNSUPPORTED, f"the key is {describe(key)}, which signs nothing here")


def _read(der: bytes, wanted: str) -> PublicKey:
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED, f"the public key is no SubjectPublicKeyInfo {wanted}"
        ) from None
    if not isinstance(key, PublicKey):
        raise SignerdError(Reason.ALGORITHM_UNSUPPORTED, f"the public key is not {wanted}")
    return key


def spki(public_key: PublicKey) -> bytes:
    """Key as DER-encoded SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7)."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(der: bytes) -> str:
    """SubjectPublicKeyInfo as PEM (RFC 7468, section 13)."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def key_id(der: bytes) -> str:
    """Id of a key: SHA-256 of its SubjectPublicKeyInfo, in hex."""
    return hashlib.sha256(der).hexdigest()


def ssh_fingerprint(public_key: PublicKey) -> str:
    """SHA-256 of the OpenSSH form, `SHA256:base64` as Chains and cosign write it; empty for ML-DSA."""
    if isinstance(public_key, MlDsaPublicKey):
        return ""
    line = public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    wire = base64.b64decode(line.split(b" ")[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")
