"""What PKCS#11 calls the algorithms: mechanisms, key types and parameters, by the rows of the one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, SigningInput
from signerd.core.signatures import p1363_to_der
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import unsupported

Mechanisms = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Scheme:
    """Names of PKCS#11 v3.2: what signs, what makes keys, the kind of key; `sized`: key sizes are told in bits."""

    mechanism: str
    generation: str
    key_type: str
    sized: bool = True


_SCHEMES = {
    Family.ECDSA: Scheme("ECDSA", "EC_KEY_PAIR_GEN", "EC"),
    Family.RSA_PKCS1: Scheme("RSA_PKCS", "RSA_PKCS_KEY_PAIR_GEN", "RSA"),
    Family.RSA_PSS: Scheme("RSA_PKCS_PSS", "RSA_PKCS_KEY_PAIR_GEN", "RSA"),
    Family.ED25519: Scheme("EDDSA", "EC_EDWARDS_KEY_PAIR_GEN", "EC_EDWARDS", sized=False),
    Family.ML_DSA: Scheme("ML_DSA", "ML_DSA_KEY_PAIR_GEN", "ML_DSA", sized=False),
}
# DER of DigestInfo without the digest (RFC 8017, section 9.2, note 1).
_DIGEST_INFO = {
    Hash.SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    Hash.SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    Hash.SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
_EC_PARAMETERS = {
    (Family.ECDSA, 256): bytes.fromhex("06082a8648ce3d030107"),
    (Family.ECDSA, 384): bytes.fromhex("06052b81040022"),
    (Family.ECDSA, 521): bytes.fromhex("06052b81040023"),
    (Family.ED25519, 255): bytes.fromhex("06032b6570"),
}
_ML_DSA_SETS = {44: b"1", 65: b"2", 87: b"3"}  # CKP_ML_DSA_44 and so on
UPPER_BOUND = tuple(algorithm for algorithm in TABLE if algorithm.family in _SCHEMES)
"""What the best of modules can do. Ed25519ph is not among it: modules take its flag and sign plain Ed25519."""


def scheme_of(algorithm: Algorithm) -> Scheme:
    """The names for an algorithm; raises ALGORITHM_UNSUPPORTED."""
    try:
        return _SCHEMES[algorithm.family]
    except KeyError:
        raise unsupported(algorithm, "signerd has no PKCS#11 mechanism for it", UPPER_BOUND) from None


def parameters_of(algorithm: Algorithm) -> bytes:
    """CKA_EC_PARAMS, or the number of CKA_PARAMETER_SET in decimal; empty for RSA."""
    if algorithm.family is Family.ML_DSA:
        return _ML_DSA_SETS[algorithm.size]
    return _EC_PARAMETERS.get((algorithm.family, algorithm.size), b"")


def curve_size(parameters: bytes) -> int:
    """Bits of the NIST curve that CKA_EC_PARAMS names; 0 for other curves."""
    nist = (
        size
        for (family, size), known in _EC_PARAMETERS.items()
        if (family, known) == (Family.ECDSA, parameters)
    )
    return next(nist, 0)


def supported(mechanisms: Mechanisms) -> tuple[Algorithm, ...]:
    """The algorithms that a token with these mechanisms signs with."""
    return tuple(algorithm for algorithm in UPPER_BOUND if _signs(algorithm, mechanisms))


def _signs(algorithm: Algorithm, mechanisms: Mechanisms) -> bool:
    scheme = scheme_of(algorithm)
    if scheme.mechanism not in mechanisms:
        return False
    smallest, largest = mechanisms[scheme.mechanism]
    return not scheme.sized or (smallest <= algorithm.size and (not largest or algorithm.size <= largest))


def generates(algorithm: Algorithm, mechanisms: Mechanisms) -> bool:
    """Whether keys of the algorithm can be made there."""
    return scheme_of(algorithm).generation in mechanisms


def to_sign(algorithm: Algorithm, given: SigningInput) -> bytes:
    """The bytes that the mechanism takes for a prepared input; raises MU_NOT_ACCEPTED."""
    if isinstance(given, Digest):
        prefix = _DIGEST_INFO[given.hash] if algorithm.family is Family.RSA_PKCS1 else b""
        return prefix + given.value
    if isinstance(given, Message):
        return given.data
    raise SignerdError(
        Reason.MU_NOT_ACCEPTED, "PKCS#11 takes no external mu; send the message", field="ml_dsa_mu"
    )


def salt_hash(algorithm: Algorithm) -> str:
    """The hash that PSS is told of, whose length is the salt's; empty for all else."""
    return str(algorithm.hash) if algorithm.family is Family.RSA_PSS else ""


def signature_of(algorithm: Algorithm, raw: bytes) -> bytes:
    """The signature as signerd gives it: r||s turned into DER; raises PROVIDER_INTEGRITY for what is no r||s."""
    if algorithm.family is not Family.ECDSA:
        return raw
    try:
        return p1363_to_der(raw, algorithm)
    except SignerdError as error:
        raise SignerdError(
            Reason.PROVIDER_INTEGRITY,
            f"the token's answer is no signature: {error.message}; nothing was released",
        ) from None
