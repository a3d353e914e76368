"""Reports of `signerctl audit verify`: for people, for programs, and as exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from signerd.cli.exits import Exit
from signerd.cli.output import plain, shows_table, write_document

if TYPE_CHECKING:
    from signerd.auditor.shards import ShardReport

UNPROVEN: Final = "unproven"


def write_reports(ctx: click.Context, reports: Sequence[ShardReport], missing: Sequence[str]) -> None:
    """Write what was found of each shard, and the origins of shards that should be there."""
    if not shows_table(ctx):
        document = {"result": _result(reports, missing), "shards": [document_of(one) for one in reports]}
        write_document(ctx, {**document, "missing": list(missing)})
        return
    for report in reports:
        write_lines(facts(report))
        click.echo()
    write_lines(("missing", f"{origin}, which --since names") for origin in missing)


def write_lines(shown: Iterable[tuple[str, str]]) -> None:
    """Write `name: value` lines, so that a script can look for one."""
    for name, value in shown:
        click.echo(f"{name}: {plain(value)}")


def facts(report: ShardReport) -> list[tuple[str, str]]:
    """A shard's report for people."""
    shown = [("shard", report.shard), ("origin", report.origin), ("checkpoint", f"{report.size} records")]
    if report.is_wrong:
        shown += [("result", "wrong"), ("first wrong", f"{report.where}: {report.problem}")]
    else:
        shown += [
            ("result", _verdict(report)),
            ("records", f"{report.first} to {report.first + report.checked - 1}, each checked"),
            ("end of the log", _end(report)),
        ]
    if report.unproven:
        shown.append(("behind the checkpoint", f"{report.unproven} records: unproven"))
    if report.torn:
        shown.append(("behind the last record", f"{report.torn} bytes that are no record"))
    return [*shown, *(("unknown file", name) for name in report.unknown)]


def document_of(report: ShardReport) -> dict[str, object]:
    """A shard's report for programs."""
    return {
        "shard": report.shard,
        "result": _verdict(report),
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "first_record": report.first,
        "records": report.checked,
        "unproven_records": report.unproven,
        "torn_bytes": report.torn,
        "end": _end(report),
        "first_wrong": {"where": report.where, "problem": report.problem} if report.is_wrong else None,
        "unknown_files": report.unknown,
    }


def exit_of_reports(reports: Sequence[ShardReport], missing: Sequence[str]) -> Exit:
    """What is wrong weighs more than what is not proven."""
    if missing or any(report.is_wrong for report in reports):
        return Exit.MISMATCH
    return Exit.OK if all(report.is_proven for report in reports) else Exit.UNPROVEN


def _result(reports: Sequence[ShardReport], missing: Sequence[str]) -> str:
    return {Exit.OK: "proven", Exit.MISMATCH: "wrong"}.get(exit_of_reports(reports, missing), UNPROVEN)


def _verdict(report: ShardReport) -> str:
    return _result([report], ())


def _end(report: ShardReport) -> str:
    if report.is_wrong:
        return UNPROVEN
    if report.kept is not None:
        return f"proven to record {report.kept} by a checkpoint that was kept elsewhere"
    if report.witnessed is None:
        return UNPROVEN
    when = f"witnessed {time_text(report.witnessed)}"
    return when if report.is_end_proven else f"{UNPROVEN}, last {when}"


def time_text(seconds: int) -> str:
    """Unix time, RFC 3339 in UTC; as it is where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return f"{seconds} s after 1970"
