"""Arguments of calls, and the requests with an input made from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from signerd.core.digests import Digest, Hash, parse_digest
from signerd.errors import Reason, SignerdError
from signerd.v1 import resources_pb2 as resources
from signerd.v1.signer_pb2 import SIGNATURE_ENCODING_DER, SIGNATURE_ENCODING_P1363, SignRequest, VerifyRequest

HASHES = {
    Hash.SHA256: resources.HASH_ALGORITHM_SHA256,
    Hash.SHA384: resources.HASH_ALGORITHM_SHA384,
    Hash.SHA512: resources.HASH_ALGORITHM_SHA512,
}
ENCODINGS = {"der": SIGNATURE_ENCODING_DER, "p1363": SIGNATURE_ENCODING_P1363}


class CallOptions(TypedDict, total=False):
    """Options of every call. `request_id` is made where it is left out; `traceparent` is W3C Trace Context."""

    request_id: str
    traceparent: str


class InputOptions(CallOptions, total=False):
    """What to sign or verify, exactly one of: a digest (`sha256:HEX`), a message, payload type and payload of a
    DSSE envelope, the external mu of ML-DSA (64 bytes). `version` 0 is the primary."""

    digest: Digest | str | None
    message: bytes | None
    dsse: tuple[str, bytes] | None
    ml_dsa_mu: bytes | None
    version: int


class SignOptions(InputOptions, total=False):
    """With `validate_only` every check is made and nothing signed.

    With `want_proof` the answer waits for a checkpoint of the audit log, as long as the call may take, and has the
    `.tlog-proof` in `proof`, or in `proof_problem` why there is none; the signature is good either way.
    """

    validate_only: bool
    want_proof: bool


class VerifyOptions(InputOptions, total=False):
    """`encoding` is how an ECDSA signature is written: `der` (default) or `p1363` (r and s, one behind the other)."""

    encoding: str


class StreamOptions(CallOptions, total=False):
    """With `payload_type` the input is a DSSE payload."""

    payload_type: str
    version: int
    validate_only: bool
    want_proof: bool


class PublicKeyOptions(CallOptions, total=False):
    """One version (0 is the primary), or with `every` all that verify."""

    version: int
    every: bool


class KeyOptions(CallOptions, total=False):
    """What a new key shall be; left out, the daemon's defaults. `purpose` is artifact, jwt, bundle or log."""

    algorithm: str
    purpose: str
    provider: str
    labels: dict[str, str]


class ImportOptions(KeyOptions, total=False):
    """`password` opens an encrypted private key."""

    password: bytes


class AdoptOptions(KeyOptions, total=False):
    """With `public_only` the public key alone is taken, and `name` may be a key that exists."""

    public_only: bool


class PageOptions(CallOptions, total=False):
    """`page_size` 0 is the daemon's default; `page_token` is the `next_page_token` of the page before."""

    page_size: int
    page_token: str


class FilterOptions(CallOptions, total=False):
    """Only records that match all that is given: written from `since` on and before `until` (with a time zone), of one
    `outcome` (ok, refused, failed), of one `digest` (`sha256:HEX`) and so on. `record` is the id of a request."""

    since: datetime | None
    until: datetime | None
    key: str
    version: int
    caller: str
    operation: str
    outcome: str
    reason: str
    digest: str
    record: str
    shard: str


class RecordOptions(FilterOptions, total=False):
    """As FilterOptions and PageOptions."""

    page_size: int
    page_token: str


Positions = Mapping[str, int]
"""Sequence of the last record that one has, by shard."""


def new_id() -> str:
    """A request id: 128 random bits, as 32 hexadecimal digits."""
    return os.urandom(16).hex()  # a third of what uuid4 costs


def sign_request(  # noqa: PLR0913 - the options of SignOptions, spelled out so that a wrong name is an error
    key: str,
    *,
    digest: Digest | str | None = None,
    message: bytes | None = None,
    dsse: tuple[str, bytes] | None = None,
    ml_dsa_mu: bytes | None = None,
    version: int = 0,
    validate_only: bool = False,
    want_proof: bool = False,
    request_id: str = "",
    traceparent: str = "",
) -> SignRequest:
    """A SignRequest, as an item of `sign_batch`; raises INPUT_MISSING and what a wrong digest gives."""
    request = SignRequest(
        key=key,
        version=version,
        validate_only=validate_only,
        want_proof=want_proof,
        request_id=request_id or new_id(),
        traceparent=traceparent,
    )
    _put_input(request, digest, message, dsse, ml_dsa_mu)
    return request


def verify_request(  # noqa: PLR0913 - as above
    key: str,
    signature: bytes,
    *,
    digest: Digest | str | None = None,
    message: bytes | None = None,
    dsse: tuple[str, bytes] | None = None,
    ml_dsa_mu: bytes | None = None,
    version: int = 0,
    encoding: str = "der",
    request_id: str = "",
    traceparent: str = "",
) -> VerifyRequest:
    """A VerifyRequest; raises as `sign_request`, and SIGNATURE_MALFORMED for an unknown encoding."""
    if encoding not in ENCODINGS:
        raise SignerdError(
            Reason.SIGNATURE_MALFORMED, f"encoding {encoding!r} is not der or p1363", field="encoding"
        )
    request = VerifyRequest(
        key=key,
        version=version,
        signature=signature,
        encoding=ENCODINGS[encoding],
        request_id=request_id or new_id(),
        traceparent=traceparent,
    )
    _put_input(request, digest, message, dsse, ml_dsa_mu)
    return request


def _put_input(
    request: SignRequest | VerifyRequest,
    digest: Digest | str | None,
    message: bytes | None,
    dsse: tuple[str, bytes] | None,
    ml_dsa_mu: bytes | None,
) -> None:
    if (digest, message, dsse, ml_dsa_mu).count(None) != 3:  # noqa: PLR2004 - three of four
        raise SignerdError(Reason.INPUT_MISSING, "give exactly one of digest, message, dsse and ml_dsa_mu")
    if message is not None:
        request.message = message
    elif digest is not None:
        _put_digest(request.digest, digest)
    elif dsse is not None:
        request.dsse.payload_type, request.dsse.payload = dsse
        request.dsse.SetInParent()
    elif ml_dsa_mu is not None:
        request.ml_dsa_mu = ml_dsa_mu


def _put_digest(message: resources.Digest, digest: Digest | str) -> None:
    parsed = parse_digest(digest) if isinstance(digest, str) else digest
    message.hash, message.value = HASHES[parsed.hash], parsed.value
