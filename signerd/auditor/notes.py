"""Signed notes (c2sp.org/signed-note): a text and lines with signatures of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from signerd.auditor.encodings import base64_bytes, base64_text, is_key_name
from signerd.auditor.verdicts import malformed

NOTE_LIMIT: Final = 1 << 20
SIGNATURE_LIMIT: Final = 100
KEY_ID: Final = 4
_DASH: Final = "\u2014 "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says to have signed, with which key (its 4 byte id), and the signature."""

    name: str
    key_id: bytes
    value: bytes

    def format(self) -> str:
        """The line."""
        return f"{_DASH}{self.name} {base64_text(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note; the text ends with its newline."""

    text: str
    signatures: tuple[Signature, ...]

    def format(self) -> bytes:
        """The note as it stands in a file."""
        return (self.text + "\n" + "".join(one.format() for one in self.signatures)).encode()


def parse_note(data: bytes, what: str = "note") -> Note:
    """Parse a note; nothing is verified. Raises AUDIT_FORMAT_INVALID; `what` names the note in it."""
    if len(data) > NOTE_LIMIT:
        malformed(what, f"is longer than {NOTE_LIMIT} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        malformed(what, "is not UTF-8")
    if _CONTROL.search(whole):
        malformed(what, "has control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        malformed(what, "is no text, an empty line and signature lines, each with a newline at its end")
    listed = lines[:-1].split("\n")
    if len(listed) > SIGNATURE_LIMIT:
        malformed(what, f"has more than {SIGNATURE_LIMIT} signatures")
    return Note(text + "\n", tuple(_signature(line, what) for line in listed))


def _signature(line: str, what: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    value = base64_bytes(encoded)
    if not line.startswith(_DASH) or not is_key_name(name) or value is None or len(value) <= KEY_ID:
        malformed(what, f"{line[:80]!r} is not `\u2014 NAME BASE64`")
    return Signature(name, value[:KEY_ID], value[KEY_ID:])
