"""Algorithms of Cloud KMS, by the names its API gives them, and how each takes what is signed."""

from __future__ import annotations

from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.core.digests import Digest
from signerd.core.inputs import Message, Mu, SigningInput
from signerd.core.public_keys import ML_DSA_SETS, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import unsupported

MOST_DATA = 64 * 1024
"""Bytes of a message that is signed whole."""

EXTERNAL_MU = "_EXTERNAL_MU"
_FORMS = {
    Family.ECDSA: "EC_SIGN_P{size}_SHA{size}",
    Family.RSA_PKCS1: "RSA_SIGN_PKCS1_{size}_SHA256",
    Family.RSA_PSS: "RSA_SIGN_PSS_{size}_SHA256",
    Family.ED25519: "EC_SIGN_ED25519",
    Family.ML_DSA: "PQ_SIGN_ML_DSA_{size}_EXTERNAL_MU",
}
_NOT_OFFERED = ("ecdsa-p521-sha512",)
_BY_ALGORITHM = {
    row: _FORMS[row.family].format(size=row.size)
    for row in TABLE
    if row.family in _FORMS and row.name not in _NOT_OFFERED
}
_BY_NAME = {name: row for row, name in _BY_ALGORITHM.items()} | {
    name.removesuffix(EXTERNAL_MU): row for row, name in _BY_ALGORITHM.items()
}

ALGORITHMS = tuple(_BY_ALGORITHM)
"""What Cloud KMS makes keys of and signs with."""


def name_of(algorithm: Algorithm) -> str:
    """The API's name for new versions; raises ALGORITHM_UNSUPPORTED."""
    try:
        return _BY_ALGORITHM[algorithm]
    except KeyError:
        raise unsupported(algorithm, "Cloud KMS has no such keys", ALGORITHMS) from None


def algorithm_of(name: str) -> Algorithm | None:
    """The algorithm of a version; None for one that signerd lacks."""
    return _BY_NAME.get(name)


def is_post_quantum(name: str) -> bool:
    """Whether the public key has no PEM form at the API."""
    return name.startswith("PQ_")


def spki_of(name: str, raw: bytes) -> bytes:
    """SubjectPublicKeyInfo of a post-quantum public key in NIST's raw form; raises ValueError."""
    algorithm = _BY_NAME[name]
    return spki(ML_DSA_SETS[algorithm.size].from_public_bytes(raw))


def member_of(algorithm: Algorithm, given: SigningInput) -> tuple[str, bytes]:
    """Which member of the request takes the input, and its bytes; raises REQUEST_TOO_LARGE."""
    if isinstance(given, Digest):
        return given.hash.value, given.value
    if isinstance(given, Mu):
        return "external_mu", given.value
    check_size(algorithm, given)
    return "data", given.data


def check_size(algorithm: Algorithm, given: Message) -> None:
    """Raise REQUEST_TOO_LARGE for a message that Cloud KMS does not take whole."""
    if len(given.data) > MOST_DATA:
        raise SignerdError(
            Reason.REQUEST_TOO_LARGE,
            f"Cloud KMS signs messages of up to {MOST_DATA} bytes with {algorithm}; this one has {len(given.data)}",
            field="message",
        )
