"""`signerctl status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signerd.cli.connection import connect
from signerd.cli.exits import Exit
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, time_text, write_facts, write_message

if TYPE_CHECKING:
    from signerd.v1.admin_pb2 import CheckpointStatus, GetStatusResponse, SinkStatus


@click.command()
@output_option
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show how the daemon is; exit code 4 when it does not sign.

    \b
    Examples:
      signerctl status
      signerctl status -o json
    """
    with connect(ctx) as client:
        answer = client.status()
    if shows_table(ctx):
        write_facts(_facts(answer))
    else:
        write_message(ctx, answer)
    if not answer.serving:
        ctx.exit(Exit.UNAVAILABLE)


def _facts(answer: GetStatusResponse) -> list[tuple[str, str]]:
    audit = answer.audit
    return [
        ("version", answer.version),
        ("instance", answer.instance),
        ("serving", "yes" if answer.serving else "no"),
        ("started", time_text(answer.start_time)),
        ("worker", f"{answer.worker} ({answer.workers} in all)"),
        ("revision", str(answer.revision)),
        ("keys", str(answer.keys)),
        ("caller", answer.caller),
        *((f"provider {one.name}", _health(one.healthy, one.type, one.detail)) for one in answer.providers),
        ("audit", _health(audit.healthy, f"{audit.shard} at {audit.sequence}", audit.detail)),
        *_checkpoints(audit.checkpoint),
        *((f"sink {one.name}", _sink(one)) for one in audit.sinks),
        *(("warning", warning) for warning in answer.warnings),
    ]


def _checkpoints(own: CheckpointStatus) -> list[tuple[str, str]]:
    newest = _checkpoint(own.size, own.age_seconds) if own.size else "none yet"
    found = [("checkpoint", ", ".join(filter(None, (newest, own.problem))))]
    if own.witnesses:
        reached = sum(not one.problem for one in own.witnesses)
        found.append(("witnesses", f"{reached} of {len(own.witnesses)} reached, quorum {own.quorum}"))
    for one in own.witnesses:
        found.append((f"witness {one.name}", _health(not one.problem, f"at {one.size}", one.problem)))
    if own.HasField("mirror"):
        mirror = own.mirror
        behind = f"{mirror.lag} behind"
        found.append(("mirror", _health(not mirror.problem, f"at {mirror.size}", behind, mirror.problem)))
    found.append(("truncation", own.truncation))
    return [*found, *((f"shard {one.shard}", _checkpoint(one.size, one.age_seconds)) for one in own.others)]


def _checkpoint(size: int, age: int) -> str:
    return f"{size} records, {age} s ago"


def _sink(sink: SinkStatus) -> str:
    left_out = f"{sink.dropped} left out" if sink.dropped else ""
    kind = f"{sink.type}, required" if sink.required else sink.type
    return _health(sink.healthy, kind, f"at {sink.position}", f"{sink.lag} behind", left_out, sink.detail)


def _health(healthy: bool, *facts: str) -> str:
    return ", ".join(("ok" if healthy else "NOT OK", *filter(None, facts)))
