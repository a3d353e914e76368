"""What can go wrong with a witness."""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """Why there is no cosignature; the values are labels of a metric."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    HTTP = "http"
    GARBAGE = "garbage"
    UNKNOWN_LOG = "unknown_log"
    UNKNOWN_KEY = "unknown_key"
    CONFLICT = "conflict"
    INCONSISTENT = "inconsistent"


class WitnessFault(Exception):
    """A witness did not cosign. `size` is the tree size it knows, where it said that it knows another one."""

    def __init__(self, fault: Fault, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.size = size
