"""Private keys: making, reading and writing them. Weak or odd ones are refused here."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from signerd.core import cosign_keys
from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.core.pem import invalid, read_block
from signerd.core.public_keys import CURVES, MIN_EXPONENT, describe, fits
from signerd.errors import Reason, SignerdError

MlDsaPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | MlDsaPrivateKey

_ML_DSA_SETS: dict[int, type[MlDsaPrivateKey]] = {
    44: mldsa.MLDSA44PrivateKey,
    65: mldsa.MLDSA65PrivateKey,
    87: mldsa.MLDSA87PrivateKey,
}
_GENERATE: dict[Family, Callable[[int], PrivateKey]] = {
    Family.ECDSA: lambda size: ec.generate_private_key(CURVES[size]()),
    Family.RSA_PKCS1: lambda size: rsa.generate_private_key(MIN_EXPONENT, size),
    Family.RSA_PSS: lambda size: rsa.generate_private_key(MIN_EXPONENT, size),
    Family.ED25519: lambda size: ed25519.Ed25519PrivateKey.generate(),
    Family.ED25519PH: lambda size: ed25519.Ed25519PrivateKey.generate(),
    Family.ML_DSA: lambda size: _ML_DSA_SETS[size].generate(),
}
_ENCRYPTED = "ENCRYPTED PRIVATE KEY"
_PLAIN = ("PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")


def generate(algorithm: Algorithm) -> PrivateKey:
    """Make a private key. RSA takes seconds: keep it off the event loop."""
    return _GENERATE[algorithm.family](algorithm.size)


def read(
    pem: bytes, password: bytes | None = None, algorithm: Algorithm | None = None
) -> tuple[Algorithm, bytes]:
    """Read PEM of PKCS#8 (encrypted too), SEC1, PKCS#1 or cosign's format: its algorithm, and PKCS#8 DER.

    The algorithm follows from the key unless given. Decrypting takes long: keep it off the event loop.
    Raises PRIVATE_KEY_INVALID, PASSWORD_WRONG, or ALGORITHM_UNSUPPORTED if key and algorithm differ.
    """
    private_key, algorithm = _checked(_read(pem, password), algorithm)
    return algorithm, to_pkcs8(private_key)


def from_pkcs8(der: bytes, algorithm: Algorithm | None = None) -> tuple[PrivateKey, Algorithm]:
    """Read unencrypted PKCS#8 DER (RFC 5958); raises as `read` does."""
    return _checked(_load(der, None), algorithm)


def to_pkcs8(private_key: PrivateKey) -> bytes:
    """Write unencrypted PKCS#8 DER."""
    return private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def inferred_algorithm(private_key: PrivateKey) -> Algorithm:
    """First algorithm of the table that the key fits; raises PRIVATE_KEY_INVALID for a weak one."""
    public_key = private_key.public_key()
    for algorithm in TABLE:
        if fits(public_key, algorithm):
            return algorithm
    raise invalid(
        f"the private key is {describe(public_key)}; taken are RSA of 2048, 3072 or 4096 bits with exponent "
        f"{MIN_EXPONENT} or more, ECDSA on P-256, P-384 or P-521, Ed25519 and ML-DSA"
    )


def _read(pem: bytes, password: bytes | None) -> PrivateKey:
    block = read_block(pem)
    label, data = block.label, block.data
    if label in _PLAIN:
        return _load(data, None)
    if label != _ENCRYPTED and label not in cosign_keys.LABELS:
        raise invalid(
            f"a PEM block {label!r} is not a private key; known: {', '.join(_PLAIN)} and encrypted ones"
        )
    if password is None:
        raise _encrypted()
    if label == _ENCRYPTED:
        return _load(data, password)
    return _load(cosign_keys.decrypt(pem, password), None)


def _load(der: bytes, password: bytes | None) -> PrivateKey:
    try:
        key = load_der_private_key(der, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refusal(error) from None
    if not isinstance(key, PrivateKey):
        raise invalid(
            "the private key is of a kind that does not sign here (DSA, DH, X25519, Ed448 and the like)"
        )
    return key


def _refusal(error: Exception) -> SignerdError:
    """The library tells these errors apart by text only; it never quotes the key."""
    text = str(error)
    if text.startswith("Incorrect password"):
        return SignerdError(
            Reason.PASSWORD_WRONG, "the password does not open the private key", field="password"
        )
    if text.startswith("Password was not given"):
        return SignerdError(
            Reason.PASSWORD_WRONG, "the private key is encrypted; give its password", field="password"
        )
    return invalid("the private key can't be decoded; check it with `openssl pkey -in FILE -noout`")


def _encrypted() -> SignerdError:
    return SignerdError(
        Reason.PASSWORD_WRONG, "the private key is encrypted; give its password", field="password"
    )


def _checked(private_key: PrivateKey, algorithm: Algorithm | None) -> tuple[PrivateKey, Algorithm]:
    inferred = inferred_algorithm(private_key)
    if algorithm is None:
        return private_key, inferred
    if not fits(private_key.public_key(), algorithm):
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED,
            f"the private key is {describe(private_key.public_key())}, which is not a key for {algorithm}",
            field="algorithm",
        )
    return private_key, algorithm
