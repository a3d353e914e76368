"""The formats by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from signerd.exports import cloudevents, csv, jsonl, ocsf

NAMES = ("jsonl", "csv", "ocsf", "cloudevents")


class Format(NamedTuple):
    """What stands before the first record, with its line end, and the line of a record's JSON, with its own."""

    header: str
    line: Callable[[bytes], str]


def formats(instance: str = "") -> dict[str, Format]:
    """All formats for the log of an instance, whose id stands in what they name."""
    return {
        "jsonl": Format("", jsonl.line),
        "csv": Format(csv.header(), csv.line),
        "ocsf": Format("", partial(ocsf.line, instance=instance)),
        "cloudevents": Format("", partial(cloudevents.line, instance=instance)),
    }
