"""`signerctl audit report`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from signerd.cli.audit_filters import filter_options
from signerd.cli.connection import connect
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, time_text, write_document, write_facts, write_table
from signerd.cli.progress import counting

if TYPE_CHECKING:
    from signerd.client.arguments import FilterOptions
    from signerd.v1.audit_pb2 import LogCheckpoint

SILENCE: Final = timedelta(minutes=10)
"""A log has a heartbeat every 5 minutes: longer without any record, and it was not written, or not by signerd."""
MOST: Final = 20
COUNTED: Final = ("operation", "outcome", "key", "caller", "reason")


@click.command()
@filter_options
@click.option(
    "--all", "every", is_flag=True, help=f"All rows of each table, not only the {MOST} that count the most."
)
@output_option
@click.pass_context
def report(ctx: click.Context, wanted: FilterOptions, every: bool) -> None:
    """Count the records that match all options, and show where the log is silent.

    Silences are shown where no option but --since, --until and --shard is given: more than 10 minutes without a record
    of a shard. Every log has a heartbeat at least every 5 minutes unless audit.heartbeat says otherwise.

    \b
    Examples:
      signerctl audit report --since 2026-01-01 --until 2026-02-01
      signerctl audit report --since 7d --outcome refused -o json
    """
    tally = Tally()
    with connect(ctx) as client:
        answer = client.status()
        checkpoints = client.audit.checkpoints(wanted.get("shard", ""))
        with counting(0, "records") as done:
            for message in client.audit.export(**wanted):
                for record in message.records:
                    tally.add(json.loads(record))
                done(len(message.records))
    shown = Report(
        {
            "instance": answer.instance,
            "records": str(tally.records),
            "truncation": answer.audit.checkpoint.truncation,
        },
        {name: dict(counter.most_common()) for name, counter in tally.counts.items()},
        {
            "shards": tally.spans(),
            "checkpoints": [checkpoint_row(one) for one in checkpoints],
            "silences": tally.silences if _is_whole(wanted) else [],
        },
    )
    if shows_table(ctx):
        shown.write(None if every else MOST)
    else:
        write_document(ctx, {**shown.facts, "counts": shown.counts, **shown.tables})


@dataclass(frozen=True, slots=True)
class Report:
    """What a report shows: facts, counts by the value of each field, and tables."""

    facts: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    tables: Mapping[str, Sequence[Mapping[str, str]]]

    def write(self, most: int | None) -> None:
        """Write it for people, with at most so many rows of counts."""
        write_facts(self.facts.items())
        for name, counted in self.counts.items():
            rows = [(value, str(count)) for value, count in counted.items()]
            more = [(f"{len(rows) - most} more", "")] if most and len(rows) > most else []
            if rows:
                click.echo(f"\nby {name}")
                write_table((name.upper(), "RECORDS"), [*rows[:most], *more])
        for name, found in self.tables.items():
            if found:
                click.echo(f"\n{name}")
                columns = [column.upper() for column in found[0]]
                write_table(columns, [tuple(one.values()) for one in found])


@dataclass(slots=True)
class Tally:
    """Counts of records, and where a shard was silent."""

    records: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in COUNTED})
    times: dict[str, list[str]] = field(default_factory=dict)
    silences: list[Mapping[str, str]] = field(default_factory=list)

    def add(self, record: Mapping[str, object]) -> None:
        """Count one; those of a shard come in the order of its log."""
        self.records += 1
        for name, counter in self.counts.items():
            if record.get(name):
                counter[str(record[name])] += 1
        shard, time = str(record.get("shard", "")), str(record.get("time", ""))
        span = self.times.setdefault(shard, [time, time])
        if datetime.fromisoformat(time) - datetime.fromisoformat(span[1]) > SILENCE:
            self.silences.append({"shard": shard, "from": span[1], "to": time})
        span[1] = max(span[1], time)

    def spans(self) -> list[Mapping[str, str]]:
        """First and last time of each shard."""
        return [
            {"shard": shard, "first": first, "last": last}
            for shard, (first, last) in sorted(self.times.items())
        ]


def checkpoint_row(one: LogCheckpoint) -> Mapping[str, str]:
    """A checkpoint in a line."""
    return {"shard": one.shard, "records": str(one.size), "time": time_text(one.time)}


def _is_whole(wanted: FilterOptions) -> bool:
    return not any(value for name, value in wanted.items() if name not in ("since", "until", "shard"))
