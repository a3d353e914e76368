"""Names at Cloud KMS: key URIs, and the ids of the CryptoKeys that signerd makes."""

from __future__ import annotations

import hashlib
import re

from signerd.core.algorithms import Algorithm
from signerd.errors import Reason, SignerdError

SCHEME = "gcp-kms://"
_KEY = (
    r"projects/[a-z0-9.:_-]{1,128}/locations/[a-z0-9-]{1,63}"
    r"/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}"
)
_KEY_URI = re.compile(rf"{SCHEME}({_KEY})\Z")
_VERSION_URI = re.compile(rf"{SCHEME}({_KEY}/cryptoKeyVersions/[1-9][0-9]{{0,9}})\Z")
_READABLE = 40
"""Characters of the key's name in the id; the hash takes the other 17 of 63, and a dash."""


def version_name(uri: str) -> str:
    """Resource name of a version; raises KEY_URI_INVALID for anything else, a key without a version too."""
    found = _VERSION_URI.match(uri)
    if found is None:
        missing = " and a version, /cryptoKeyVersions/N," if _KEY_URI.match(uri) else ""
        raise _invalid(uri, missing)
    return found[1]


def key_or_version_name(uri: str) -> tuple[str, bool]:
    """Resource name, and whether it is a version's; raises KEY_URI_INVALID."""
    key = _KEY_URI.match(uri)
    return (key[1], False) if key is not None else (version_name(uri), True)


def uri_of(name: str) -> str:
    """Key URI of a resource name."""
    return SCHEME + name


def number_of(version: str) -> int:
    """Number of a version, from its resource name."""
    return int(version.rpartition("/")[2])


def numbered(key: str, number: int) -> str:
    """Resource name of a key's version."""
    return f"{key}/cryptoKeyVersions/{number}"


def key_id(instance: str, key: str, algorithm: Algorithm, protection: str) -> str:
    """Id of the CryptoKey that has the versions of a key, [a-zA-Z0-9_-]{1,63}.

    The hash tells apart names that look alike when written in that alphabet, instances that share a ring, and a name
    that is used again for keys of another algorithm: a CryptoKey has one.
    """
    facts = "\0".join((instance, key, algorithm.name, protection))
    readable = re.sub(r"[^a-zA-Z0-9_-]", "-", key)[:_READABLE]
    return f"{readable}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def _invalid(uri: str, missing: str) -> SignerdError:
    return SignerdError(
        Reason.KEY_URI_INVALID,
        f"{uri[:256]!r} is not of the form {SCHEME}projects/P/locations/L/keyRings/R/cryptoKeys/K"
        f"[/cryptoKeyVersions/N]{'; signing needs a key' + missing.rstrip(',') if missing else ''}",
        field="uri",
    )
