"""Private keys: making, reading and writing them. Weak or odd ones are refused here."""

from __future__ import annotations

import re
from collections.abc import Callable

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
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
MAX_DER = 2500
"""Bytes of DER; RSA with 4096 bits takes 2,376. Loading holds the GIL, for seconds where numbers are longer."""
MAX_ML_DSA_DER = 6 * 1024
"""Bytes of DER with ML-DSA's identifier; seed and expanded key (RFC 9881) of ML-DSA-87 take 4,970."""
MAX_RSA = 4096
_ML_DSA_HEAD = re.compile(
    rb"\x30\x82..\x02\x01[\x00\x01]\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03[\x11-\x13]", re.DOTALL
)
_UNEVEN = 64  # bits that a prime may be longer than half the modulus


def generate(algorithm: Algorithm) -> PrivateKey:
    """Make a private key. RSA takes seconds: keep it off the event loop."""
    return _GENERATE[algorithm.family](algorithm.size)


def read(
    pem: bytes, password: bytes | None = None, algorithm: Algorithm | None = None
) -> tuple[Algorithm, bytes]:
    """Read PEM of plain PKCS#8, SEC1, PKCS#1 or of cosign's encrypted format: its algorithm, and PKCS#8 DER.

    The algorithm follows from the key unless given. Decrypting takes long: keep it off the event loop.
    Encrypted PKCS#8 is refused: whoever made it chose how long opening it takes.
    Raises PRIVATE_KEY_INVALID, PASSWORD_WRONG, or ALGORITHM_UNSUPPORTED if key and algorithm differ.
    """
    private_key, algorithm = _checked(_read(pem, password), algorithm)
    return algorithm, to_pkcs8(private_key)


def from_pkcs8(der: bytes, algorithm: Algorithm | None = None) -> tuple[PrivateKey, Algorithm]:
    """Read unencrypted PKCS#8 DER (RFC 5958); raises as `read` does."""
    return _checked(_load(der), algorithm)


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
    if block.label in _PLAIN:
        return _load(block.data)
    if block.label == _ENCRYPTED:
        raise _encrypted()
    if block.label not in cosign_keys.LABELS:
        raise invalid(
            f"a PEM block {block.label!r} is not a private key; known: {', '.join(_PLAIN)} and cosign's"
        )
    if password is None:
        raise SignerdError(
            Reason.PASSWORD_WRONG, "the private key is encrypted; give its password", field="password"
        )
    return _load(cosign_keys.decrypt(pem, password))


def _load(der: bytes) -> PrivateKey:
    most = MAX_ML_DSA_DER if _ML_DSA_HEAD.match(der) else MAX_DER
    if len(der) > most:
        raise invalid(f"the private key is {len(der)} bytes of DER, at most {most} are taken")
    key = _decoded(der, checked=False)
    if isinstance(key, rsa.RSAPrivateKey):
        _check_lengths(key)
        key = _decoded(der, checked=True)
    if not isinstance(key, PrivateKey):
        raise invalid(
            "the private key is of a kind that does not sign here (DSA, DH, X25519, Ed448 and the like)"
        )
    return key


def _decoded(der: bytes, *, checked: bool) -> object:
    """The key; of RSA unchecked, the lengths of its numbers can be trusted and nothing else."""
    try:
        return load_der_private_key(der, None, unsafe_skip_rsa_key_validation=not checked)
    except TypeError:  # the library's word for a password that is missing
        raise _encrypted() from None
    except (ValueError, UnsupportedAlgorithm, InternalError):
        raise invalid(
            "the private key can't be decoded; check it with `openssl pkey -in FILE -noout`"
        ) from None


def _check_lengths(key: rsa.RSAPrivateKey) -> None:
    """Refuse RSA whose check would take long: that is testing its primes, whatever the modulus says."""
    numbers = key.private_numbers()
    longest = max(numbers.p.bit_length(), numbers.q.bit_length())
    if key.key_size > MAX_RSA or longest > key.key_size // 2 + _UNEVEN:
        raise invalid(
            f"the private key is RSA with {key.key_size} bits and a prime of {longest}; "
            "taken are 2048, 3072 or 4096 bits with primes of half the length"
        )


def _encrypted() -> SignerdError:
    return invalid("encrypted PKCS#8 is not taken; decrypt it first: openssl pkey -in FILE")


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
