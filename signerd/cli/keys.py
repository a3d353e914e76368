"""`signerctl keys`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signerd.cli.checks import check
from signerd.cli.connection import connect
from signerd.cli.key_options import labels_of, new_key_options
from signerd.cli.key_tables import key_row, show_key
from signerd.cli.material import adopt, discover
from signerd.cli.names import plain_name
from signerd.cli.options import output_option
from signerd.cli.output import document_of, shows_table, write_document, write_table

if TYPE_CHECKING:
    from signerd.v1.resources_pb2 import Key


@click.group()
def keys() -> None:
    """Make, import, adopt, show and check keys.

    \b
    Examples:
      signerctl keys create team-a/release --algorithm ecdsa-p384-sha384
      signerctl keys list
      signerctl keys show team-a/release -o json
      signerctl keys import cosign cosign.key
      signerctl keys adopt release --uri vault-transit://transit/release
      signerctl keys check
    """


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
        write_table(("NAME", "ALGORITHM", "PURPOSE", "PROVIDER", "PRIMARY", "VERSIONS"), map(key_row, found))
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


for command in (adopt, discover, check):
    keys.add_command(command)
