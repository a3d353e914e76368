"""`signerctl verify`."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signerd.cli.connection import connect
from signerd.cli.exits import MISMATCHES
from signerd.cli.files import opened, read_input, write_whole
from signerd.cli.names import named_version
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
    from collections.abc import Sequence

    from signerd.attestation.envelopes import Envelope
    from signerd.cli.inputs import Attempt
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
@named_version("key")
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
    from signerd.cli.inputs import Attempt, attempts_for

    signature = read_signature(wanted.signature or Path())
    if wanted.file is None:
        attempts = [Attempt(wanted.version, {"digest": wanted.digest or ""})]
    else:
        with opened(wanted.file) as stream:
            kind = wanted.payload_type or ""
            attempts = attempts_for(client, wanted.key, wanted.version, stream, kind)
    return verify_any(client, wanted, [signature], attempts)


def verify_envelope(client: Client, wanted: Wanted) -> VerifyResponse:
    """Verify an envelope: one signature by the key is enough. Key ids are hints and decide nothing."""
    from signerd.cli.inputs import attempts_for

    envelope = read_envelope(wanted.envelope or Path())
    payload = io.BytesIO(envelope.payload)
    attempts = attempts_for(client, wanted.key, wanted.version, payload, envelope.payload_type)
    signatures = [signature.value for signature in envelope.signatures]
    try:
        answer = verify_any(client, wanted, signatures, attempts)
    except SignerdError as error:
        if error.reason not in MISMATCHES:
            raise
        raise SignerdError(
            Reason.SIGNATURE_MISMATCH,
            f"no signature of the envelope verifies with key {wanted.key!r} ({len(signatures)} tried)",
            field="envelope.signatures",
        ) from None
    if wanted.output_payload:
        write_whole(wanted.output_payload, envelope.payload)
    return answer


def verify_any(
    client: Client, wanted: Wanted, signatures: Sequence[bytes], attempts: Sequence[Attempt]
) -> VerifyResponse:
    """The answer for the first signature and attempt that verify; raises what the last attempt did where none do."""
    mismatch = SignerdError(Reason.SIGNATURE_MISMATCH, "there is no signature", field="signature")
    for signature, attempt in product(signatures, attempts):
        try:
            return ask(client, wanted, signature, attempt)
        except SignerdError as error:
            if error.reason not in MISMATCHES:
                raise
            mismatch = error
    if len(attempts) == 1:
        raise mismatch
    raise SignerdError(
        mismatch.reason,
        f"the signature does not verify under any of {len(attempts)} versions of key {wanted.key!r}",
        field=mismatch.field,
    )


def ask(client: Client, wanted: Wanted, signature: bytes, attempt: Attempt) -> VerifyResponse:
    """Verify one signature; raises Unchecked where the message has to be sent whole and is too large for that."""
    from signerd.cli.inputs import too_large

    version, encoding = attempt.version, wanted.encoding
    try:
        return client.verify(wanted.key, signature, **attempt.given, version=version, encoding=encoding)
    except SignerdError as error:
        if attempt.needs_whole and error.reason is Reason.REQUEST_TOO_LARGE:
            raise too_large(attempt.needs_whole, error.message) from None
        raise


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
