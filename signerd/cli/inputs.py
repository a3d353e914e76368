"""What Verify is sent for a file: the bytes, or where it is large, their digest made here."""

from __future__ import annotations

import hashlib
from typing import BinaryIO, TypedDict

from signerd.attestation.pae import pae_header
from signerd.cli.files import LARGE, length_of
from signerd.client import Client
from signerd.core.algorithms import algorithm_named
from signerd.core.digests import Digest

BLOCK = 1024 * 1024


class Input(TypedDict, total=False):
    """One of the inputs of Verify."""

    digest: Digest | str
    message: bytes
    dsse: tuple[str, bytes]


def input_of(client: Client, key: str, stream: BinaryIO, payload_type: str) -> Input:
    """The file as message or DSSE payload; as digest where it is large and the key's algorithm takes one."""
    length = length_of(stream)
    if length > LARGE and (digest := _digest(client, key, stream, length, payload_type)):
        return {"digest": digest}
    data = stream.read()
    return {"dsse": (payload_type, data)} if payload_type else {"message": data}


def _digest(client: Client, key: str, stream: BinaryIO, length: int, payload_type: str) -> Digest | None:
    # All versions of a key have one algorithm, so the primary's is that of the version asked for.
    hash_ = algorithm_named(client.public_key(key).versions[0].algorithm).hash
    if hash_ is None:
        return None
    hashed = hashlib.new(hash_.value, pae_header(payload_type, length) if payload_type else b"")
    while block := stream.read(BLOCK):
        hashed.update(block)
    return Digest(hash_, hashed.digest())
