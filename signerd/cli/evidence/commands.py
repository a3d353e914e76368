"""`signerctl evidence` and `evidence verify`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from signerd.cli.audit_reports import write_lines
from signerd.cli.audit_verify import Time, keys_option, policy_option
from signerd.cli.connection import connect
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, write_document
from signerd.cli.progress import counting

MOST = 10_000
MAKE = "make"


class Makes(click.Group):
    """Without the name of a command it is `make`, so that the folder's name can follow at once."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the command that was left out."""
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=Makes, subcommand_metavar="--since T --until T DIR | verify DIR --key log.pub")
def evidence() -> None:
    """Make a folder of evidence for auditors from the audit log, or verify one.

    It has the inventory of keys, who may do what, changes, refusals and signing activity of a period, with proofs
    from the log; the log seals it with a record of its own.

    \b
    Examples:
      signerctl evidence --since 2026-01-01 --until 2026-04-01 evidence-2026-q1
      signerctl evidence verify evidence-2026-q1 --key log.pub
    """


@evidence.command(MAKE)
@click.option("--since", type=Time(), required=True, metavar="TIME", help="Begin of the period.")
@click.option(
    "--until",
    type=Time(),
    required=True,
    metavar="TIME",
    help="End of the period, not part of it; now or before.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 1_000_000),
    default=MOST,
    show_default=True,
    metavar="N",
    help="Quote and prove at most so many changes and so many refusals of each shard; count the others.",
)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@output_option
@click.pass_context
def make_(ctx: click.Context, since: int, until: int, most: int, directory: Path) -> None:
    """Make DIR; nothing that is there is written over. The word `make` may be left out.

    \b
    Examples:
      signerctl evidence make --since 2026-01-01 --until 2026-04-01 evidence-2026-q1
    """
    from signerd.cli.evidence.making import make
    from signerd.cli.evidence.source import Source

    _check_period(since, until)
    with connect(ctx) as client:
        made = make(
            Source(client),
            directory,
            datetime.fromtimestamp(since, UTC),
            datetime.fromtimestamp(until, UTC),
            most,
        )
    shown = {
        "folder": str(directory),
        "files": str(made.files),
        "records": str(made.records),
        "proofs": str(made.proofs),
        "sealed": made.sealed,
    }
    _write(ctx, shown)


@evidence.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@keys_option
@policy_option
@output_option
@click.pass_context
def verify(ctx: click.Context, directory: Path, keys: Path, witness_policy: Path | None) -> None:
    """Verify a folder of evidence, offline: its seal, every file, every proof.

    Exit code 1 says that something is wrong, and the message names the first file that is.

    \b
    Examples:
      signerctl evidence verify evidence-2026-q1 --key log.pub
      signerctl evidence verify evidence-2026-q1 --key log.pub --witness-policy policy.txt
    """
    from signerd.auditor.evidence import Trusted, verify_evidence
    from signerd.auditor.policies import parse_policy
    from signerd.auditor.vkeys import parse_log_keys

    trusted = parse_log_keys(keys.read_bytes(), str(keys))
    policy = parse_policy(witness_policy.read_bytes(), str(witness_policy)) if witness_policy else None
    total = sum(1 for path in directory.rglob("*") if path.is_file())
    with counting(total, "files verified") as done:
        report = verify_evidence(directory, Trusted(trusted, policy, done))
    manifest = report.manifest
    shown = {
        "result": "proven",
        "instance": manifest.instance,
        "period": f"{manifest.since} to {manifest.until}",
        "sealed": f"{report.sealed} at {report.time}",
        "files": str(report.files),
        "proofs": str(report.proofs),
        "shards": ", ".join(report.shards),
    }
    if report.witnessed is not None:
        shown["witnessed"] = datetime.fromtimestamp(report.witnessed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    _write(ctx, shown)


def _check_period(since: int, until: int) -> None:
    if since >= until:
        raise click.UsageError("--until must be after --since")
    if until > time.time():
        raise click.UsageError("--until is in the future: the records of the period are not all there yet")


def _write(ctx: click.Context, shown: dict[str, str]) -> None:
    if shows_table(ctx):
        write_lines(shown.items())
    else:
        write_document(ctx, shown)
