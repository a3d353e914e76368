"""`signerctl providers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signerd.cli.connection import connect
from signerd.cli.key_options import complete_provider
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, write_facts, write_message, write_table

if TYPE_CHECKING:
    from signerd.v1.providers_pb2 import Capabilities, Provider


@click.group()
def providers() -> None:
    """Show the configured providers and what they can do.

    \b
    Examples:
      signerctl providers list
      signerctl providers show local
    """


@providers.command("list")
@output_option
@click.pass_context
def list_(ctx: click.Context) -> None:
    """List the configured providers.

    \b
    Examples:
      signerctl providers list
      signerctl providers list -o json
    """
    with connect(ctx) as client:
        answer = client.list_providers()
    if shows_table(ctx):
        write_table(("NAME", "TYPE", "URI", "DEFAULT", "HEALTH", "DETAIL"), map(_row, answer.providers))
    else:
        write_message(ctx, answer)


@providers.command()
@click.argument("name", shell_complete=complete_provider)
@output_option
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show provider NAME: health, capabilities and the settings that are no secrets.

    \b
    Examples:
      signerctl providers show local
      signerctl providers show local -o yaml
    """
    with connect(ctx) as client:
        provider = client.get_provider(name)
    if shows_table(ctx):
        write_facts(_facts(provider))
    else:
        write_message(ctx, provider)


def _row(one: Provider) -> tuple[str, ...]:
    default = "yes" if one.is_default else ""
    return one.name, one.type, f"{one.scheme}:", default, _health(one), one.detail


def _facts(one: Provider) -> list[tuple[str, str]]:
    able = one.capabilities
    return [
        ("name", one.name),
        ("type", one.type),
        ("uri", f"{one.scheme}:"),
        ("default", _yes(one.is_default)),
        ("health", ", ".join(filter(None, (_health(one), one.detail)))),
        ("algorithms", ", ".join(able.algorithms)),
        ("create", _yes(able.create)),
        ("import", _yes(able.imports)),
        ("disable", _yes(able.disable)),
        ("destroy", _destruction(able)),
        *sorted(one.settings.items()),
    ]


def _health(one: Provider) -> str:
    return "ok" if one.healthy else "NOT OK"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _destruction(able: Capabilities) -> str:
    if not able.HasField("destroy_delay"):
        return "never"
    delay = able.destroy_delay.ToTimedelta()
    if not delay:
        return "at once"
    return f"after {delay.days} days" if delay.days else f"after {delay}"
