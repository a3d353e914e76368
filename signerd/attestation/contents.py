"""What is known of a payload from its type: which format it is read by."""

from __future__ import annotations

from signerd.attestation import simple_signing, statements
from signerd.attestation.simple_signing import read_simple_signing
from signerd.attestation.statements import read_statement
from signerd.attestation.subjects import Contents
from signerd.errors import SignerdError


def contents(payload_type: str, payload: bytes) -> Contents | None:
    """What a payload is about; None where its type promises nothing that is read here.

    A message without a type is read as simple signing if it looks like that: cosign signs it bare. Where a payload is
    not what its type promises, `problem` says why.
    """
    if not payload_type:
        return _bare(payload) if simple_signing.looks_like(payload) else None
    if statements.PAYLOAD_TYPE.fullmatch(payload_type):
        read, name = read_statement, "in-toto statement"
    elif payload_type == simple_signing.PAYLOAD_TYPE:
        read, name = read_simple_signing, "simple-signing payload"
    else:
        return None
    try:
        return read(payload)
    except SignerdError as error:
        return Contents(problem=f"the payload is no {name} that can be read: {error.message}")


def _bare(message: bytes) -> Contents | None:
    try:
        return read_simple_signing(message)
    except SignerdError:
        return None  # a message promises nothing
