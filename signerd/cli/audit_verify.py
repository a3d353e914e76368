"""`signerctl audit verify` and `verify-proof`: offline, without a daemon."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signerd.cli.audit_reports import exit_of_reports, time_text, write_lines, write_reports
from signerd.cli.exits import Unchecked
from signerd.cli.files import read_input
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, write_document
from signerd.cli.progress import counting
from signerd.errors import Reason

if TYPE_CHECKING:
    from signerd.auditor.policies import Policy
    from signerd.auditor.shards import Given

FRESH = 3600  # seconds; a running log is cosigned more often: audit.heartbeat
FILE = click.Path(path_type=Path, dir_okay=False)


class Time(click.ParamType[int]):
    """A time, RFC 3339, as Unix time."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds since 1970."""
        try:
            parsed = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-01-31T12:00:00Z", param, ctx)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


keys_option = click.option(
    "--key", "keys", required=True, type=FILE, metavar="log.pub", help="Log keys, one vkey a line."
)
policy_option = click.option(
    "--witness-policy", type=FILE, metavar="F", help="Witnesses and their quorum (c2sp.org/tlog-policy)."
)
after_option = click.option(
    "--witnessed-after",
    type=Time(),
    metavar="TIME",
    help="The quorum must have seen the log at TIME or later; by default an hour ago.",
)


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@keys_option
@policy_option
@after_option
@click.option(
    "--since",
    type=FILE,
    multiple=True,
    metavar="CHECKPOINT",
    help="A checkpoint that somebody else kept; the log must not be shorter. May be given for each shard.",
)
@click.option("--shard", metavar="S", help="Only this one of the shards in DIR.")
@output_option
@click.pass_context
def verify(
    ctx: click.Context,
    directory: Path,
    keys: Path,
    witness_policy: Path | None,
    witnessed_after: int | None,
    since: tuple[Path, ...],
    shard: str | None,
) -> None:
    """Verify an audit log, or a copy of one, from its files alone.

    DIR is one shard or a directory of them. Exit code 0 says that all is proven, 6 that nothing is wrong, but
    that the end of the log, or the records behind its checkpoint, are not proven; 1 that something is wrong.

    \b
    Examples:
      signerctl audit verify /backup/audit --key log.pub --since mirror/worker-0/checkpoint
      signerctl audit verify /backup/audit/worker-0 --key log.pub --witness-policy policy.txt
    """
    from signerd.auditor.directories import absent, expected_records, shards_in, verify_directory

    given = _given(keys, witness_policy, since, witnessed_after)
    shards = _chosen(shards_in(directory), shard)
    with _readable(), counting(expected_records(shards), "records verified") as done:
        reports = list(verify_directory(shards, replace(given, on_progress=done)))
    missing = [] if shard else absent(given, [report.origin for report in reports])
    write_reports(ctx, reports, missing)
    ctx.exit(exit_of_reports(reports, missing))


@click.command("verify-proof")
@click.argument("proof", metavar="PROOF", type=FILE)
@click.option(
    "--entry",
    required=True,
    type=FILE,
    metavar="FILE",
    help="The record, byte for byte; a last newline is left out.",
)
@keys_option
@policy_option
@output_option
@click.pass_context
def verify_proof(
    ctx: click.Context, proof: Path, entry: Path, keys: Path, witness_policy: Path | None
) -> None:
    """Verify that a record is in the log, with a .tlog-proof.

    \b
    Examples:
      signerctl audit verify-proof r.tlog-proof --entry r.json --key log.pub
    """
    from signerd.auditor.inclusion import verify_inclusion

    given = _given(keys, witness_policy, (), 0)
    data = read_input(entry).removesuffix(b"\n")
    found = verify_inclusion(read_input(proof), data, given.keys, given.policy)
    shown = {"record": found.position, "origin": found.origin, "size": str(found.size)}
    if found.witnessed is not None:
        shown["witnessed"] = time_text(found.witnessed)
    if shows_table(ctx):
        write_lines(shown.items())
    else:
        write_document(ctx, shown)


def _given(keys: Path, policy: Path | None, since: Sequence[Path], witnessed_after: int | None) -> Given:
    from signerd.auditor.checkpoints import parse_checkpoint
    from signerd.auditor.shards import Given
    from signerd.auditor.vkeys import parse_log_keys

    return Given(
        keys=parse_log_keys(keys.read_bytes(), str(keys)),
        since=[parse_checkpoint(path.read_bytes(), str(path)) for path in since],
        policy=_policy(policy),
        witnessed_after=int(time.time()) - FRESH if witnessed_after is None else witnessed_after,
    )


def _policy(path: Path | None) -> Policy | None:
    from signerd.auditor.policies import parse_policy

    return None if path is None else parse_policy(path.read_bytes(), str(path))


@contextmanager
def _readable() -> Iterator[None]:
    """A file of the log that can't be read is nobody's wrong usage: it could not be checked."""
    try:
        yield
    except OSError as error:
        raise Unchecked(
            Reason.AUDIT_UNAVAILABLE,
            f"the log could not be checked: {error.filename}: {error.strerror}",
            "Verify a copy, as a user who may read all of it.",
        ) from None


def _chosen(shards: dict[str, Path], shard: str | None) -> dict[str, Path]:
    if shard is None:
        return shards
    if shard not in shards:
        raise click.UsageError(f"there is no shard {shard!r}; there are {', '.join(shards)}")
    return {shard: shards[shard]}
