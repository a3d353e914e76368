"""What goes wrong, as a message on stderr and an exit code; never a traceback."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from signerd.cli.exits import Exit, Unchecked, exit_of, exit_of_file
from signerd.cli.options import output_of
from signerd.errors import SignerdError


@contextmanager
def reporting(ctx: click.Context) -> Iterator[None]:
    """Report errors of the block and end the program with their exit code."""
    try:
        yield
    except SignerdError as error:
        remedy = error.remedy if isinstance(error, Unchecked) else error.reason.value.remedy
        _report(ctx, error.message, error.reason.name, remedy, error.field)
        ctx.exit(exit_of(error))
    except BrokenPipeError:
        _discard_output()
        ctx.exit(Exit.UNAVAILABLE)
    except OSError as error:
        _report(ctx, f"{error.filename}: {error.strerror}" if error.filename else str(error), "FILE")
        ctx.exit(exit_of_file(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        ctx.exit(Exit.INTERRUPTED)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:  # noqa: BLE001 - a traceback may show secrets, and helps nobody here
        _report(ctx, f"a defect in signerctl: {type(error).__name__}: {error}", "INTERNAL")
        ctx.exit(Exit.UNAVAILABLE)


def _discard_output() -> None:
    # Nobody reads stdout any more: without this Python would try again at its end, and complain.
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _report(ctx: click.Context, message: str, reason: str, remedy: str = "", field: str = "") -> None:
    if output_of(ctx) == "json":
        facts = {"reason": reason, "message": message, "field": field, "remedy": remedy}
        click.echo(json.dumps({"error": {name: value for name, value in facts.items() if value}}), err=True)
        return
    click.echo(f"error: {message} [{reason}]", err=True)
    if remedy and remedy not in message:
        click.echo(f"  {remedy}", err=True)
