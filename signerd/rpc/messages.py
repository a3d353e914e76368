"""Protobuf messages to the engine's words and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial

from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, Mu
from signerd.core.keys import Key, KeyVersion, Purpose, State
from signerd.core.public_keys import key_id, load_public_key, ssh_fingerprint
from signerd.engine.checksums import checksum
from signerd.engine.keyring import SigningVersion
from signerd.engine.payloads import Dsse, GivenInput
from signerd.engine.recorder import Facts
from signerd.engine.requests import SignCall, VerifyCall
from signerd.errors import Reason, SignerdError
from signerd.v1 import resources_pb2 as resources
from signerd.v1 import signer_pb2 as pb

HASHES: Mapping[int, Hash] = {
    resources.HASH_ALGORITHM_SHA256: Hash.SHA256,
    resources.HASH_ALGORITHM_SHA384: Hash.SHA384,
    resources.HASH_ALGORITHM_SHA512: Hash.SHA512,
}
PURPOSES: Mapping[int, Purpose] = {
    resources.KEY_PURPOSE_UNSPECIFIED: Purpose.ARTIFACT,
    resources.KEY_PURPOSE_ARTIFACT: Purpose.ARTIFACT,
    resources.KEY_PURPOSE_JWT: Purpose.JWT,
    resources.KEY_PURPOSE_BUNDLE: Purpose.BUNDLE,
    resources.KEY_PURPOSE_LOG: Purpose.LOG,
}
PURPOSE_NUMBERS = {
    Purpose.ARTIFACT: resources.KEY_PURPOSE_ARTIFACT,
    Purpose.JWT: resources.KEY_PURPOSE_JWT,
    Purpose.BUNDLE: resources.KEY_PURPOSE_BUNDLE,
    Purpose.LOG: resources.KEY_PURPOSE_LOG,
}
STATE_NUMBERS = {
    State.PENDING: resources.KEY_VERSION_STATE_PENDING,
    State.ACTIVE: resources.KEY_VERSION_STATE_ACTIVE,
    State.VERIFY_ONLY: resources.KEY_VERSION_STATE_VERIFY_ONLY,
    State.DISABLED: resources.KEY_VERSION_STATE_DISABLED,
    State.COMPROMISED: resources.KEY_VERSION_STATE_COMPROMISED,
    State.DESTROY_SCHEDULED: resources.KEY_VERSION_STATE_DESTROY_SCHEDULED,
    State.DESTROYED: resources.KEY_VERSION_STATE_DESTROYED,
}


def given_input(request: pb.SignRequest | pb.VerifyRequest) -> GivenInput | None:
    """The input of a request, None where it has none; raises HASH_UNKNOWN, DIGEST_LENGTH or MU_NOT_ACCEPTED."""
    which = request.WhichOneof("input")
    if which == "digest":
        digest = request.digest
        return Digest(_hash(digest.hash), digest.value)
    if which == "message":
        return Message(request.message)
    if which == "dsse":
        return Dsse(request.dsse.payload_type, request.dsse.payload)
    return Mu(request.ml_dsa_mu) if which else None


def _hash(number: int) -> Hash:
    try:
        return HASHES[number]
    except KeyError:
        raise SignerdError(
            Reason.HASH_UNKNOWN,
            f"unknown hash number {number}; use SHA256, SHA384 or SHA512",
            field="digest.hash",
        ) from None


def sign_call(request: pb.SignRequest) -> SignCall:
    """A SignRequest as the engine takes it; the input is decoded by the engine, where a refusal is recorded."""
    return SignCall(
        key=request.key,
        version=request.version,
        read_input=partial(given_input, request),
        validate_only=request.validate_only,
        request_id=request.request_id,
        traceparent=request.traceparent,
        min_revision=request.min_revision,
        checksum=request.input_crc32c if request.HasField("input_crc32c") else None,
    )


def sign_response(signed: Facts, shard: str, with_checksum: bool) -> pb.SignResponse:
    """A signature on record, in the log of that shard."""
    response = pb.SignResponse()
    fill_response(response, signed, shard, with_checksum)
    return response


def fill_response(response: pb.SignResponse, signed: Facts, shard: str, with_checksum: bool) -> None:
    """As sign_response, into a message that is there already."""
    if signed.by is not None:
        response.CopyFrom(_constant_part(signed.by, shard))
    response.signature = signed.signature
    response.audit.sequence = signed.sequence
    if with_checksum:
        response.signature_crc32c = checksum(signed.signature)


@lru_cache(maxsize=4096)
def _constant_part(by: SigningVersion, shard: str) -> pb.SignResponse:
    """What all signatures of a version have in common; copying it is cheaper than filling it in."""
    return pb.SignResponse(
        key_version=by.name,
        algorithm=by.algorithm.name,
        key_id=by.key_id,
        ssh_fingerprint=by.ssh_fingerprint,
        audit=resources.AuditPosition(shard=shard),
    )


def verify_call(request: pb.VerifyRequest) -> VerifyCall:
    """A VerifyRequest as the engine takes it; raises REQUEST_MALFORMED for an unknown encoding."""
    if request.encoding not in pb.SignatureEncoding.values():
        raise SignerdError(
            Reason.REQUEST_MALFORMED, f"unknown encoding number {request.encoding}", field="encoding"
        )
    return VerifyCall(
        request.key,
        request.version,
        partial(given_input, request),
        request.signature,
        request.encoding == pb.SIGNATURE_ENCODING_P1363,
        request.request_id,
        request.traceparent,
        request.min_revision,
    )


def position(shard: str, sequence: int) -> resources.AuditPosition:
    """A place in the audit log."""
    return resources.AuditPosition(shard=shard, sequence=sequence)


def purpose(number: int) -> Purpose:
    """Purpose by its number in the API; raises REQUEST_MALFORMED for an unknown one."""
    try:
        return PURPOSES[number]
    except KeyError:
        raise SignerdError(
            Reason.REQUEST_MALFORMED, f"unknown purpose number {number}", field="purpose"
        ) from None


def key_message(key: Key) -> resources.Key:
    """A key with its versions."""
    message = resources.Key(
        name=key.name,
        algorithm=key.algorithm.name,
        purpose=PURPOSE_NUMBERS[key.purpose],
        provider=key.provider,
        labels=dict(key.labels),
        primary_version=key.primary,
        versions=[_version_message(key, version) for version in key.versions],
        created_by=key.created_by,
    )
    message.create_time.FromDatetime(key.created)
    return message


def _version_message(key: Key, version: KeyVersion) -> resources.KeyVersion:
    message = resources.KeyVersion(
        name=version.name,
        version=version.number,
        state=STATE_NUMBERS[version.state],
        key_id=key_id(version.public_key),
        ssh_fingerprint=ssh_fingerprint(load_public_key(version.public_key, key.algorithm)),
        uri=version.uri,
    )
    message.create_time.FromDatetime(version.created)
    return message
