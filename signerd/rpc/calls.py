"""The frame around every method: size, concurrency, decoding, errors. Methods get bytes in and give bytes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns
from typing import Generic, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import aio

from signerd.authz.identity import Caller
from signerd.engine.recorder import Facts, Recorder
from signerd.errors import Reason, SignerdError
from signerd.rpc.status import DETAILS_KEY, to_status
from signerd.telemetry import Telemetry

Request = TypeVar("Request", bound=Message)
Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"
Identify = Callable[[Context], Caller]
Unary = Callable[[bytes, Context], Awaitable[bytes]]
Streaming = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}
UNKNOWN = Caller(subject="unknown", proof="none", listener="")


@dataclass(slots=True)
class InFlight:
    """How many calls of the worker are under way."""

    calls: int = 0


@dataclass(slots=True)
class Gate:
    """Admits requests; `max_request` is in bytes. What never reaches the engine is put on record here."""

    recorder: Recorder
    telemetry: Telemetry
    in_flight: InFlight
    max_in_flight: int
    max_request: int
    started: int = 0
    """Calls that gRPC looked up a method for; those that never got to it were turned away by the transport."""
    entered: int = 0

    def enter(self) -> None:
        """Count a call in; raises OVERLOADED."""
        self.entered += 1
        self.in_flight.calls += 1

    def check(self, size: int) -> None:
        """Raise REQUEST_TOO_LARGE or OVERLOADED."""
        if size > self.max_request:
            raise SignerdError(
                Reason.REQUEST_TOO_LARGE, f"request is {size} bytes, limits.request is {self.max_request}"
            )
        if self.in_flight.calls > self.max_in_flight:
            raise SignerdError(
                Reason.OVERLOADED, f"more than {self.max_in_flight} requests are under way", retry_after=0.1
            )

    async def refuse(self, caller: Caller, operation: str, problem: Exception) -> SignerdError:
        """The error to answer with, on record."""
        error = self.recorder.failure(problem)
        if error.recorded:
            return error
        try:
            await self.recorder.append(caller, [Facts(operation, error=error)], perf_counter_ns())
        except SignerdError as unrecorded:
            return unrecorded
        return error


@dataclass(frozen=True, slots=True)
class Method(Generic[Request]):
    """One unary method: its request type and what answers it."""

    operation: str
    request: type[Request]
    answer: Callable[[Caller, Request], Awaitable[bytes]]


def unary(method: Method[Request], gate: Gate, identify: Identify) -> Unary:
    """The gRPC behaviour of a method, with raw bytes on both sides."""
    parse = method.request.FromString
    answer = method.answer
    seconds = gate.telemetry.request_seconds[method.operation]

    async def behaviour(raw: bytes, context: Context) -> bytes:
        gate.enter()
        started = perf_counter()
        caller = UNKNOWN
        try:
            caller = identify(context)
            gate.check(len(raw))
            answered = await answer(caller, parse(raw))
            seconds.observe(perf_counter() - started)
            return answered
        except DecodeError:
            malformed = SignerdError(Reason.REQUEST_MALFORMED, f"not a {method.request.DESCRIPTOR.full_name}")
            error = await gate.refuse(caller, method.operation, malformed)
        except Exception as problem:  # noqa: BLE001 - the last place that can give it a status and a record
            error = await gate.refuse(caller, method.operation, problem)
        finally:
            gate.in_flight.calls -= 1
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
        gate.enter()
        caller = UNKNOWN
        try:
            caller = identify(context)
            gate.check(0)
            return await answer(caller, messages)
        except Exception as problem:  # noqa: BLE001 - the last place that can give it a status and a record
            error = await gate.refuse(caller, operation, problem)
        finally:
            gate.in_flight.calls -= 1
        await abort(context, error)

    return behaviour


Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class UnknownMethods(grpc.GenericRpcHandler):
    """Stands behind all others: calls of methods that nobody knows are refused, and on record."""

    def __init__(self, gate: Gate, identify: Identify) -> None:
        async def behaviour(messages: AsyncIterator[bytes], context: Context) -> None:
            gate.enter()
            error: SignerdError = SignerdError(Reason.METHOD_UNKNOWN)
            try:
                error = await gate.refuse(identify(context), "unknown", error)
            except SignerdError as unproven:
                error = await gate.refuse(UNKNOWN, "unknown", unproven)
            finally:
                gate.in_flight.calls -= 1
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
