"""JSON Lines: each record byte for byte as it stands in the log."""

from __future__ import annotations


def line(record: bytes) -> str:
    """The record and a newline."""
    return record.decode() + "\n"
