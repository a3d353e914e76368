"""`signerctl audit export`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import click

from signerd.cli.audit_filters import filter_options
from signerd.cli.connection import connect
from signerd.cli.progress import counting
from signerd.exports.formats import NAMES, Format, formats

if TYPE_CHECKING:
    from signerd.client import Client
    from signerd.client.arguments import FilterOptions

Positions = Mapping[str, int]
NOTE_EVERY: Final = 1.0
"""Seconds between two notes of how far an export is."""


class Progress(NamedTuple):
    """How far an export is: the bytes that were written, and the last record that was looked at, by shard."""

    size: int
    positions: Positions


NOTHING: Final = Progress(0, {})
Write = Callable[[str, Positions], object]


@click.command()
@click.option(
    "--format",
    "name",
    type=click.Choice(NAMES),
    default="jsonl",
    show_default=True,
    help="How records are written.",
)
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="F",
    help="Write to file F, which is there only when it is complete; the same command goes on where one was stopped.",
)
@filter_options
@click.pass_context
def export(ctx: click.Context, name: str, path: Path | None, wanted: FilterOptions) -> None:
    """Export all records that match all options, each shard in the order of its log.

    Exit code 0 says that the export is complete. With jsonl each line is a record, byte for byte as in the log.

    \b
    Examples:
      signerctl audit export > records.jsonl
      signerctl audit export --format ocsf --since 2026-01-01 --until 2026-02-01 --output january.ocsf.jsonl
    """
    with connect(ctx) as client:
        form = formats(client.status().instance)[name]
        if path is None:
            click.echo(form.header, nl=False)
            write_records(client, wanted, form, {}, lambda text, _: click.echo(text, nl=False))
        else:
            with resumed(path, fingerprint(name, wanted), form) as (positions, write):
                write_records(client, wanted, form, positions, write)


def write_records(
    client: Client, wanted: FilterOptions, form: Format, after: Positions, write: Write
) -> None:
    """Write what comes behind positions; raises SignerdError unless it is all."""
    positions = dict(after)
    with counting(0, "records looked at") as done:
        for message in client.audit.export(after=after, **wanted):
            shard, sequence = message.position.shard, message.position.sequence
            done(sequence - positions.get(shard, 0))
            positions = {**positions, shard: sequence}
            write("".join(map(form.line, message.records)), positions)


def fingerprint(name: str, wanted: FilterOptions) -> str:
    """What tells one export from another."""
    options = {key: str(value) for key, value in sorted(wanted.items())}
    return sha256(json.dumps([name, options]).encode()).hexdigest()


@contextmanager
def resumed(path: Path, which: str, form: Format) -> Iterator[tuple[Positions, Write]]:
    """Writes beside the file, which gets its name at the end; goes on with what an export like this one left there."""
    if path.exists() and not path.is_file():
        raise click.BadParameter(
            f"{path} is no regular file; without --output it goes to stdout", param_hint="--output"
        )
    partial, note = path.with_name(f"{path.name}.partial"), path.with_name(f"{path.name}.progress")
    begun = _noted(note, which) if partial.exists() else NOTHING
    with partial.open("r+b" if begun.size else "wb") as file:
        file.truncate(begun.size)
        file.seek(begun.size)
        writer = _Writer(file, note, which, begun)
        if begun.size:
            click.echo(f"going on with {partial}", err=True)
        else:
            writer.write(form.header, {})
        try:
            yield begun.positions, writer.write
        finally:
            writer.keep()
        os.fsync(file.fileno())
    partial.replace(path)
    note.unlink(missing_ok=True)


class _Writer:
    """Writes, and notes now and then how far it is."""

    def __init__(self, file: IO[bytes], note: Path, which: str, begun: Progress) -> None:
        self._file = file
        self._note = note
        self._which = which
        self._done = begun
        self._kept = time.monotonic()

    def write(self, text: str, positions: Positions) -> None:
        self._file.write(text.encode())
        self._done = Progress(self._file.tell(), positions)  # at once: an interruption finds both or neither
        if time.monotonic() - self._kept > NOTE_EVERY:
            self.keep()

    def keep(self) -> None:
        self._file.flush()
        made = {"export": self._which, "size": self._done.size, "positions": self._done.positions}
        draft = self._note.with_name(f".{self._note.name}")
        draft.write_text(json.dumps(made))
        draft.replace(self._note)
        self._kept = time.monotonic()


def _noted(note: Path, which: str) -> Progress:
    try:
        made = json.loads(note.read_text())
        if made["export"] == which:
            positions = {str(name): int(at) for name, at in made["positions"].items()}
            return Progress(int(made["size"]), positions)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return NOTHING
