"""What is said of a file or record that is not as it should be."""

from __future__ import annotations

from typing import NoReturn

from signerd.errors import Reason, SignerdError


def malformed(what: str, problem: str) -> NoReturn:
    """Raise AUDIT_FORMAT_INVALID: `what` is not in its format."""
    raise SignerdError(Reason.AUDIT_FORMAT_INVALID, f"{what}: {problem}", field=what)


def wrong(where: str, problem: str) -> NoReturn:
    """Raise AUDIT_EVIDENCE_INVALID: `where` names a record (`SHARD/SEQUENCE`) or a file."""
    raise SignerdError(Reason.AUDIT_EVIDENCE_INVALID, f"{where}: {problem}", field=where)
