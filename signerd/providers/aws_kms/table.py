"""What AWS KMS calls the algorithms (API reference, CreateKey and Sign)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.core.digests import Digest
from signerd.core.inputs import Message, Mu, SigningInput
from signerd.providers.failures import unsupported

if TYPE_CHECKING:
    from mypy_boto3_kms.literals import KeySpecType, MessageTypeType, SigningAlgorithmSpecType

LONGEST_MESSAGE = 4096
"""Bytes that Sign takes unhashed."""

# Ed25519 is left out: whole messages end at 4,096 bytes, and with ED25519_PH_SHA_512 a digest is hashed again.
_FAMILIES = {
    Family.ECDSA: ("ECC_NIST_P{size}", "ECDSA_SHA_{bits}", "ecc"),
    Family.RSA_PKCS1: ("RSA_{size}", "RSASSA_PKCS1_V1_5_SHA_{bits}", "rsa"),
    Family.RSA_PSS: ("RSA_{size}", "RSASSA_PSS_SHA_{bits}", "rsa"),
    Family.ML_DSA: ("ML_DSA_{size}", "ML_DSA_SHAKE_256", "ml-dsa"),
}
_MESSAGE_TYPES: dict[type[SigningInput], MessageTypeType] = {
    Digest: "DIGEST",
    Mu: "EXTERNAL_MU",
    Message: "RAW",
}
_IMPORTED = frozenset({Family.ECDSA, Family.RSA_PKCS1, Family.RSA_PSS})


@dataclass(frozen=True, slots=True)
class Row:
    """An algorithm's key spec and signing algorithm, whose quota counts, and whether private keys are taken in."""

    algorithm: Algorithm
    spec: KeySpecType
    signing: SigningAlgorithmSpecType
    quota: str
    imports: bool


def _row(algorithm: Algorithm) -> Row:
    spec, signing, quota = _FAMILIES[algorithm.family]
    bits = algorithm.hash.size * 8 if algorithm.hash else 0
    return Row(
        algorithm,
        cast("KeySpecType", spec.format(size=algorithm.size)),
        cast("SigningAlgorithmSpecType", signing.format(bits=bits)),
        quota,
        algorithm.family in _IMPORTED,
    )


ROWS = {algorithm: _row(algorithm) for algorithm in TABLE if algorithm.family in _FAMILIES}
ALGORITHMS = tuple(ROWS)
QUOTAS = frozenset(row.quota for row in ROWS.values())
SPECS: frozenset[str] = frozenset(row.spec for row in ROWS.values())


def row_of(algorithm: Algorithm) -> Row:
    """The row of an algorithm; raises ALGORITHM_UNSUPPORTED."""
    try:
        return ROWS[algorithm]
    except KeyError:
        raise unsupported(algorithm, "AWS KMS does not sign with it", ALGORITHMS) from None


def tied_algorithm(spec: str) -> Algorithm | None:
    """The one algorithm that keys of a spec sign with; None for RSA keys, which take two paddings."""
    fitting = [row.algorithm for row in ROWS.values() if row.spec == spec]
    return fitting[0] if len(fitting) == 1 else None


def wire_form(given: SigningInput) -> tuple[bytes, MessageTypeType]:
    """Message and MessageType of a prepared input."""
    content = given.data if isinstance(given, Message) else given.value
    return content, _MESSAGE_TYPES[type(given)]
