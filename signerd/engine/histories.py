"""What becomes of key material that exists already: which algorithm, which versions, in which states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.keys import KeyVersion, State
from signerd.core.public_keys import load_public_key, usual_algorithm
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material


def newest_enabled(found: Sequence[Material], uri: str) -> Material:
    """The version that signs now; raises KEY_MATERIAL_DISABLED where none does."""
    for material in reversed(found):
        if material.enabled:
            return material
    raise SignerdError(
        Reason.KEY_MATERIAL_DISABLED,
        f"no version of {uri} is enabled; enable one there, or take its public key only",
        field="uri",
    )


def chosen_algorithm(material: Material, wanted: str) -> Algorithm:
    """The algorithm that the material is tied to, else the one asked for, else the usual one for its public key.

    Raises ALGORITHM_UNKNOWN, and ALGORITHM_UNSUPPORTED where it is not one for the material.
    """
    asked = algorithm_named(wanted) if wanted else None
    tied = material.algorithm
    if tied is not None and asked not in (None, tied):
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED,
            f"{material.uri} signs with {tied}, not with {asked}; leave the algorithm out",
            field="algorithm",
        )
    algorithm = tied or asked or usual_algorithm(material.public_key)
    load_public_key(material.public_key, algorithm)
    return algorithm


def versions_of(
    name: str, found: Sequence[Material], states: Mapping[str, State], now: datetime
) -> list[KeyVersion]:
    """All versions of a key, oldest first, in the states given by URI; others verify, those disabled are disabled.

    Numbers are the technology's where it has them, else 1, 2 and so on.
    """
    numbered = all(material.number for material in found)
    return [
        KeyVersion(
            name,
            material.number if numbered else place,
            states.get(material.uri, State.VERIFY_ONLY if material.enabled else State.DISABLED),
            material.uri,
            material.public_key,
            now,
        )
        for place, material in enumerate(found, 1)
    ]


def check_one_algorithm(found: Sequence[Material], algorithm: Algorithm) -> None:
    """Raise ALGORITHM_UNSUPPORTED unless all versions are of the algorithm: a key has one."""
    for material in found:
        try:
            if material.algorithm not in (None, algorithm):
                raise SignerdError(Reason.ALGORITHM_UNSUPPORTED, f"it signs with {material.algorithm}")
            load_public_key(material.public_key, algorithm)
        except SignerdError as error:
            raise SignerdError(
                Reason.ALGORITHM_UNSUPPORTED,
                f"{material.uri} is not one of {algorithm} ({error.message}), and a key has one algorithm; "
                "adopt the URI of one version",
                field="uri",
            ) from None
