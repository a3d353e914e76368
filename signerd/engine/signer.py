"""Sign: the one place that decides. Every door ends here.

snapshot -> decode payload -> sign (guarded) -> audit record -> wait until it is durable -> release
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns

import msgspec

from signerd.audit.log import Ticket
from signerd.audit.records import Record
from signerd.authz.identity import Caller
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.names import check_request_id, check_traceparent
from signerd.engine.checksums import check_checksum
from signerd.engine.keyring import Keyring, SigningVersion
from signerd.engine.payloads import decode, raw
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import SignCall, Signed, Unsigned
from signerd.errors import Reason, SignerdError

INLINE_BYTES = 256 * 1024
"""Longer messages are hashed in a thread: about half a millisecond of SHA-256."""
BATCH_SIZE = 1000
SLICE = 128
"""Inline signatures after which a batch lets other requests have their turn."""


class Attempt(msgspec.Struct):
    """The outcome of one input, and its record, which is not in the log yet."""

    facts: Facts
    record: Record
    error: SignerdError | None

    def outcome(self, sequence: int) -> Signed | Unsigned:
        """The outcome once its record is in the log at that sequence."""
        if self.error is not None:
            self.error.recorded = True
            return Unsigned(self.error, sequence)
        assert self.facts.by is not None
        return Signed(self.facts.signature, self.facts.by, sequence)


@dataclass(slots=True)
class Signer:
    """Signs for callers, one input or many."""

    keyring: Keyring
    recorder: Recorder

    async def sign(self, caller: Caller, call: SignCall) -> Signed:
        """Sign one input; returns after its audit record is durable."""
        attempt = await self._attempt(caller, call)
        ticket = self._append((attempt,))
        await ticket.durable
        outcome = attempt.outcome(ticket.sequence)
        if isinstance(outcome, Unsigned):
            raise outcome.error
        return outcome

    async def sign_batch(self, caller: Caller, calls: Sequence[SignCall]) -> list[Signed | Unsigned]:
        """Sign many inputs, each with an outcome of its own; returns after all their records are durable."""
        check_batch_size(len(calls))
        attempts: list[Attempt] = []
        try:
            await self._attempt_all(caller, calls, attempts)
        except BaseException:
            if attempts:
                self._append(attempts)
            raise
        ticket = self._append(attempts)
        await ticket.durable
        return [attempt.outcome(sequence) for sequence, attempt in enumerate(attempts, ticket.sequence)]

    def _append(self, attempts: Sequence[Attempt]) -> Ticket:
        self.recorder.telemetry.count_signatures(
            (one.facts.by.provider.name, one.facts.by.algorithm.name)
            for one in attempts
            if one.facts.by is not None and one.facts.signature
        )
        return self.recorder.append([one.record for one in attempts])

    async def _attempt_all(self, caller: Caller, calls: Sequence[SignCall], attempts: list[Attempt]) -> None:
        """Attempt all in their order; those that have to wait for something do so side by side."""
        waiting = {
            index: asyncio.create_task(self._attempt(caller, call))
            for index, call in enumerate(calls)
            if not self._is_inline(call)
        }
        try:
            for index, call in enumerate(calls):
                task = waiting.get(index)
                attempts.append(await (task or self._attempt(caller, call)))
                if index % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
        finally:
            for task in waiting.values():
                task.cancel()

    def _is_inline(self, call: SignCall) -> bool:
        by = self.keyring.view.signing.get((call.key, call.version))
        return by is not None and by.inline

    async def _attempt(self, caller: Caller, call: SignCall) -> Attempt:
        """Sign; the caller of this appends the record. One that is cancelled is on record before it ends."""
        started = perf_counter_ns()
        facts = Facts("sign", call.key, call.version, call.request_id, call.traceparent)
        error = None
        try:
            self.recorder.check()
            facts.signature = await self._signature(call, facts)
        except asyncio.CancelledError as gone:
            error = self.recorder.failure(gone)
            self.recorder.append([self.recorder.record(caller, facts, error, started)])
            raise
        except Exception as problem:
            error = self.recorder.failure(problem)
        return Attempt(facts, self.recorder.record(caller, facts, error, started), error)

    async def _signature(self, call: SignCall, facts: Facts) -> bytes:
        check_request_id(call.request_id)
        check_traceparent(call.traceparent)
        by = self.keyring.view.signing.get((call.key, call.version))
        if by is None or call.min_revision > self.keyring.revision:
            by = await self.keyring.find_signing(call.key, call.version, call.min_revision)
        facts.by = by
        given_input = call.read_input()
        decoded = decode(given_input)
        facts.payload_type = decoded.payload_type
        if call.checksum is not None:
            check_checksum(raw(given_input), call.checksum)
        facts.signed = given = await prepared(by, decoded.signing)
        if call.validate_only:
            facts.operation = "validate"
            return b""
        return await by.provider.sign(by.pinned, given)


async def prepared(by: SigningVersion, signing: SigningInput) -> SigningInput:
    """The input in the form that the algorithm signs; long messages are hashed off the loop."""
    if isinstance(signing, Message) and len(signing.data) > INLINE_BYTES:
        return await asyncio.to_thread(prepare, by.algorithm, signing)
    return prepare(by.algorithm, signing)


def check_batch_size(items: int) -> None:
    """Raise BATCH_SIZE_INVALID unless a batch of so many items is taken."""
    if not 1 <= items <= BATCH_SIZE:
        raise SignerdError(
            Reason.BATCH_SIZE_INVALID, f"batch has {items} items, 1 to {BATCH_SIZE} are taken", field="items"
        )
