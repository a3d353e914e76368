"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

OUTPUT = "signerd.output"
INT64 = 2**63 - 1  # the largest number that the API takes
UIDS = 2**32 - 2  # the largest user id


@dataclass(frozen=True, slots=True)
class Connection:
    """What the connection options say; None is not given."""

    META: ClassVar[str] = "signerd.connection"

    endpoint: str | None
    context: str | None
    ca: str | None
    cert: str | None
    key_file: str | None
    token_file: str | None
    insecure_plaintext: bool
    expected_uid: int | None
    timeout: float


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the root command, gathered as `connection`."""

    @click.option(
        "--endpoint", metavar="unix:PATH|HOST:PORT", help="Where the daemon listens [SIGNERD_ADDR]."
    )
    @click.option(
        "--context", "-C", metavar="C", help="Named endpoint from contexts.yaml; replaces the environment."
    )
    @click.option("--ca", metavar="FILE", help="CA of the daemon's certificate [SIGNERD_CACERT].")
    @click.option("--cert", metavar="FILE", help="Client certificate [SIGNERD_CERT].")
    @click.option("--key-file", metavar="FILE", help="Private key of the client certificate [SIGNERD_KEY].")
    @click.option("--token-file", metavar="FILE", help="Bearer token [SIGNERD_TOKEN_FILE, SIGNERD_TOKEN].")
    @click.option("--insecure-plaintext", is_flag=True, help="Talk to a TCP endpoint without TLS.")
    @click.option(
        "--expected-uid",
        type=click.IntRange(0, UIDS),
        metavar="UID",
        help="User that the socket must belong to.",
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="Time limit of a request with its repetitions.",
    )
    @wraps(function)
    def gathered(*args: Any, **given: Any) -> Any:
        fields = {name: given.pop(name) for name in Connection.__dataclass_fields__ if name in given}
        return function(*args, connection=Connection(**fields), **given)

    return gathered


def output_option(function: F) -> F:
    """`-o`, on the root command and on every one below it."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "yaml"]),
        expose_value=False,
        callback=_remember_output,
        help="How results are written; table by default.",
    )(function)


def _remember_output(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        ctx.meta[OUTPUT] = value  # shared by all contexts of one run


def output_of(ctx: click.Context) -> str:
    """The chosen output: table, json or yaml."""
    chosen: str = ctx.meta.get(OUTPUT, "table")
    return chosen


key_option = click.option(
    "--key",
    "-k",
    required=True,
    metavar="NAME",
    help="Key, such as team-a/release; also keys/NAME or keys/NAME/versions/N, as answers have it.",
)
version_option = click.option(
    "--version",
    "-n",
    type=click.IntRange(0, INT64),
    default=0,
    metavar="N",
    help="Key version; without it the primary signs, and every version that may verifies.",
)
digest_option = click.option(
    "--digest", metavar="sha256:HEX", help="The digest instead of the file that it was made from."
)
payload_type_option = click.option(
    "--payload-type", "-t", metavar="T", help="The file is a DSSE payload of this media type."
)
