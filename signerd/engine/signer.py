"""Sign: the one place that decides. Every door ends here.

snapshot -> decode payload -> sign (guarded) -> audit record -> wait until it is durable -> release
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns

from signerd.authz.identity import Caller
from signerd.core.digests import Digest
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.names import check_ids
from signerd.engine.checksums import check_checksum
from signerd.engine.keyring import Keyring, SigningVersion
from signerd.engine.payloads import decode, raw
from signerd.engine.recorder import Recorder
from signerd.engine.requests import SignCall
from signerd.errors import Reason, SignerdError

INLINE_BYTES = 256 * 1024
"""Longer messages are hashed in a thread: about half a millisecond of SHA-256."""
BATCH_SIZE = 1000
TURN = 0.005
"""Seconds after which a batch lets other requests have their turn."""


@dataclass(slots=True)
class Signer:
    """Signs for callers, one input or many. What comes of a call is filled into it.

    `max_payload`, in bytes, bounds messages of algorithms that need them whole.
    """

    keyring: Keyring
    recorder: Recorder
    max_payload: int

    async def sign(self, caller: Caller, call: SignCall) -> SignCall:
        """Sign one input; returns or raises after its audit record is durable."""
        self.recorder.admit(caller, call.operation)
        started = perf_counter_ns()
        name_operation(call)
        try:
            if self._admit(call):
                self._sign(call)
            else:
                await self._attempt(caller, (call,))
        except BaseException as gone:
            self._give_up(caller, (call,), started, gone)
            raise
        await self.recorder.append(caller, (call,), started)
        if call.error is not None:
            raise call.error
        return call

    async def sign_batch(self, caller: Caller, calls: Sequence[SignCall]) -> None:
        """Sign many inputs, each with a signature or error of its own; returns after all records are durable."""
        check_batch_size(len(calls))
        self.recorder.admit(caller, "sign", len(calls))
        started = perf_counter_ns()
        for call in calls:
            name_operation(call)
        try:
            await self._attempt_all(caller, calls)
        except BaseException as gone:
            self._give_up(caller, calls, started, gone)
            raise
        await self.recorder.append(caller, calls, started)

    def _give_up(self, caller: Caller, calls: Sequence[SignCall], started: int, gone: BaseException) -> None:
        """Put on record what was under way when the caller went away: no signature of it is released."""
        for call in calls:
            call.error = call.error or self.recorder.failure(gone)
        self.recorder.append(caller, calls, started)

    async def _attempt_all(self, caller: Caller, calls: Sequence[SignCall]) -> None:
        """Step by step for those that sign at once; those that have to wait for something do so beside them."""
        inline: list[SignCall] = []
        waiting: list[SignCall] = []
        turn = perf_counter()
        for call in calls:
            (inline if self._admit(call) else waiting).append(call)
            if perf_counter() - turn > TURN:
                await asyncio.sleep(0)
                turn = perf_counter()
        if not waiting:
            return await self._sign_inline(inline)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._attempt(caller, waiting))
            await self._sign_inline(inline)
        return None

    def _admit(self, call: SignCall) -> bool:
        """Bring a call to where only its signature is missing, or to its error; False where that takes waiting."""
        by = self.keyring.ready(call)
        if by is None or not by.inline:
            return False
        try:
            call.sign = by.provider.signer(by.pinned)
        except Exception as problem:  # noqa: BLE001 - a defect must not spoil the other items
            call.error = self.recorder.failure(problem)
            return True
        return call.sign is not None and self._prepare(call, by)

    def _prepare(self, call: SignCall, by: SigningVersion) -> bool:
        """Have the input of a call ready to be signed, or its error; False where that takes waiting."""
        try:
            signing = self._read(call, by)
            if is_long(signing):
                return False
            call.signed = prepare(by.algorithm, signing)
        except Exception as problem:  # noqa: BLE001 - a defect must not spoil the other items
            call.error = self.recorder.failure(problem)
        return True

    async def _sign_inline(self, calls: Sequence[SignCall]) -> None:
        turn = perf_counter()
        for call in calls:
            self._sign(call)
            if perf_counter() - turn > TURN:
                await asyncio.sleep(0)
                turn = perf_counter()

    def _sign(self, call: SignCall) -> None:
        if (
            call.error is None
            and call.sign is not None
            and call.signed is not None
            and not call.validate_only
        ):
            try:
                call.signature = call.sign(call.signed)
            except Exception as problem:  # noqa: BLE001 - a defect must not spoil the other items
                call.error = self.recorder.failure(problem)

    async def _attempt(self, caller: Caller, calls: Sequence[SignCall]) -> None:
        """Sign, waiting for whatever it takes; raises only when cancelled.

        What is about to be asked of providers outside this process is durable on record, all of it in one group, first.
        """
        await each(self._find, [call for call in calls if not self._is_found(call)])
        ready = [call for call in calls if call.error is None and not call.validate_only]
        outside = [call for call in ready if call.by is not None and not call.by.provider.in_process]
        if outside:
            await self._intend(caller, outside)
        await each(self._ask, [call for call in ready if call.error is None])

    def _is_found(self, call: SignCall) -> bool:
        by = self.keyring.ready(call)
        return by is not None and self._prepare(call, by)

    async def _find(self, call: SignCall) -> None:
        try:
            by = await self.keyring.find_signing(call.key, call.version, call.min_revision)
            call.signed = await prepared(by, self._read(call, by))
        except Exception as problem:  # noqa: BLE001 - whatever it is, it goes on record
            call.error = self.recorder.failure(problem)

    async def _intend(self, caller: Caller, calls: Sequence[SignCall]) -> None:
        try:
            await self.recorder.intend(caller, calls)
        except SignerdError as unrecorded:
            for call in calls:
                call.error = unrecorded

    async def _ask(self, call: SignCall) -> None:
        if call.by is None or call.signed is None:
            return
        try:
            call.signature = await call.by.provider.sign(call.by.pinned, call.signed)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it goes on record
            call.error = self.recorder.failure(problem)

    def _read(self, call: SignCall, by: SigningVersion) -> SigningInput:
        """Check and decode what is to be signed, and note what is known of it in the call."""
        call.by = by
        check_ids(call.request_id, call.traceparent)
        given = call.read_input()
        if call.checksum is not None:
            check_checksum(raw(given), call.checksum)
        if isinstance(given, Digest):
            return given
        decoded = decode(given)
        call.payload_type, call.contents = decoded.payload_type, decoded.contents
        check_size(by, decoded.signing, self.max_payload)
        return decoded.signing


async def each(step: Callable[[SignCall], Awaitable[None]], calls: Sequence[SignCall]) -> None:
    """Take a step with all of them, beside each other where they are several."""
    if len(calls) == 1:
        await step(calls[0])
    elif calls:
        await asyncio.gather(*map(step, calls))


def check_size(by: SigningVersion, signing: SigningInput, most: int) -> None:
    """Raise REQUEST_TOO_LARGE for a message that the algorithm needs whole and that is longer than `most` bytes."""
    if type(signing) is Message and by.algorithm.hash is None and len(signing.data) > most:
        raise SignerdError(
            Reason.REQUEST_TOO_LARGE,
            f"{by.algorithm} needs the whole message: it has {len(signing.data)} bytes, limits.payload is {most}",
            field="message",
        )


def name_operation(call: SignCall) -> None:
    """Have the record say that nothing was to be signed, whatever becomes of the request."""
    if call.validate_only:
        call.operation = "validate"


def is_long(signing: SigningInput) -> bool:
    """Whether hashing it would hold up the event loop."""
    return type(signing) is Message and len(signing.data) > INLINE_BYTES


async def prepared(by: SigningVersion, signing: SigningInput) -> SigningInput:
    """The input in the form that the algorithm signs; long messages are hashed off the loop."""
    if is_long(signing):
        return await asyncio.to_thread(prepare, by.algorithm, signing)
    return prepare(by.algorithm, signing)


def check_batch_size(items: int) -> None:
    """Raise BATCH_SIZE_INVALID unless a batch of so many items is taken."""
    if not 1 <= items <= BATCH_SIZE:
        raise SignerdError(
            Reason.BATCH_SIZE_INVALID, f"batch has {items} items, 1 to {BATCH_SIZE} are taken", field="items"
        )
