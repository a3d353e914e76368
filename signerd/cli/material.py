"""`signerctl keys adopt` and `discover`: key material that others made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from signerd.cli.connection import connect
from signerd.cli.key_options import (
    complete_provider,
    label_option,
    labels_of,
    provider_option,
    purpose_option,
)
from signerd.cli.key_tables import show_key
from signerd.cli.names import plain_name
from signerd.cli.options import output_option
from signerd.cli.output import shows_table, write_message, write_table

if TYPE_CHECKING:
    from signerd.v1.keys_pb2 import DiscoveredKey


@click.command()
@click.argument("name", callback=plain_name)
@click.option("--uri", required=True, metavar="URI", help="Where the key is; its scheme tells the provider.")
@click.option(
    "--provider",
    default="",
    metavar="P",
    help="Configured provider; needed where several are of that type.",
    shell_complete=complete_provider,
)
@click.option(
    "--algorithm",
    "-a",
    default="",
    metavar="A",
    help="Algorithm, where the provider leaves it open; else the usual one (RSA: PKCS#1 v1.5).",
)
@click.option("--public-only", is_flag=True, help="Take the public key only: it verifies and does not sign.")
@purpose_option("artifact", "jwt")
@label_option
@output_option
@click.pass_context
def adopt(ctx: click.Context, /, name: str, uri: str, labels: tuple[str, ...], **options: Any) -> None:
    """Take over key material that exists at a provider, as key NAME with its version history.

    The newest enabled version signs, older ones verify, disabled ones are disabled. The material stays where it is
    and is not changed. With --public-only NAME may be a key that exists: it gets a version more, which verifies what
    a retired key has signed.

    \b
    Examples:
      signerctl keys adopt release --uri vault-transit://transit/release
      signerctl keys adopt release --uri aws-kms://eu-central-1/alias/release -a rsa-pss-3072-sha256
      signerctl keys adopt release --uri k8s-secret://tekton-chains/signing-secrets --public-only
    """
    with connect(ctx) as client:
        answer = client.adopt_key(name, uri, labels=labels_of(labels), **options)
    show_key(ctx, answer.key)


@click.command()
@provider_option
@output_option
@click.pass_context
def discover(ctx: click.Context, provider: str) -> None:
    """List signing keys at a provider that signerd does not manage; `keys adopt` takes their URIs.

    A leftover was made by this daemon for a key that never came to be. Where a provider has thousands of keys, give
    it time with --timeout.

    \b
    Examples:
      signerctl keys discover --provider cloud
      signerctl --timeout 60 keys discover --provider cloud -o json
    """
    with connect(ctx) as client:
        answer = client.discover_keys(provider)
    if shows_table(ctx):
        write_table(("URI", "ALGORITHM", "STATE", "MADE FOR"), map(_row, answer.keys))
    else:
        write_message(ctx, answer)


def _row(key: DiscoveredKey) -> tuple[str, ...]:
    state = "enabled" if key.enabled else "disabled"
    if key.leftover:
        state += ", leftover"
    made_for = "/versions/".join(filter(None, (key.tags.get("key"), key.tags.get("version"))))
    return key.uri, key.algorithm, state, f"keys/{made_for}" if made_for else ""
