"""Verify: which version made a signature, if any did."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.core.inputs import SigningInput
from signerd.core.names import check_ids
from signerd.core.signatures import p1363_to_der
from signerd.engine.keyring import Keyring, SigningVersion
from signerd.engine.payloads import decode
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import VerifyCall
from signerd.engine.signer import prepared
from signerd.errors import Reason, SignerdError


@dataclass(frozen=True, slots=True)
class Verified:
    """The version whose public key the signature verifies under."""

    by: SigningVersion
    sequence: int


@dataclass(slots=True)
class Verifier:
    """Verifies signatures with pinned public keys; asks no provider."""

    keyring: Keyring
    recorder: Recorder

    async def verify(self, caller: Caller, call: VerifyCall) -> Verified:
        """Give the version that made the signature; raises SIGNATURE_MISMATCH where none did."""
        facts = Facts("verify", call.key, call.version, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_ids(call.request_id, call.traceparent)
            candidates = await self.keyring.find_verifying(call.key, call.version, call.min_revision)
            facts.by = by = await self._matching(candidates, call, facts)
        return Verified(by, facts.sequence)

    async def _matching(
        self, candidates: list[SigningVersion], call: VerifyCall, facts: Facts
    ) -> SigningVersion:
        if not candidates:
            raise SignerdError(Reason.VERSION_STATE, f"no version of {call.key!r} verifies", field="version")
        decoded = decode(call.read_input())
        facts.payload_type, facts.contents = decoded.payload_type, decoded.contents
        algorithm = candidates[0].algorithm
        signature = p1363_to_der(call.signature, algorithm) if call.p1363 else call.signature
        facts.signed = await prepared(candidates[0], decoded.signing)
        for by in candidates:
            if _verifies(by, facts.signed, signature):
                return by
        raise SignerdError(
            Reason.SIGNATURE_MISMATCH,
            f"the signature does not verify under {_named(candidates)}",
            field="signature",
        )


def _verifies(by: SigningVersion, given: SigningInput, signature: bytes) -> bool:
    try:
        by.pinned.verify(given, signature)
    except SignerdError as error:
        if error.reason is Reason.SIGNATURE_MISMATCH:
            return False
        raise
    return True


def _named(candidates: list[SigningVersion]) -> str:
    if len(candidates) == 1:
        return candidates[0].name
    return f"any of the {len(candidates)} versions of key {candidates[0].key.name!r} that verify"
