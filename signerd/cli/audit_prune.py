"""`signerctl audit prune`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from signerd.cli.audit_verify import Time
from signerd.cli.connection import connect
from signerd.cli.exits import Exit
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, write_message, write_table

if TYPE_CHECKING:
    from signerd.v1.admin_pb2 import PrunedShard

DAY: Final = 86_400
SECONDS: Final = 600.0
"""How long it may take: all that is deleted is read before, to see how old it is."""


@click.command()
@click.option(
    "--before",
    type=Time(),
    required=True,
    metavar="TIME",
    help="Delete records from before; at least a day ago.",
)
@click.option("--plan", is_flag=True, help="Only show what would be deleted.")
@click.option("--yes", is_flag=True, help="Delete; records that are deleted can't be had back.")
@output_option
@click.pass_context
def prune(ctx: click.Context, before: int, plan: bool, yes: bool) -> None:
    """Delete audit records that are older than TIME, in bundles of 256; that goes on record.

    Records that no checkpoint covers, and those that the mirror or a required sink has not got, are kept. What is
    left verifies as before. It is the shard of the worker that answers; audit.retention prunes those of all.

    \b
    Examples:
      signerctl audit prune --before 2025-01-01 --plan
      signerctl audit prune --before 2025-01-01 --yes
    """
    from google.protobuf.timestamp_pb2 import Timestamp

    from signerd.client.arguments import new_id
    from signerd.client.methods import Method
    from signerd.v1.admin_pb2 import PruneRecordsRequest, PruneRecordsResponse

    if plan == yes:
        raise click.UsageError("give either --plan, to see what would be deleted, or --yes, to delete it")
    if before > time.time() - DAY:
        raise click.UsageError("--before must be at least a day ago")
    method = Method("/signerd.v1.Admin/PruneRecords", PruneRecordsRequest, PruneRecordsResponse)
    with connect(ctx) as client:
        request = PruneRecordsRequest(before=Timestamp(seconds=before), plan_only=plan, request_id=new_id())
        answer = client.call(method, request, timeout=SECONDS)
    if shows_table(ctx):
        title = "WOULD BE DELETED" if plan else "DELETED"
        write_table(("SHARD", title, "BEGINS WITH", "WHY NO MORE"), map(_row, answer.shards))
    else:
        write_message(ctx, answer)
    if not plan and all(one.problem for one in answer.shards):
        ctx.exit(Exit.UNAVAILABLE)


def _row(shard: PrunedShard) -> tuple[str, ...]:
    count = shard.minimum_index - shard.before
    return shard.shard, f"{count} records", f"record {shard.minimum_index + 1}", shard.problem
