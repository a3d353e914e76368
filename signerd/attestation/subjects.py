"""What a payload says it is about: subjects, as the audit log and policies name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from signerd.core.digests import Hash
from signerd.errors import Reason, SignerdError

MOST_SUBJECTS: Final = 8
LONGEST_NAME: Final = 128
LONGEST_PREDICATE_TYPE: Final = 256
CUT: Final = "…[cut]"
_ALGORITHM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,31}")
# Hex for all but directory hashes such as golang's `h1:`, which are base64.
_VALUE: Final = re.compile(r"[0-9A-Za-z+/=:_-]{1,256}")
_HEX: Final = {hash_.value: re.compile(rf"[0-9a-f]{{{hash_.size * 2}}}") for hash_ in Hash}


class Subject(msgspec.Struct, frozen=True, gc=False):
    """One thing that a payload is about: `digest` as algorithm:value, `name` cut to 128 characters."""

    digest: str = ""
    name: str = ""


class Contents(msgspec.Struct, frozen=True, gc=False):
    """What was read of a payload: the first eight subjects, and how many there are; `problem` is why nothing was."""

    predicate_type: str = ""
    subjects: tuple[Subject, ...] = ()
    count: int = 0
    problem: str = ""


def subject(name: object, digests: object) -> Subject:
    """A subject of its name and digest set; SHA-256 stands for the set where it has one. Raises PAYLOAD_INVALID."""
    if not isinstance(name, str):
        raise invalid("the name of a subject is not a string")
    if not isinstance(digests, Mapping) or not digests:
        raise invalid("a subject has no digest")
    pairs = {algorithm: _checked(algorithm, value) for algorithm, value in digests.items()}
    chosen = "sha256" if "sha256" in pairs else min(pairs)
    return Subject(f"{chosen}:{pairs[chosen]}", cut(name, LONGEST_NAME))


def _checked(algorithm: str, value: object) -> str:
    form = _HEX.get(algorithm, _VALUE)
    if not _ALGORITHM.fullmatch(algorithm) or not isinstance(value, str) or not form.fullmatch(value):
        raise invalid("a digest of a subject is not one")
    return value


def cut(text: str, limit: int) -> str:
    """The text with a mark where it was cut; lone surrogates become `?`."""
    text = text[: limit + 1].encode(errors="replace").decode()
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; raises PAYLOAD_INVALID for a member that stands in it twice, since readers differ on those."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise invalid("a member stands in it twice")
    return found


def no_constant(name: str) -> object:
    """Refuse NaN and Infinity, which are no JSON."""
    raise ValueError(name)


def invalid(problem: str) -> SignerdError:
    """The error of a payload that is not what its type promises."""
    return SignerdError(Reason.PAYLOAD_INVALID, problem, field="payload")
