"""The frame around methods that answer with a stream, and around those that a role does not allow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Generic

import grpc
from google.protobuf.message import DecodeError

from signerd.authz.identity import UNKNOWN, Caller
from signerd.errors import Reason, SignerdError
from signerd.rpc.calls import Context, Gate, Handler, Identify, Request, abort

STALLED: Final = 30.0
"""Seconds that the transport may take for one message: it takes none while the reader does not read."""


@dataclass(frozen=True, slots=True)
class StreamMethod(Generic[Request]):
    """One method that answers with a stream of messages."""

    operation: str
    request: type[Request]
    answer: Callable[[Caller, Request], AsyncGenerator[bytes, None]]


def answering(method: StreamMethod[Request], gate: Gate, identify: Identify) -> Handler:
    """The gRPC behaviour of a method that answers with a stream."""

    async def behaviour(raw: bytes, context: Context) -> None:
        gate.entered += 1
        caller = UNKNOWN
        try:
            caller = identify(context)
            gate.admit_stream(len(raw))
            try:
                await send_all(method.answer(caller, parsed(method, raw)), context)
            finally:
                gate.leave_stream()
            return
        except Exception as problem:  # noqa: BLE001 - the last place that can give it a status and a record
            error = await gate.refuse(caller, method.operation, problem)
        await abort(context, error)

    return grpc.unary_stream_rpc_method_handler(behaviour)


def parsed(method: StreamMethod[Request], raw: bytes) -> Request:
    """The request; raises REQUEST_MALFORMED."""
    try:
        return method.request.FromString(raw)
    except DecodeError:
        raise SignerdError(Reason.REQUEST_MALFORMED, f"not a {method.request.DESCRIPTOR.full_name}") from None


async def send_all(messages: AsyncGenerator[bytes, None], context: Context) -> None:
    """Send a stream at its reader's pace; raises READER_TOO_SLOW."""
    async with aclosing(messages):
        async for message in messages:
            try:
                async with asyncio.timeout(STALLED):
                    await context.write(message)
            except TimeoutError:
                raise SignerdError(Reason.READER_TOO_SLOW, f"nothing was read for {STALLED:g} s") from None


def refusing(operation: str, error: Callable[[], SignerdError], gate: Gate, identify: Identify) -> Handler:
    """The gRPC behaviour of a method that callers may not call, whatever its messages: refused, on record."""

    async def behaviour(messages: AsyncIterator[bytes], context: Context) -> None:
        gate.entered += 1
        caller = UNKNOWN
        try:
            caller = identify(context)
            found = await gate.refuse(caller, operation, error())
        except SignerdError as unproven:
            found = await gate.refuse(caller, operation, unproven)
        await abort(context, found)

    return grpc.stream_stream_rpc_method_handler(behaviour)
