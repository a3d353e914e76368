"""`signerctl audit list`, `show` and `tail`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click

from signerd.cli.audit_filters import filter_options
from signerd.cli.connection import connect
from signerd.cli.options import INT64, output_of, output_option
from signerd.cli.output import (
    document_of,
    plain,
    shows_table,
    time_text,
    write_document,
    write_json,
    write_message,
    write_table,
)

if TYPE_CHECKING:
    from signerd.client.arguments import FilterOptions
    from signerd.v1.audit_pb2 import AuditRecord

PAGE = 1000
NUMBER = re.compile("[0-9]{1,19}")
COLUMNS = ("POSITION", "TIME", "OPERATION", "OUTCOME", "KEY", "CALLER")


@click.command("list")
@filter_options
@click.option(
    "--limit", type=click.IntRange(1, INT64), default=50, show_default=True, help="At most so many records."
)
@output_option
@click.pass_context
def list_(ctx: click.Context, wanted: FilterOptions, limit: int) -> None:
    """List records of all shards that match all options, newest first.

    \b
    Examples:
      signerctl audit list --limit 10
      signerctl audit list --outcome refused --since 24h -o json
      signerctl audit list --digest sha256:$(sha256sum artifact.bin | cut -d' ' -f1)
    """
    from signerd.v1.audit_pb2 import ListRecordsResponse

    found = ListRecordsResponse()
    with connect(ctx) as client:
        while len(found.records) < limit:
            size = min(PAGE, limit - len(found.records))
            page = client.audit.list_records(page_size=size, page_token=found.next_page_token, **wanted)
            found.records.extend(page.records)
            found.next_page_token = page.next_page_token
            if not page.next_page_token:
                break
    if shows_table(ctx):
        write_table(COLUMNS, map(row, found.records))
    else:
        write_document(ctx, {"records": [], **document_of(found)})


@click.command()
@click.argument("position", metavar="SHARD/SEQUENCE")
@output_option
@click.pass_context
def show(ctx: click.Context, position: str) -> None:
    """Show one record with every field; with -o json or yaml the API's message that carries it.

    \b
    Examples:
      signerctl audit show worker-0/42
      signerctl audit show worker-0/42 -o json | jq -rj .json > record.json
    """
    shard, sequence = position_of(position)
    with connect(ctx) as client:
        record = client.audit.get_record(shard, sequence)
    if shows_table(ctx):
        write_json(json.loads(record.json))
    else:
        write_message(ctx, record)


@click.command()
@filter_options
@click.option(
    "--after",
    multiple=True,
    metavar="SHARD/SEQUENCE",
    help="Begin behind this record, for each shard; those not named are shown from their beginning.",
)
@output_option
@click.pass_context
def tail(ctx: click.Context, wanted: FilterOptions, after: tuple[str, ...]) -> None:
    """Show records as they come, until Ctrl-C; after an interruption it goes on without a gap.

    With -o json each line is a record, byte for byte as it stands in the log. Records of other workers come when they
    are known to be durable: with the next ones, or the next checkpoint.

    \b
    Examples:
      signerctl audit tail --outcome refused
      signerctl audit tail --after worker-0/1200 -o json
    """
    have = dict(map(position_of, after))
    try:
        with connect(ctx) as client:
            for message in client.audit.tail(after=have, patience=float("inf"), **wanted):
                for record in message.records:
                    write_record(ctx, record)
    except KeyboardInterrupt:
        ctx.exit(0)  # how it is meant to end


def write_record(ctx: click.Context, record: AuditRecord) -> None:
    """Write one record on a line, at once; with YAML as a document of its own."""
    if output_of(ctx) == "json":
        click.echo(record.json)
    elif output_of(ctx) == "yaml":
        click.echo("---")
        write_document(ctx, json.loads(record.json))
    else:
        click.echo("  ".join(plain(cell) for cell in row(record)))


def position_of(text: str) -> tuple[str, int]:
    """Shard and sequence of `SHARD/SEQUENCE`."""
    shard, _, sequence = text.rpartition("/")
    # The length first: int() refuses very long texts with an error of its own.
    number = int(sequence) if NUMBER.fullmatch(sequence) else -1
    if not shard or not 0 <= number <= INT64:
        raise click.BadParameter(
            f"{text!r} is not SHARD/SEQUENCE, such as worker-0/42", param_hint="SHARD/SEQUENCE"
        )
    return shard, number


def row(record: AuditRecord) -> tuple[str, ...]:
    """A record in one line."""
    where = f"{record.position.shard}/{record.position.sequence}"
    outcome = f"{record.outcome} {record.reason}".strip()
    return where, time_text(record.time), record.operation, outcome, record.key_version, record.caller
