"""What of a shard must be there: tiles and bundles from the first entry on, and the write-ahead file up to its end."""

from __future__ import annotations

import re
from typing import Final

from signerd.auditor.contents import MINIMUM_INDEX, Contents
from signerd.auditor.encodings import decimal
from signerd.auditor.paths import ENTRIES, WIDTH, TilePath
from signerd.auditor.records import PRUNED, Notable, Records
from signerd.auditor.verdicts import wrong
from signerd.auditor.writeahead import WriteAhead

_MINIMUM: Final = re.compile(r"minimum index ([1-9][0-9]{0,18})\b")


def first_index(contents: Contents, size: int) -> int:
    """Index of the first entry that is there: 0, or where pruning has ended."""
    number = size // WIDTH
    while number and contents.widest(ENTRIES, number - 1) == WIDTH:
        number -= 1
    return number * WIDTH


def check_presence(contents: Contents, size: int, start: int) -> None:
    """Raise AUDIT_EVIDENCE_INVALID where a tile or bundle of a tree of `size` entries is missing from `start` on."""
    for level in (ENTRIES, *range(8)):
        shift = 8 * max(level, 0)
        count = size >> shift
        for index in range(start >> shift + 8, -(-count // WIDTH)):
            width = min(WIDTH, count - index * WIDTH)
            if contents.widest(level, index) < width:
                wrong(TilePath(level, index, width).format(), "is missing")


def check_pruning(contents: Contents, records: Records, start: int) -> None:
    """Raise AUDIT_EVIDENCE_INVALID unless what is missing, and what the file says, is on record as pruned."""
    minimum = max(map(_minimum_index, records.of(PRUNED)), default=0)
    if start > minimum:
        name = TilePath(ENTRIES, start // WIDTH - 1).format()
        wrong(name, "is missing, and no record says that it was pruned")
    path = contents.directory / MINIMUM_INDEX
    if path.exists():
        text = path.read_bytes()[:64].decode("latin-1")
        number = decimal(text.removesuffix("\n"))
        if number is None or number > minimum or not text.endswith("\n"):
            wrong(MINIMUM_INDEX, f"says {text[:32]!r}; the largest minimum index on record is {minimum}")


def _minimum_index(record: Notable) -> int:
    found = _MINIMUM.match(str(record.fields.get("detail", "")))
    return int(found[1]) if found else 0


def check_ends(contents: Contents, wal: WriteAhead, size: int, total: int) -> None:
    """The write-ahead file, where there is one, reaches from the full bundles at least to the checkpoint."""
    if contents.has_wal and not contents.segments:
        wrong("wal", "has no segment")
    if wal.first and wal.last < size:
        wrong(
            f"wal/{contents.segments[-1].name}",
            f"ends with record {wal.last}, before the checkpoint's {size}",
        )
    if wal.first - 1 > total - total % WIDTH:
        wrong(f"wal/{contents.segments[0].name}", f"begins with record {wal.first}: one before it is missing")
