"""Options that choose audit records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from signerd.cli.names import split_name
from signerd.cli.options import INT64
from signerd.core.quantities import parse_duration

if TYPE_CHECKING:
    from signerd.client.arguments import FilterOptions

TIMES = ("since", "until")
TEXTS = ("key", "caller", "operation", "outcome", "reason", "digest", "record", "shard")


class Moment(click.ParamType[datetime]):
    """A time, RFC 3339, or how long ago it was."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """A time with its zone; without one it is UTC."""
        text = str(value)
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            return self._ago(text, param, ctx)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

    def _ago(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
        except (ValueError, OverflowError):
            self.fail(
                f"{text!r} is not a time such as 2026-01-31T12:00:00Z, or an age such as 2h or 7d", param, ctx
            )


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that choose records, gathered as `wanted`."""

    @click.option(
        "--since", type=Moment(), metavar="TIME", help="Written at TIME or later; 2h is two hours ago."
    )
    @click.option("--until", type=Moment(), metavar="TIME", help="Written before TIME.")
    @click.option(
        "--key", "-k", default="", metavar="NAME", help="Of this key, or version: keys/NAME/versions/N."
    )
    @click.option(
        "--version",
        "-n",
        type=click.IntRange(0, INT64),
        default=0,
        metavar="N",
        help="Of this version of the key.",
    )
    @click.option("--caller", default="", metavar="C", help="Asked for by this caller, such as unix:admin.")
    @click.option(
        "--operation", default="", metavar="O", help="Of this operation, such as sign or create-key."
    )
    @click.option("--outcome", type=click.Choice(["ok", "refused", "failed"]), help="Of this outcome.")
    @click.option(
        "--reason", default="", metavar="R", help="Refused or failed for this reason, such as KEY_NOT_FOUND."
    )
    @click.option("--digest", default="", metavar="sha256:HEX", help="Of this digest.")
    @click.option("--request-id", "record", default="", metavar="ID", help="Of this request.")
    @click.option("--shard", default="", metavar="S", help="In this shard.")
    @wraps(function)
    def gathered(*args: Any, **given: Any) -> Any:
        taken = {name: given.pop(name) for name in (*TIMES, *TEXTS, "version")}
        return function(*args, wanted=_checked(**taken), **given)

    return gathered


def _checked(**given: Any) -> FilterOptions:
    name, version = split_name(given["key"])
    if version and given["version"] not in (0, version):
        raise click.UsageError(f"{given['key']!r} and --version {given['version']} contradict each other")
    given |= {
        "key": name,
        "version": version or given["version"],
        "digest": given["digest"].lower(),
        "outcome": given["outcome"] or "",
    }
    found: FilterOptions = {**given}  # type: ignore[typeddict-item]
    return found
