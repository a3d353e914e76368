"""`signerctl audit prove`, `checkpoint`, `keys` and `rotate-key`."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from signerd.cli.audit_records import position_of
from signerd.cli.connection import connect
from signerd.cli.files import write_whole
from signerd.cli.key_tables import show_key
from signerd.cli.options import output_option
from signerd.cli.output import document_of, shows_table, time_text, write_document, write_message, write_table

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("position", metavar="SHARD/SEQUENCE")
@click.option(
    "--key",
    "keys",
    type=FILE,
    metavar="log.pub",
    help="Verify the proof with these keys before it is written.",
)
@click.option("--record", type=FILE, metavar="F", help="Write the record to file F, byte for byte.")
@output_option
@click.pass_context
def prove(ctx: click.Context, position: str, keys: Path | None, record: Path | None) -> None:
    """Write the proof (.tlog-proof) that a record is in the log.

    It waits for a checkpoint that covers the record, up to --timeout. `audit verify-proof` verifies it without a
    daemon. Exit code 4: there is no checkpoint yet; 1: the proof does not verify with log.pub, and is not written.

    \b
    Examples:
      signerctl audit prove worker-0/42 --record r.json > r.tlog-proof
      signerctl audit verify-proof r.tlog-proof --entry r.json --key log.pub
    """
    shard, sequence = position_of(position)
    with connect(ctx) as client:
        found = client.audit.get_proof(shard, sequence)
    if keys is not None:
        from signerd.auditor.inclusion import verify_inclusion
        from signerd.auditor.vkeys import parse_log_keys

        known = parse_log_keys(keys.read_bytes(), str(keys))
        verify_inclusion(found.proof.encode(), found.record.json.encode(), known, None)
    if record is not None:
        write_whole(record, found.record.json.encode())
    if shows_table(ctx):
        click.echo(found.proof, nl=False)
    else:
        write_message(ctx, found)


@click.command()
@click.argument("shard", required=False, default="")
@click.option(
    "--fresh", is_flag=True, help="First have one made that covers all records of the worker that answers."
)
@output_option
@click.pass_context
def checkpoint(ctx: click.Context, shard: str, fresh: bool) -> None:
    """Show the latest checkpoints; of one SHARD, write its signed note.

    Kept elsewhere, a note proves later that the log was not cut: `audit verify --since`.

    \b
    Examples:
      signerctl audit checkpoint
      signerctl audit checkpoint worker-0 > worker-0.checkpoint
    """
    with connect(ctx) as client:
        found = client.audit.checkpoints(shard, fresh=fresh)
    if not shows_table(ctx):
        write_document(ctx, {"checkpoints": [document_of(one) for one in found]})
    elif shard:
        click.echo(found[0].note, nl=False)
    else:
        rows = [
            (one.shard, str(one.size), time_text(one.time), base64.b64encode(one.root).decode())
            for one in found
        ]
        write_table(("SHARD", "RECORDS", "TIME", "ROOT"), rows)


@click.command()
@output_option
@click.pass_context
def keys(ctx: click.Context) -> None:
    """Write the public keys that checkpoints are verified with: the file log.pub of `audit verify`.

    One vkey a line for each shard and version of the log key. Whoever verifies the log must have got this file in a
    way that the daemon's host can't change later.

    \b
    Examples:
      signerctl audit keys > log.pub
    """
    with connect(ctx) as client:
        found = client.audit.log_keys()
    if shows_table(ctx):
        for one in found:
            click.echo(one.vkey)
    else:
        write_document(ctx, {"keys": [document_of(one) for one in found]})


@click.command("rotate-key")
@click.option(
    "--lost", is_flag=True, help="The key of now can't sign any more: do not wait for its signature."
)
@output_option
@click.pass_context
def rotate_key(ctx: click.Context, lost: bool) -> None:
    """Make a new log key. The next checkpoint of each shard is signed with the old and the new one.

    Give `signerctl audit keys` anew to those who verify the log.

    \b
    Examples:
      signerctl audit rotate-key && signerctl audit keys > log.pub
    """
    with connect(ctx) as client:
        answer = client.rotate_log_key(lost=lost)
    show_key(ctx, answer.key)
