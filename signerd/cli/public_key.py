"""`signerctl public-key`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from signerd.cli.connection import connect
from signerd.cli.names import named_version
from signerd.cli.options import output_option, version_option
from signerd.cli.output import shows_table, write_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signerd.v1.signer_pb2 import PublicKeyVersion


@click.command("public-key")
@click.argument("name")
@version_option
@click.option("--all", "every", is_flag=True, help="Every version that verifies, the primary first.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pem", "der", "jwk", "jwks"]),
    default="pem",
    show_default=True,
    help="How the key is written.",
)
@output_option
@click.pass_context
@named_version("name")
def public_key(ctx: click.Context, name: str, version: int, every: bool, form: str) -> None:
    """Write the public key of NAME.

    \b
    Examples:
      signerctl public-key release > release.pub
      signerctl public-key release --all --format jwks
      signerctl public-key release --format der | sha256sum
    """
    if every and version:
        raise click.UsageError("--version and --all contradict each other")
    if every and form in ("der", "jwk"):
        raise click.UsageError(f"--format {form} has room for one version; use pem or jwks with --all")
    with connect(ctx) as client:
        answer = client.public_key(name, version=version, every=every)
    if shows_table(ctx):
        click.echo(formatted(answer.versions, form), nl=False)
    else:
        write_message(ctx, answer)


def formatted(versions: Sequence[PublicKeyVersion], form: str) -> bytes:
    """The public keys in one of the formats."""
    if form == "der":
        return versions[0].der
    if form == "jwk":
        return f"{versions[0].jwk}\n".encode()
    if form == "jwks":
        keys = [json.loads(version.jwk) for version in versions]
        return (json.dumps({"keys": keys}, indent=2) + "\n").encode()
    return "".join(version.pem for version in versions).encode()
