"""`signerctl version`."""

from __future__ import annotations

import click

from signerd import __version__
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, write_document


@click.command()
@output_option
@click.pass_context
def version(ctx: click.Context) -> None:
    """Show the version of signerctl; `status` shows the daemon's.

    \b
    Examples:
      signerctl version
    """
    if shows_table(ctx):
        click.echo(f"signerctl {__version__}")
    else:
        write_document(ctx, {"version": __version__})
