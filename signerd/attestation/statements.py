"""in-toto Statements, v0.1 and v1 (in-toto Attestation Framework, spec/v1/statement.md): what they are about.

The predicate is passed over unread.
"""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec

from signerd.attestation.subjects import (
    LONGEST_PREDICATE_TYPE,
    MOST_SUBJECTS,
    Contents,
    Subject,
    cut,
    invalid,
    members,
    no_constant,
    subject,
)

# spec/v1/envelope.md: the general type, and one of each predicate.
PAYLOAD_TYPE: Final = re.compile(r"application/vnd\.in-toto(\.[A-Za-z0-9._-]+)?\+json")
VERSIONS: Final = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")
LARGEST: Final = 1 << 19
LARGEST_HEAD: Final = 1 << 15
"""Bytes of all but the predicate: some hundred subjects, and about two milliseconds to read them."""
_NAMES: Final = ("_type", "subject", "predicateType", "predicate")
_FOLDED: Final = {name.casefold() for name in _NAMES}


class _Whole(msgspec.Struct, gc=False):
    """A statement, as far as it is found without reading the rest."""

    predicate: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Whole).decode
_decode_head = json.JSONDecoder(object_pairs_hook=members, parse_constant=no_constant).decode


def read_statement(payload: bytes) -> Contents:
    """Predicate type and subjects of a statement; raises PAYLOAD_INVALID.

    Takes at most 512 KiB, and 32 KiB of it beside the predicate. A member that stands twice, or in other letter case as
    Go would take it too, is refused.
    """
    if len(payload) > LARGEST:
        raise invalid(f"a statement of {len(payload)} bytes is not read, {LARGEST} are the most")
    head = _head(payload)
    if head.get("_type") not in VERSIONS:
        raise invalid(f"_type is not {' or '.join(VERSIONS)}")
    predicate_type = head.get("predicateType")
    if not isinstance(predicate_type, str) or not predicate_type:
        raise invalid("predicateType is missing or no string")
    subjects = _subjects(head.get("subject"))
    shown = cut(predicate_type, LONGEST_PREDICATE_TYPE)
    return Contents(shown, tuple(subjects[:MOST_SUBJECTS]), len(subjects))


def _head(payload: bytes) -> dict[str, object]:
    """All but the predicate, which msgspec skips much faster than anything reads it."""
    try:
        predicate = bytes(_decode(payload).predicate)
        # What is left must be JSON again: were the same bytes to stand elsewhere first, a subject would be missing.
        rest = payload.replace(predicate, b"0", 1) if predicate[:1] == b"{" else payload
        if len(rest) > LARGEST_HEAD:
            raise invalid(f"a statement with {len(rest)} bytes beside its predicate is not read")
        head = _decode_head(rest.decode())
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise invalid("it is not a JSON object in UTF-8") from None
    if not isinstance(head, dict) or any(name not in _NAMES and name.casefold() in _FOLDED for name in head):
        raise invalid("a member has a name that differs from one of a statement's in letter case only")
    return head


def _subjects(value: object) -> list[Subject]:
    if not isinstance(value, list) or not value:
        raise invalid("subject is not a list with something in it")
    return [_subject(item) for item in value]


def _subject(item: object) -> Subject:
    if not isinstance(item, dict):
        raise invalid("a subject is not a JSON object")
    return subject(item.get("name", ""), item.get("digest"))
