"""Options of commands that make keys or find them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields

import click

from signerd.cli.connection import connect
from signerd.cli.options import Connection

COMPLETION_SECONDS = 2.0

label_option = click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label; may be repeated."
)
algorithm_option = click.option(
    "--algorithm", "-a", default="", metavar="A", help="Algorithm; ecdsa-p256-sha256 by default."
)


def complete_provider(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the daemon's providers, none where it does not answer."""
    given = ctx.find_root().params
    options = {field.name: given.get(field.name) for field in fields(Connection)}
    options["timeout"] = COMPLETION_SECONDS
    ctx.meta[Connection.META] = Connection(**options)  # type: ignore[arg-type]
    with suppress(Exception), connect(ctx) as client:
        names = [one.name for one in client.list_providers().providers]
        return [name for name in names if name.startswith(incomplete)]
    return []


provider_option = click.option(
    "--provider",
    default="",
    metavar="P",
    help="Configured provider; else the default one.",
    shell_complete=complete_provider,
)


def purpose_option(*purposes: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--purpose`, one of these."""
    return click.option(
        "--purpose",
        type=click.Choice(purposes),
        default="artifact",
        show_default=True,
        help="What the key is for; callers can't sign with bundle and log keys."
        if "log" in purposes
        else "What the key is for.",
    )


def new_key_options(function: Callable[..., None]) -> Callable[..., None]:
    """Options of a key to make."""
    every = purpose_option("artifact", "jwt", "bundle", "log")
    for option in (label_option, every, provider_option, algorithm_option):
        function = option(function)
    return function


def labels_of(given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` as a mapping."""
    labels = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--label")
        labels[name] = value
    return labels
