"""What a checkpoint says of a log (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.auditor.encodings import base64_text


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint says: `size` entries of the log `origin` have the root `root`."""

    origin: str
    size: int
    root: bytes

    def format(self) -> str:
        """The text that a log signs."""
        return f"{self.origin}\n{self.size}\n{base64_text(self.root)}\n"
