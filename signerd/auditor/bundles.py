"""Entry bundles (c2sp.org/tlog-tiles): entries, each behind its length as a big-endian uint16."""

from __future__ import annotations

from collections.abc import Iterable

from signerd.auditor.paths import WIDTH
from signerd.auditor.verdicts import malformed


def parse_bundle(data: bytes, what: str = "bundle") -> list[bytes]:
    """Entries of a bundle: 1 to 256, none of them empty. Raises AUDIT_FORMAT_INVALID."""
    entries: list[bytes] = []
    at, end = 0, len(data)
    while at + 2 <= end:
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        entries.append(data[start:at])
    if at != end or not entries:
        malformed(what, f"is cut off behind entry {len(entries)}")
    if len(entries) > WIDTH or not all(entries):
        malformed(what, f"has an empty entry, or more than {WIDTH}")
    return entries


def format_bundle(entries: Iterable[bytes]) -> bytes:
    """The bundle of these entries."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])
