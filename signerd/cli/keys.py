"""`signerctl keys`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signerd.cli.connection import connect
from signerd.cli.names import plain_name
from signerd.cli.options import output_option
from signerd.cli.output import (
    document_of,
    enum_text,
    shows_table,
    time_text,
    write_document,
    write_facts,
    write_message,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from signerd.v1.resources_pb2 import Key


@click.group()
def keys() -> None:
    """Make, import and show keys.

    \b
    Examples:
      signerctl keys create team-a/release --algorithm ecdsa-p384-sha384
      signerctl keys list
      signerctl keys show team-a/release -o json
      signerctl keys import cosign cosign.key
    """


def new_key_options(function: Callable[..., None]) -> Callable[..., None]:
    """Options of a key to make."""
    for option in (
        click.option(
            "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Label; may be repeated."
        ),
        click.option(
            "--purpose",
            type=click.Choice(["artifact", "jwt", "bundle", "log"]),
            default="artifact",
            show_default=True,
            help="What the key is for; callers can't sign with bundle and log keys.",
        ),
        click.option(
            "--provider", default="", metavar="P", help="Configured provider; else the default one."
        ),
        click.option(
            "--algorithm", "-a", default="", metavar="A", help="Algorithm; ecdsa-p256-sha256 by default."
        ),
    ):
        function = option(function)
    return function


@keys.command()
@click.argument("name", callback=plain_name)
@new_key_options
@output_option
@click.pass_context
def create(ctx: click.Context, /, name: str, labels: tuple[str, ...], **options: Any) -> None:
    """Make key NAME with its first version.

    \b
    Examples:
      signerctl keys create release
      signerctl keys create team-a/jwt --purpose jwt --algorithm ed25519 --label team=a
    """
    with connect(ctx) as client:
        answer = client.create_key(name, labels=labels_of(labels), **options)
    show_key(ctx, answer.key)


@keys.command("import")
@click.argument("name", callback=plain_name)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--password-file", type=click.Path(path_type=Path), help="File with the password of FILE.")
@new_key_options
@output_option
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    name: str,
    file: Path,
    password_file: Path | None,
    labels: tuple[str, ...],
    **options: Any,
) -> None:
    """Take the private key in FILE (PEM: PKCS#8, SEC1, PKCS#1 or cosign's) as the first version of key NAME.

    The password of an encrypted file comes from --password-file, from SIGNERD_IMPORT_PASSWORD, or is asked for
    on a terminal. Encrypted PKCS#8 is decrypted here: its password is not sent.

    \b
    Examples:
      signerctl keys import release cosign.key
      signerctl keys import legacy key.pem --algorithm rsa-pss-3072-sha256
    """
    from signerd.cli.files import read_input, read_password
    from signerd.cli.private_keys import decrypted

    given = read_input(file)
    private_key, password = decrypted(given, read_password(given, password_file))
    with connect(ctx) as client:
        answer = client.import_key(name, private_key, password=password, labels=labels_of(labels), **options)
    show_key(ctx, answer.key)


@keys.command("list")
@output_option
@click.pass_context
def list_(ctx: click.Context) -> None:
    """List all keys.

    \b
    Examples:
      signerctl keys list
      signerctl keys list -o json
    """
    found: list[Key] = []
    with connect(ctx) as client:
        token = ""
        while True:
            page = client.list_keys(page_size=1000, page_token=token)
            found += page.keys
            token = page.next_page_token
            if not token:
                break
    if shows_table(ctx):
        write_table(("NAME", "ALGORITHM", "PURPOSE", "PROVIDER", "PRIMARY", "VERSIONS"), map(_row, found))
    else:
        write_document(ctx, {"keys": [document_of(key) for key in found]})


@keys.command()
@click.argument("name", callback=plain_name)
@output_option
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show key NAME with its versions.

    \b
    Examples:
      signerctl keys show team-a/release
      signerctl keys show team-a/release -o yaml
    """
    with connect(ctx) as client:
        answer = client.get_key(name)
    show_key(ctx, answer.key)


def show_key(ctx: click.Context, key: Key) -> None:
    """Write one key."""
    if not shows_table(ctx):
        write_message(ctx, key)
        return
    write_facts(_facts(key))
    click.echo()
    write_table(
        ("VERSION", "STATE", "CREATED", "KEY ID"),
        (
            (str(one.version), state_text(one.state), time_text(one.create_time), one.key_id)
            for one in key.versions
        ),
    )


def _facts(key: Key) -> list[tuple[str, str]]:
    return [
        ("name", key.name),
        ("algorithm", key.algorithm),
        ("purpose", purpose_text(key.purpose)),
        ("provider", key.provider),
        ("primary", str(key.primary_version)),
        ("created", " by ".join(filter(None, (time_text(key.create_time), key.created_by)))),
        *((f"label {name}", value) for name, value in sorted(key.labels.items())),
    ]


def _row(key: Key) -> tuple[str, ...]:
    purpose, count = purpose_text(key.purpose), str(len(key.versions))
    return key.name, key.algorithm, purpose, key.provider, str(key.primary_version), count


def purpose_text(value: int) -> str:
    """A KeyPurpose as people write it."""
    from signerd.v1.resources_pb2 import KeyPurpose

    return enum_text(KeyPurpose.Name(value), "KEY_PURPOSE_")


def state_text(value: int) -> str:
    """A KeyVersionState as people write it."""
    from signerd.v1.resources_pb2 import KeyVersionState

    return enum_text(KeyVersionState.Name(value), "KEY_VERSION_STATE_")


def labels_of(given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` as a mapping."""
    labels = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--label")
        labels[name] = value
    return labels
