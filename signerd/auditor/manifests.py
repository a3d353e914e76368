"""The manifest of a folder of evidence: every file with its SHA-256 and size, as canonical JSON (RFC 8785)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from signerd.auditor.verdicts import malformed

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
RECORD: Final = "seal.json"
PROOF: Final = "seal.tlog-proof"
SEALS: Final = (MANIFEST, RECORD, PROOF)
OPERATION: Final = "evidence"
MANIFEST_LIMIT: Final = 1 << 26
_PATH: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,200}(?:/(?!\.)[A-Za-z0-9._-]{1,200}){0,4}")
_HEX: Final = r"^[0-9a-f]{64}$"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its path with slashes, its SHA-256 in hex, its size in bytes."""

    path: str
    sha256: Annotated[str, msgspec.Meta(pattern=_HEX)]
    size: Annotated[int, msgspec.Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files by path; the period is RFC 3339 in UTC, `until` is not part of it."""

    files: tuple[Entry, ...]
    format: int
    instance: str
    since: str
    until: str

    def encoded(self) -> bytes:
        """The file."""
        return msgspec.json.encode(self)

    def sealed_text(self) -> str:
        """What the record that seals the manifest says of the period."""
        return period_text(self.since, self.until)


def period_text(since: str, until: str) -> str:
    """How a record names a period."""
    return f"evidence from {since} to {until}"


def entry_of(path: str, data: bytes) -> Entry:
    """The entry of a file."""
    return Entry(path, sha256(data).hexdigest(), len(data))


def build_manifest(instance: str, since: str, until: str, files: Sequence[Entry]) -> Manifest:
    """The manifest of these files."""
    return Manifest(tuple(sorted(files, key=lambda one: one.path)), FORMAT, instance, since, until)


def parse_manifest(data: bytes) -> Manifest:
    """Parse a manifest. Raises AUDIT_FORMAT_INVALID for what is not written exactly so."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest) if len(data) <= MANIFEST_LIMIT else None
    except (msgspec.DecodeError, RecursionError) as error:
        malformed(MANIFEST, f"is no manifest: {error}")
    if manifest is None or manifest.format != FORMAT or manifest.encoded() != data:
        malformed(MANIFEST, f"is not canonical JSON of format {FORMAT}, or too long")
    paths = [one.path for one in manifest.files]
    if sorted(set(paths)) != paths:
        malformed(MANIFEST, "does not list each file once, in the order of their paths")
    for path in paths:
        if not _PATH.fullmatch(path) or path in SEALS:
            malformed(MANIFEST, f"{path[:200]!r} is no path of a file in such a folder")
    return manifest
