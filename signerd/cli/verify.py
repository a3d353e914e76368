"""`signerctl verify`."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signerd.cli.connection import connect
from signerd.cli.exits import MISMATCHES
from signerd.cli.files import opened, read_input, write_whole
from signerd.cli.options import (
    digest_option,
    key_option,
    output_option,
    payload_type_option,
    version_option,
)
from signerd.cli.output import plain, shows_table, write_message
from signerd.errors import Reason, SignerdError

if TYPE_CHECKING:
    from signerd.attestation.envelopes import Envelope
    from signerd.client import Client
    from signerd.v1.signer_pb2 import VerifyResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of `verify`."""

    key: str
    version: int
    signature: Path | None
    envelope: Path | None
    encoding: str
    digest: str | None
    payload_type: str | None
    output_payload: Path | None
    file: Path | None

    def check(self) -> None:
        """Raise UsageError where the options contradict each other."""
        if (self.signature is None) == (self.envelope is None):
            raise click.UsageError("give --signature or --envelope")
        if self.envelope and (self.file or self.digest or self.payload_type):
            raise click.UsageError("an envelope has its own payload: no FILE, --digest or --payload-type")
        if self.signature and (self.file is None) == (self.digest is None):
            raise click.UsageError("give FILE (or - for stdin), or --digest")
        if self.digest and self.payload_type:
            raise click.UsageError("--payload-type needs the payload: give FILE, not --digest")
        if self.output_payload and not self.envelope:
            raise click.UsageError("--output-payload goes with --envelope")


@click.command()
@key_option
@version_option
@click.option(
    "--signature", "-s", type=click.Path(path_type=Path), metavar="F", help="Signature, base64 or raw."
)
@click.option("--envelope", type=click.Path(path_type=Path), metavar="F", help="DSSE envelope to verify.")
@click.option(
    "--encoding",
    type=click.Choice(["der", "p1363"]),
    default="der",
    show_default=True,
    help="How an ECDSA signature is written; p1363 is r and s, one behind the other.",
)
@digest_option
@payload_type_option
@click.option(
    "--output-payload",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="F",
    help="Write the envelope's payload to F once it is verified.",
)
@click.argument("file", metavar="[FILE|-]", type=click.Path(path_type=Path), required=False)
@output_option
@click.pass_context
def verify(ctx: click.Context, /, **given: Any) -> None:
    """Verify a signature or a DSSE envelope.

    Exit code 0 says that it verifies, 1 that it does not; all others that it could not be checked.

    \b
    Examples:
      signerctl verify --key release --signature artifact.sig artifact.bin
      signerctl verify --key release --envelope statement.dsse.json
      signerctl verify --key release --envelope e.json --output-payload statement.json
    """
    wanted = Wanted(**given)
    wanted.check()
    with connect(ctx) as client:
        answer = verify_envelope(client, wanted) if wanted.envelope else verify_input(client, wanted)
    if shows_table(ctx):
        click.echo(f"verified: {plain(answer.key_version)}, {plain(answer.algorithm)}")
    else:
        write_message(ctx, answer)


def verify_input(client: Client, wanted: Wanted) -> VerifyResponse:
    """Verify the signature of a digest or file; large files are hashed here where the algorithm allows it."""
    from signerd.cli.inputs import Input, input_of

    signature = read_signature(wanted.signature or Path())
    if wanted.file is None:
        given: Input = {"digest": wanted.digest or ""}
    else:
        with opened(wanted.file) as stream:
            given = input_of(client, wanted.key, stream, wanted.payload_type or "")
    return client.verify(wanted.key, signature, **given, version=wanted.version, encoding=wanted.encoding)


def verify_envelope(client: Client, wanted: Wanted) -> VerifyResponse:
    """Verify an envelope: one signature by the key is enough. Key ids are hints and decide nothing."""
    from signerd.cli.inputs import input_of

    envelope = read_envelope(wanted.envelope or Path())
    key, version, encoding = wanted.key, wanted.version, wanted.encoding
    given = input_of(client, key, io.BytesIO(envelope.payload), envelope.payload_type)
    for signature in envelope.signatures:
        try:
            answer = client.verify(key, signature.value, **given, version=version, encoding=encoding)
        except SignerdError as error:
            if error.reason not in MISMATCHES:
                raise
        else:
            if wanted.output_payload:
                write_whole(wanted.output_payload, envelope.payload)
            return answer
    raise SignerdError(
        Reason.SIGNATURE_MISMATCH,
        f"no signature of the envelope verifies with key {key!r} ({len(envelope.signatures)} tried)",
        field="envelope.signatures",
    )


def read_envelope(file: Path) -> Envelope:
    """Parse an envelope file; raises ENVELOPE_INVALID."""
    from signerd.attestation.envelopes import parse_envelope

    return parse_envelope(read_input(file))


def read_signature(file: Path) -> bytes:
    """A signature, base64 or raw. No raw one reads as base64: 64 such bytes in a row are no accident."""
    data = read_input(file)
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return data
