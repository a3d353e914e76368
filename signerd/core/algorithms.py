"""The one table of signature algorithms; every other `if algorithm ==` is a bug."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from signerd.core.digests import Hash
from signerd.errors import Reason, SignerdError


class Family(Enum):
    """How an algorithm signs; the code paths of `signatures` hang on it."""

    ECDSA = "ecdsa"
    RSA_PKCS1 = "rsa-pkcs1"
    RSA_PSS = "rsa-pss"
    ED25519 = "ed25519"
    ED25519PH = "ed25519ph"
    ML_DSA = "ml-dsa"


@dataclass(frozen=True, slots=True, eq=False)
class Algorithm:
    """One row of the table.

    `hash` is the hash of the message, None where the algorithm takes whole messages. `size` is the curve's or the
    modulus' bits, or the ML-DSA parameter set. `slow` ones take over a millisecond: they are kept off the event loop.
    """

    name: str
    family: Family
    hash: Hash | None
    size: int
    aliases: tuple[str, ...] = ()
    slow: bool = False

    @property
    def takes_digest(self) -> bool:
        """Whether a digest made by the caller can be signed."""
        return self.hash is not None

    def __str__(self) -> str:
        return self.name


def _rsa(size: int, slow: bool) -> list[Algorithm]:
    return [
        Algorithm(
            f"rsa-pkcs1-{size}-sha256",
            Family.RSA_PKCS1,
            Hash.SHA256,
            size,
            (f"rsa-sign-pkcs1-{size}-sha256",),
            slow,
        ),
        Algorithm(
            f"rsa-pss-{size}-sha256",
            Family.RSA_PSS,
            Hash.SHA256,
            size,
            (f"rsa-sign-pss-{size}-sha256",),
            slow,
        ),
    ]


TABLE: tuple[Algorithm, ...] = (
    Algorithm("ecdsa-p256-sha256", Family.ECDSA, Hash.SHA256, 256, ("ecdsa-sha2-256-nistp256",)),
    Algorithm("ecdsa-p384-sha384", Family.ECDSA, Hash.SHA384, 384, ("ecdsa-sha2-384-nistp384",)),
    Algorithm("ecdsa-p521-sha512", Family.ECDSA, Hash.SHA512, 521, ("ecdsa-sha2-512-nistp521",)),
    *_rsa(2048, slow=False),
    *_rsa(3072, slow=True),
    *_rsa(4096, slow=True),
    Algorithm("ed25519", Family.ED25519, None, 255),
    Algorithm("ed25519ph", Family.ED25519PH, Hash.SHA512, 255, ("ed25519-ph",)),
    Algorithm("ml-dsa-44", Family.ML_DSA, None, 44, slow=True),
    Algorithm("ml-dsa-65", Family.ML_DSA, None, 65, slow=True),
    Algorithm("ml-dsa-87", Family.ML_DSA, None, 87, slow=True),
)
BY_NAME = {name: row for row in TABLE for name in (row.name, *row.aliases)}
DEFAULT = BY_NAME["ecdsa-p256-sha256"]


def algorithm_named(name: str) -> Algorithm:
    """Find an algorithm by its name or alias, the default one for an empty name; raises ALGORITHM_UNKNOWN."""
    if not name:
        return DEFAULT
    try:
        return BY_NAME[name.lower()]
    except KeyError:
        known = ", ".join(row.name for row in TABLE)
        raise SignerdError(
            Reason.ALGORITHM_UNKNOWN, f"unknown algorithm {name[:64]!r}; known: {known}", field="algorithm"
        ) from None
