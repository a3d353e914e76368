"""Paths of tiles and entry bundles below a log (c2sp.org/tlog-tiles): `tile/<L>/<N>[.p/<W>]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from signerd.auditor.encodings import LARGEST, decimal
from signerd.auditor.verdicts import malformed

WIDTH: Final = 256
ENTRIES: Final = -1
HIGHEST: Final = 63
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class TilePath:
    """A tile's place: `level` is ENTRIES for a bundle, `width` WIDTH for a full one."""

    level: int
    index: int
    width: int = WIDTH

    def format(self) -> str:
        """The path, with slashes."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        last, rest = self.index % 1000, self.index // 1000
        path = f"{last:03d}"
        while rest:
            rest, part = divmod(rest, 1000)
            path = f"x{part:03d}/{path}"
        return f"tile/{level}/{path}" + ("" if self.width == WIDTH else f".p/{self.width}")


def parse_path(text: str) -> TilePath:
    """Parse a path. Raises AUDIT_FORMAT_INVALID."""
    found = _PATH.fullmatch(text)
    if found is None:
        malformed("path", f"{text[:200]!r} is no path of a tile")
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    digits = found["index"].replace("x", "").replace("/", "").lstrip("0") or "0"
    index, width = decimal(digits), int(found["width"] or WIDTH)
    if level > HIGHEST or index is None or index > LARGEST or (found["width"] and width >= WIDTH):
        malformed("path", f"{text[:200]!r} is no path of a tile")
    path = TilePath(level, index, width)
    if path.format() != text:
        malformed("path", f"{text[:200]!r} is not how {path.format()} is written")
    return path
