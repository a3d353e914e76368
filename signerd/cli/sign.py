"""`signerctl sign`."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signerd.cli.connection import connect
from signerd.cli.exits import Exit
from signerd.cli.files import LARGE, length_of, opened, write_whole
from signerd.cli.names import named_version
from signerd.cli.options import (
    digest_option,
    key_option,
    output_option,
    payload_type_option,
    version_option,
)
from signerd.cli.output import plain, shows_table, write_message
from signerd.cli.progress import progress

if TYPE_CHECKING:
    from typing import BinaryIO

    from signerd.client import Client
    from signerd.v1.signer_pb2 import SignResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of `sign`."""

    key: str
    version: int
    digest: str | None
    payload_type: str | None
    envelope: bool
    raw: bool
    output_signature: Path | None
    proof: Path | None
    file: Path | None

    @property
    def wants_proof(self) -> bool:
        """Whether the answer is to have a proof."""
        return self.proof is not None

    def check(self) -> None:
        """Raise UsageError where the options contradict each other."""
        if (self.file is None) == (self.digest is None):
            raise click.UsageError("give FILE (or - for stdin), or --digest")
        if self.digest and self.payload_type:
            raise click.UsageError("--payload-type needs the payload: give FILE, not --digest")
        if self.envelope and not self.payload_type:
            raise click.UsageError("--envelope needs --payload-type")
        if self.envelope and self.raw:
            raise click.UsageError("--envelope and --raw contradict each other")


@click.command()
@key_option
@version_option
@digest_option
@payload_type_option
@click.option("--envelope", is_flag=True, help="Write a DSSE envelope; needs --payload-type.")
@click.option("--raw", is_flag=True, help="Write the signature's bytes, not base64.")
@click.option(
    "--output-signature",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="F",
    help="Write to file F, whole or not at all, instead of stdout.",
)
@click.option(
    "--proof",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="F",
    help="Write to file F the proof (.tlog-proof) that the audit log has the signature's record.",
)
@click.argument("file", metavar="[FILE|-]", type=click.Path(path_type=Path), required=False)
@output_option
@click.pass_context
@named_version("key")
def sign(ctx: click.Context, /, **given: Any) -> None:
    """Sign a file, stdin (-) or a digest.

    The signature is written as base64; with -o json the whole answer is. Large files are sent as a stream
    and take no memory.

    With --proof it waits for a checkpoint of the audit log, up to --timeout. If none comes the signature is written
    all the same, and the exit code is 6: `audit prove` gives the proof later.

    \b
    Examples:
      signerctl sign --key release artifact.bin > artifact.sig
      signerctl sign --key release --digest sha256:$(sha256sum artifact.bin | cut -d' ' -f1)
      signerctl sign --key release --payload-type application/vnd.in-toto+json --envelope \\
          --output-signature statement.dsse.json statement.json
      tar c src | signerctl sign --key release --raw - > src.sig
    """
    wanted = Wanted(**given)
    wanted.check()
    payload = b""
    with connect(ctx) as client:
        if wanted.file is None:
            answer = client.sign(
                wanted.key, version=wanted.version, digest=wanted.digest, want_proof=wanted.wants_proof
            )
        else:
            with opened(wanted.file) as stream:
                answer = sign_file(client, stream, wanted)
                if wanted.envelope:
                    stream.seek(0)
                    payload = stream.read()
    write_signature(ctx, answer, wanted, payload)
    if wanted.proof:
        write_proof(ctx, answer, wanted.proof)


def sign_file(client: Client, stream: BinaryIO, wanted: Wanted) -> SignResponse:
    """Sign a file: in one request, or as a stream where it is large."""
    length = length_of(stream)
    kind, version = wanted.payload_type or "", wanted.version
    if length > LARGE:
        with progress(stream, length) as counted:
            return client.sign_stream(
                wanted.key,
                counted,
                length=length,
                version=version,
                payload_type=kind,
                want_proof=wanted.wants_proof,
            )
    data = stream.read()
    if kind:
        return client.sign(wanted.key, version=version, dsse=(kind, data), want_proof=wanted.wants_proof)
    return client.sign(wanted.key, version=version, message=data, want_proof=wanted.wants_proof)


def write_proof(ctx: click.Context, answer: SignResponse, path: Path) -> None:
    """Write the proof; without one say so, and how to get it."""
    if answer.proof:
        write_whole(path, answer.proof.encode())
        return
    where = f"{answer.audit.shard}/{answer.audit.sequence}"
    click.echo(
        f"no proof yet: {plain(answer.proof_problem)}; later: signerctl audit prove {where} > {path}",
        err=True,
    )
    ctx.exit(Exit.UNPROVEN)


def write_signature(ctx: click.Context, answer: SignResponse, wanted: Wanted, payload: bytes) -> None:
    """Write what was asked for where it was asked for; with a file, what made it goes to stderr."""
    path = wanted.output_signature
    body = body_of(answer, wanted, payload)
    if path:
        write_whole(path, body)
    if not shows_table(ctx) and (path or not (wanted.envelope or wanted.raw)):
        write_message(ctx, answer)
    elif path:
        where = f"{answer.audit.shard}/{answer.audit.sequence}"
        click.echo(f"signed with {answer.key_version}, audit record {where}", err=True)
    else:
        click.echo(body, nl=False)


def body_of(answer: SignResponse, wanted: Wanted, payload: bytes) -> bytes:
    """The signature as base64 or raw, or an envelope with it."""
    if wanted.raw:
        return answer.signature
    if not wanted.envelope:
        return base64.b64encode(answer.signature) + b"\n"
    from signerd.attestation.envelopes import Envelope, EnvelopeSignature, serialize_envelope

    signature = EnvelopeSignature(answer.signature, answer.ssh_fingerprint)
    envelope = Envelope(wanted.payload_type or "", payload, (signature,))
    return serialize_envelope(envelope) + b"\n"
