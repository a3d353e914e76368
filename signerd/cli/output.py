"""Results on stdout: tables for people, JSON and YAML with the proto's field names for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from signerd.cli.options import output_of

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

UNBOUNDED = 10_000  # columns; a table for a pipe is never wrapped


def shows_table(ctx: click.Context) -> bool:
    """Whether people read the result."""
    return output_of(ctx) == "table"


def write_message(ctx: click.Context, message: Message) -> None:
    """Write a message as proto3 JSON, or as YAML of the same shape."""
    write_document(ctx, document_of(message))


def document_of(message: Message) -> dict[str, object]:
    """A message as proto3 JSON has it, with the proto's field names."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message, preserving_proto_field_name=True)


def write_document(ctx: click.Context, document: object) -> None:
    """Write plain data as JSON or YAML."""
    if output_of(ctx) == "yaml":
        import yaml

        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)
    else:
        write_json(document)


def write_json(document: object) -> None:
    """Write plain data as JSON, for people to read."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; off a terminal it is as wide as it needs, without colour."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    width = None if sys.stdout.isatty() else UNBOUNDED
    console = Console(file=sys.stdout, width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, one a line; empty values are left out."""
    shown = [(name, value) for name, value in facts if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {plain(value)}")


def plain(text: str) -> str:
    """Text without control characters: what a daemon or record says must not steer a terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def time_text(time: Timestamp) -> str:
    """A timestamp, RFC 3339 in UTC to the second; empty where it is not set."""
    return time.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ") if time.seconds else ""


def enum_text(name: str, prefix: str) -> str:
    """`KEY_VERSION_STATE_VERIFY_ONLY` as `verify-only`."""
    return name.removeprefix(prefix).lower().replace("_", "-")
