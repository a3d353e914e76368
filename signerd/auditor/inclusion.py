"""Verification of one record with its proof (c2sp.org/tlog-proof)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signerd.auditor.authority import check_signed
from signerd.auditor.policies import Policy
from signerd.auditor.proofs import Proof, parse_proof, root_of
from signerd.auditor.records import Records
from signerd.auditor.shards import witnessed
from signerd.auditor.verdicts import wrong
from signerd.auditor.vkeys import VerifierKey
from signerd.core.merkle import leaf_hash
from signerd.errors import SignerdError


@dataclass(frozen=True, slots=True)
class Included:
    """A record that is proven to be in the log `origin` when that had `size` records.

    `position` is SHARD/SEQUENCE; `witnessed` the time (Unix) at which enough witnesses had seen it.
    """

    position: str
    origin: str
    size: int
    witnessed: int | None


def verify_inclusion(
    proof: bytes, entry: bytes, keys: Sequence[VerifierKey], policy: Policy | None
) -> Included:
    """Verify a proof for an entry. Raises AUDIT_EVIDENCE_INVALID; the steps are those of c2sp.org/tlog-proof."""
    parsed = _parsed(proof)
    head = parsed.checkpoint.head
    # 1. The leaf is the record itself.
    Records(shard := head.origin.rpartition("/")[2]).take([entry], parsed.index + 1)
    # 2. A key for that origin has signed.
    check_signed(parsed.checkpoint, keys, ())
    # 3. The witnesses that are known have cosigned, and enough of them.
    seen = _witnessed(parsed, policy)
    # 4. The hashes lead to the root.
    if root_of(leaf_hash(entry), parsed.index, head.size, parsed.hashes) != head.root:
        wrong("proof", "does not lead from the record to the root of its checkpoint")
    return Included(f"{shard}/{parsed.index + 1}", head.origin, head.size, seen)


def _parsed(proof: bytes) -> Proof:
    try:
        return parse_proof(proof)
    except SignerdError as error:
        wrong("proof", error.message.removeprefix("proof: "))


def _witnessed(proof: Proof, policy: Policy | None) -> int | None:
    if policy is None:
        return None
    seen = witnessed(proof.checkpoint, policy)
    if seen is None and policy.quorum != "none":
        wrong("proof", "has not the cosignatures that the witness policy wants")
    return seen
