"""`signerctl audit`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click

from signerd.cli.audit_prune import prune
from signerd.cli.audit_verify import verify, verify_proof
from signerd.cli.connection import connect
from signerd.cli.names import plain_name
from signerd.cli.options import INT64, output_option
from signerd.cli.output import (
    document_of,
    shows_table,
    time_text,
    write_document,
    write_json,
    write_message,
    write_table,
)

if TYPE_CHECKING:
    from signerd.v1.audit_pb2 import AuditRecord

PAGE = 1000
NUMBER = re.compile("[0-9]{1,19}")


@click.group()
def audit() -> None:
    """Read the audit log.

    \b
    Examples:
      signerctl audit list --key release --limit 5
      signerctl audit show w0/42
      signerctl audit verify /backup/audit --key log.pub --since checkpoint
    """


audit.add_command(verify)
audit.add_command(verify_proof)
audit.add_command(prune)


@audit.command("list")
@click.option(
    "--key", "-k", default="", metavar="NAME", callback=plain_name, help="Only records of this key."
)
@click.option(
    "--outcome", type=click.Choice(["ok", "refused", "failed"]), help="Only records of this outcome."
)
@click.option(
    "--limit", type=click.IntRange(1, INT64), default=50, show_default=True, help="At most so many records."
)
@output_option
@click.pass_context
def list_(ctx: click.Context, key: str, outcome: str | None, limit: int) -> None:
    """List records, newest first.

    \b
    Examples:
      signerctl audit list --limit 10
      signerctl audit list --outcome refused -o json
    """
    from signerd.v1.audit_pb2 import ListRecordsResponse

    found = ListRecordsResponse()
    with connect(ctx) as client:
        while len(found.records) < limit:
            size = min(PAGE, limit - len(found.records))
            token = found.next_page_token
            page = client.audit.list_records(page_size=size, page_token=token, key=key, outcome=outcome or "")
            found.records.extend(page.records)
            found.next_page_token = page.next_page_token
            if not page.next_page_token:
                break
    if shows_table(ctx):
        columns = ("POSITION", "TIME", "OPERATION", "OUTCOME", "KEY", "CALLER")
        write_table(columns, map(_row, found.records))
    else:
        write_document(ctx, {"records": [], **document_of(found)})


@audit.command()
@click.argument("position", metavar="SHARD/SEQUENCE")
@output_option
@click.pass_context
def show(ctx: click.Context, position: str) -> None:
    """Show one record with every field; with -o json or yaml the API's message that carries it.

    \b
    Examples:
      signerctl audit show w0/42
      signerctl audit show w0/42 -o json | jq -r .json
    """
    shard, sequence = position_of(position)
    with connect(ctx) as client:
        record = client.audit.get_record(shard, sequence)
    if shows_table(ctx):
        write_json(json.loads(record.json))
    else:
        write_message(ctx, record)


def position_of(text: str) -> tuple[str, int]:
    """Shard and sequence of `SHARD/SEQUENCE`."""
    shard, _, sequence = text.rpartition("/")
    # The length first: int() refuses very long texts with an error of its own.
    number = int(sequence) if NUMBER.fullmatch(sequence) else -1
    if not shard or not 0 <= number <= INT64:
        raise click.BadParameter(
            f"{text!r} is not SHARD/SEQUENCE, such as w0/42", param_hint="SHARD/SEQUENCE"
        )
    return shard, number


def _row(record: AuditRecord) -> tuple[str, ...]:
    where = f"{record.position.shard}/{record.position.sequence}"
    outcome = f"{record.outcome} {record.reason}".strip()
    return where, time_text(record.time), record.operation, outcome, record.key_version, record.caller
