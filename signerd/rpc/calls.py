"""The frame around every method: size, concurrency, decoding, errors. Methods get bytes in and give bytes back."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import aio

from signerd.authz.identity import UNKNOWN, Caller, Unproven
from signerd.engine.recorder import Facts, Recorder
from signerd.errors import Reason, SignerdError
from signerd.rpc.status import DETAILS_KEY, to_status
from signerd.telemetry import Telemetry

Request = TypeVar("Request", bound=Message)
Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"
Identify = Callable[[Context], Caller]
Unary = Callable[[bytes, Context], Awaitable[bytes]]
Streaming = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]
CALL: ContextVar[Context] = ContextVar("call")
"""The call at hand, of a method that may have to wait for something."""
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}
DRAIN_POLL = 0.01
LINGER = 0.3
LINGER_REFUSED = 2.0
"""Seconds, give or take a half, that a refusal takes which is only counted: who floods waits, nobody else does."""
MOST_LINGERING = 4000
COLLECT_EVERY = 4096
"""gRPC leaves a ring of some KiB for each call that it aborts; those that lingered are too old to be collected soon."""


class Lingering(Exception):
    """A batch was answered, and has refusals that are only counted."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


@dataclass(slots=True)
class Gate:
    """Admits requests; `max_request` is in bytes. What never reaches the engine is put on record here."""

    recorder: Recorder
    telemetry: Telemetry
    max_in_flight: int
    max_request: int
    draining: bool = False
    in_flight: int = 0
    started: int = 0
    """Calls that gRPC looked up a method for; those that never got to it were turned away by the transport."""
    entered: int = 0
    streams: int = 0
    lingering: int = 0
    lingered: int = 0

    def admit(self, size: int) -> None:
        """Count a call in; raises REQUEST_TOO_LARGE, OVERLOADED or SHUTTING_DOWN."""
        if self.draining:
            raise SignerdError(Reason.SHUTTING_DOWN, retry_after=1.0)
        if size > self.max_request:
            raise SignerdError(
                Reason.REQUEST_TOO_LARGE, f"request is {size} bytes, limits.request is {self.max_request}"
            )
        if self.in_flight >= self.max_in_flight:
            raise overloaded(f"{self.max_in_flight} requests")
        self.in_flight += 1

    def leave(self) -> None:
        """Count an admitted call out."""
        self.in_flight -= 1

    def admit_stream(self, size: int = 0) -> None:
        """As `admit`; streams may take half of the places, so that slow ones never shut out everybody."""
        if self.streams >= max(1, self.max_in_flight // 2):
            raise overloaded(f"{self.streams} streams")
        self.admit(size)
        self.streams += 1

    def leave_stream(self) -> None:
        """Count an admitted stream out."""
        self.streams -= 1
        self.leave()

    async def drain(self, seconds: float) -> None:
        """Admit no more, and give those that were admitted so long to finish; then turn away a little longer.

        What comes at the instant of gRPC's own stop ends as bare CANCELLED, so callers hear first to stay away.
        """
        self.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.in_flight:  # noqa: ASYNC110 - the count is the hot path's, an event would cost it
                    await asyncio.sleep(DRAIN_POLL)
        await asyncio.sleep(LINGER)

    async def refuse(self, caller: Caller, operation: str, problem: Exception) -> SignerdError:
        """The error to answer with, on record."""
        error = self.recorder.failure(problem)
        caller = error.caller if isinstance(error, Unproven) else caller
        try:
            if not error.recorded:
                await self.recorder.note(caller, Facts(operation, error=error))
        except SignerdError as unrecorded:
            return unrecorded
        if error.counted:
            await self.linger()
        return error

    async def linger(self) -> None:
        """Let one wait whose refusals are many; takes no place of a request under way."""
        if self.draining or self.lingering >= MOST_LINGERING:
            return
        self.lingering += 1
        self.lingered += 1
        if not self.lingered % COLLECT_EVERY:
            gc.collect()
        try:
            await asyncio.sleep(LINGER_REFUSED * random.uniform(0.5, 1.5))  # noqa: S311 - spreads, hides nothing
        finally:
            self.lingering -= 1


def overloaded(what: str) -> SignerdError:
    """The error of a call that there is no place for."""
    return SignerdError(Reason.OVERLOADED, f"{what} are under way already", retry_after=0.1)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request]):
    """One unary method: its request type and what answers it; `check` refuses callers before anything is parsed."""

    operation: str
    request: type[Request]
    answer: Callable[[Caller, Request], Awaitable[bytes]]
    check: Callable[[Caller], None] | None = None
    waits: bool = False
    """Whether it may wait for something, and asks how long its caller does."""


def unary(method: Method[Request], gate: Gate, identify: Identify) -> Unary:
    """The gRPC behaviour of a method, with raw bytes on both sides."""
    parse = method.request.FromString
    answer, check = method.answer, method.check
    seconds = gate.telemetry.request_seconds[method.operation]
    waits = method.waits

    async def admitted(caller: Caller, raw: bytes) -> bytes:
        started = perf_counter()
        try:
            if check is not None:
                check(caller)
            return await answer(caller, parse(raw))
        except DecodeError:
            raise SignerdError(
                Reason.REQUEST_MALFORMED, f"not a {method.request.DESCRIPTOR.full_name}"
            ) from None
        finally:
            gate.leave()
            seconds.observe(perf_counter() - started)

    async def behaviour(raw: bytes, context: Context) -> bytes:
        gate.entered += 1
        caller = UNKNOWN
        try:
            caller = identify(context)
            gate.admit(len(raw))
            if waits:
                CALL.set(context)
            return await admitted(caller, raw)
        except Lingering as late:
            await gate.linger()
            return late.answer
        except Exception as problem:  # noqa: BLE001 - the last place that can give it a status and a record
            raw = b""
            error = await gate.refuse(caller, method.operation, problem)
        await abort(context, error)

    return behaviour


def streaming(
    operation: str,
    answer: Callable[[Caller, AsyncIterator[bytes]], Awaitable[bytes]],
    gate: Gate,
    identify: Identify,
) -> Streaming:
    """The gRPC behaviour of a method that takes a stream."""

    async def behaviour(messages: AsyncIterator[bytes], context: Context) -> bytes:
        gate.entered += 1
        caller = UNKNOWN
        try:
            caller = identify(context)
            gate.admit_stream()
            CALL.set(context)
            try:
                return await answer(caller, messages)
            finally:
                gate.leave_stream()
        except Exception as problem:  # noqa: BLE001 - the last place that can give it a status and a record
            error = await gate.refuse(caller, operation, problem)
        await abort(context, error)

    return behaviour


Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class UnknownMethods(grpc.GenericRpcHandler):
    """Stands behind all others: calls of methods that nobody knows are refused, and on record."""

    def __init__(self, gate: Gate, identify: Identify) -> None:
        async def behaviour(messages: AsyncIterator[bytes], context: Context) -> None:
            gate.entered += 1
            try:
                error = await gate.refuse(identify(context), "unknown", SignerdError(Reason.METHOD_UNKNOWN))
            except SignerdError as unproven:
                error = await gate.refuse(UNKNOWN, "unknown", unproven)
            await abort(context, error)

        self._gate = gate
        self._handler: Handler = grpc.stream_stream_rpc_method_handler(behaviour)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """The refusal, whatever the method."""
        self._gate.started += 1
        return self._handler


async def abort(context: Context, error: SignerdError) -> NoReturn:
    """End the call with the error's status and details."""
    status = to_status(error)
    await context.abort(
        STATUS_CODES[status.code], status.message, ((DETAILS_KEY, status.SerializeToString()),)
    )
