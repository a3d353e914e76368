"""The help of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from signerd.cli.main import main as signerctl
from signerd.serve import main as signerd

WIDTH = 80
MARGIN = 2
PROGRAMS = {"signerd": signerd, "signerctl": signerctl}


def render_signerd() -> str:
    """The help of the daemon's program."""
    return _program("signerd")


def render_signerctl() -> str:
    """The help of the client's program."""
    return _program("signerctl")


def _program(name: str) -> str:
    return "\n\n".join(
        f"### {context.command_path}\n\n```text\n{context.command.get_help(context)}\n```"
        for context in contexts(PROGRAMS[name], None, name)
    )


def contexts(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    """The command and all below it, as they would be called."""
    settings = command.context_settings
    # What click takes in a wide terminal.
    width = None if parent else settings.get("max_content_width", WIDTH) - MARGIN
    context = click.Context(command, parent, name, terminal_width=width, **settings)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from contexts(found, context, below)
