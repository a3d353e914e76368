"""docs/audit-log.md has every field of a record, and the frame as it is written."""

from __future__ import annotations

import re
from pathlib import Path

from signerd.audit import frames, segments
from signerd.audit.records import Record

PAGE = (Path(__file__).parents[2] / "docs" / "audit-log.md").read_text("utf-8")


def test_the_fields_are_those_of_a_record() -> None:
    fields = PAGE.split("## Operations")[0]
    assert re.findall(r"^\| `([a-z_0-9]+)` \|", fields, re.MULTILINE) == list(Record.__struct_fields__)


def test_the_frame_is_as_long_as_its_parts() -> None:
    shown = PAGE.split("frame: ")[1].split("```")[0]
    sizes = {"u32": 4, "u64": 8}
    assert sum(sizes[width] for width in re.findall(r"u32|u64", shown)) == frames.HEADER.size
    assert segments.MAGIC.decode() in PAGE


def test_the_segment_header_has_the_named_fields() -> None:
    shown = re.search(r"JSON: (.*)", PAGE)
    assert shown is not None
    assert shown[1].split(", ") == list(segments.Header.__struct_fields__)
