"""What a log was at the beginning and the end of a period: heads, proven by a later checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from signerd.auditor.authority import check_signed
from signerd.auditor.checkpoints import Checkpoint, parse_checkpoint
from signerd.auditor.consistency import is_consistent
from signerd.auditor.encodings import base64_bytes, base64_text
from signerd.auditor.policies import NONE, Policy
from signerd.auditor.shards import witnessed
from signerd.auditor.verdicts import wrong
from signerd.auditor.vkeys import VerifierKey
from signerd.errors import SignerdError

CHECKPOINT: Final = "checkpoint"
HEADS: Final = "heads.json"
Size = Annotated[int, msgspec.Meta(ge=0)]


class ProvenHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`size` records had this root; `consistency` leads from there to the checkpoint. Roots and hashes are base64."""

    consistency: list[str]
    root: str
    size: Size


class Heads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shard when the period began, and when it ended."""

    begin: ProvenHead
    end: ProvenHead

    def encoded(self) -> bytes:
        """The file."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"


def proven_head(size: int, root: bytes, hashes: Sequence[bytes]) -> ProvenHead:
    """A head as it stands in the file."""
    return ProvenHead([base64_text(one) for one in hashes], base64_text(root), size)


def check_heads(
    shard: str, note: bytes, heads: bytes, instance: str, keys: Sequence[VerifierKey], policy: Policy | None
) -> None:
    """Raise AUDIT_EVIDENCE_INVALID unless the checkpoint is signed, and the heads are of the log that it is of."""
    name, file = f"shards/{shard}/{CHECKPOINT}", f"shards/{shard}/{HEADS}"
    checkpoint = _checkpoint(note, name)
    if checkpoint.head.origin != f"{instance}/{shard}":
        wrong(name, f"is of the log {checkpoint.head.origin[:200]}")
    check_signed(checkpoint, keys, ())
    if policy is not None and policy.quorum != NONE and witnessed(checkpoint, policy) is None:
        wrong(name, "has not the cosignatures that the witness policy wants")
    found = _heads(heads, file)
    if found.begin.size > found.end.size:
        wrong(file, "begins with more records than it ends with")
    for which, one in (("begin", found.begin), ("end", found.end)):
        if not _leads_to(one, checkpoint):
            wrong(file, f"the log at the {which} of the period is not the beginning of that in {name}")


def _checkpoint(note: bytes, name: str) -> Checkpoint:
    try:
        return parse_checkpoint(note, name)
    except SignerdError as error:
        wrong(name, error.message.removeprefix(f"{name}: "))


def _heads(data: bytes, name: str) -> Heads:
    try:
        return msgspec.json.decode(data, type=Heads)
    except msgspec.DecodeError as error:
        wrong(name, f"is not in its format: {error}")


def _leads_to(head: ProvenHead, checkpoint: Checkpoint) -> bool:
    root = base64_bytes(head.root)
    hashes = [one for one in map(base64_bytes, head.consistency) if one is not None]
    if root is None or len(hashes) != len(head.consistency):
        return False
    return is_consistent(head.size, root, checkpoint.head.size, checkpoint.head.root, hashes)
