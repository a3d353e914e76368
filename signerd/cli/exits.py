"""Exit codes."""

from __future__ import annotations

from enum import IntEnum

from signerd.codes import Code
from signerd.errors import Reason, SignerdError


class Exit(IntEnum):
    """What a script can tell apart."""

    OK = 0
    MISMATCH = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    NOT_FOUND = 5
    UNPROVEN = 6
    INTERRUPTED = 130


class Unchecked(SignerdError):
    """A signature that could not be checked, though nothing is wrong with the daemon; with a remedy of its own."""

    def __init__(self, reason: Reason, message: str, remedy: str) -> None:
        super().__init__(reason, message)
        self.remedy = remedy


MISMATCHES = frozenset({Reason.SIGNATURE_MISMATCH, Reason.SIGNATURE_MALFORMED, Reason.AUDIT_EVIDENCE_INVALID})
BY_CODE = {
    Code.INVALID_ARGUMENT: Exit.USAGE,
    Code.OUT_OF_RANGE: Exit.USAGE,
    Code.NOT_FOUND: Exit.NOT_FOUND,
    Code.ALREADY_EXISTS: Exit.REFUSED,
    Code.PERMISSION_DENIED: Exit.REFUSED,
    Code.UNAUTHENTICATED: Exit.REFUSED,
    Code.FAILED_PRECONDITION: Exit.REFUSED,
    Code.ABORTED: Exit.REFUSED,
}


def exit_of(error: SignerdError) -> Exit:
    """Exit code of an error: what is not clearly refused, wrong or absent could not be checked."""
    if isinstance(error, Unchecked):
        return Exit.UNAVAILABLE
    if error.reason in MISMATCHES:
        return Exit.MISMATCH
    if error.reason is Reason.REQUEST_TOO_LARGE:
        return Exit.REFUSED
    return BY_CODE.get(error.code, Exit.UNAVAILABLE)


def exit_of_file(error: OSError) -> Exit:
    """Exit code of a file that can't be read or written: the wrong name, or trouble with the disk."""
    wrong = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
    return Exit.USAGE if isinstance(error, wrong) else Exit.UNAVAILABLE
