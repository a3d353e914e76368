"""A provider between the guard and the one on trial, which goes wrong as told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.private_keys import generate
from signerd.core.signatures import signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Health, Material, Order, Provider

_T = TypeVar("_T")
Fault = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Is given the call that would go to the provider; what it gives back or raises is what the guard sees."""


class FaultyProvider:
    """Hands everything on, and lets `fault` answer in place of the next calls of `operation`.

    It counts as outside the process, whatever it hands on to: that is where things go wrong.
    """

    in_process = False

    def __init__(self, provider: Provider) -> None:
        self.capabilities = provider.capabilities
        self.operation = "sign"
        self.fault: Fault | None = None
        self._provider = provider

    def health(self) -> Health:
        """Health of the provider behind it."""
        return self._provider.health()

    async def create(self, order: Order) -> Material:
        """Create, or go wrong."""
        return await self._answer("create", lambda: self._provider.create(order))

    async def find(self, uri: str) -> list[Material]:
        """Find, or go wrong."""
        return await self._answer("find", lambda: self._provider.find(uri))

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign, or go wrong."""
        return await self._answer("sign", lambda: self._provider.sign(uri, algorithm, given))

    async def held(self) -> list[Material]:
        """List, or go wrong."""
        return await self._answer("held", self._provider.held)

    async def change(self, uri: str, change: Change) -> None:
        """Change, or go wrong."""
        await self._answer("change", lambda: self._provider.change(uri, change))

    async def _answer(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        if self.fault is None or operation != self.operation:
            return await call()
        answer: _T = await self.fault(call)
        return answer


async def hang(call: Callable[[], Awaitable[Any]]) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


async def lose(call: Callable[[], Awaitable[Any]]) -> Any:
    """Do it and lose the answer."""
    await call()
    raise SignerdError(Reason.PROVIDER_TIMEOUT, "the answer was lost")


async def raise_foreign(call: Callable[[], Awaitable[Any]]) -> Any:
    """Raise what no provider may raise."""
    raise LookupError("vendor: password=hunter2")


def answering(change: Callable[[Any], object]) -> Fault:
    """Change what comes back."""

    async def fault(call: Callable[[], Awaitable[Any]]) -> Any:
        return change(await call())

    return fault


def _another_keys(algorithm: Algorithm, given: SigningInput) -> Fault:
    async def fault(call: Callable[[], Awaitable[Any]]) -> Any:
        return signer(generate(algorithm), algorithm)(given)

    return fault


def _of_another_input(algorithm: Algorithm, provider: Provider, uri: str) -> Fault:
    async def fault(call: Callable[[], Awaitable[Any]]) -> Any:
        return await provider.sign(uri, algorithm, prepare(algorithm, Message(b"other bytes")))

    return fault


def wrong_answers(
    provider: Provider, uri: str, algorithm: Algorithm, given: SigningInput
) -> dict[str, Fault]:
    """What may come back in place of a signature, by name."""
    return {
        "garbage": answering(lambda signature: os.urandom(len(signature))),
        "nothing": answering(lambda signature: b""),
        "no-bytes": answering(lambda signature: None),
        "text": answering(lambda signature: signature.hex()),
        "truncated": answering(lambda signature: signature[:-1]),
        "longer": answering(lambda signature: signature + b"\0"),
        "damaged": answering(lambda signature: signature[:-1] + bytes([signature[-1] ^ 1])),
        "another-keys": _another_keys(algorithm, given),
        "of-another-input": _of_another_input(algorithm, provider, uri),
    }


WRONG_ANSWERS = (
    "garbage",
    "nothing",
    "no-bytes",
    "text",
    "truncated",
    "longer",
    "damaged",
    "another-keys",
    "of-another-input",
)
