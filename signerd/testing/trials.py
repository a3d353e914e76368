"""One provider on trial: opened once for all cases of a class, with the keys they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from inspect import isawaitable
from itertools import count
from uuid import uuid4

import pytest

from signerd.core.algorithms import DEFAULT, TABLE, Algorithm
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.private_keys import PrivateKey, generate, to_pkcs8
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Closes, Material, Order, Provider
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, PinnedVersion, pinned_version
from signerd.testing.subjects import Reach, Subject

INSTANCE = "conformance"
PATIENCE = Limits(call=30.0, create=300.0)
"""The cases are about what providers do, not how fast."""

UNUSABLE = (Reason.KEY_MATERIAL_UNREADABLE, Reason.KEY_MATERIAL_DISABLED)
UNSUPPORTED = (Reason.ALGORITHM_UNSUPPORTED, Reason.PROVIDER_REFUSED)

_ROUNDS = 200
_ROUND_SECONDS = 0.05


@dataclass(frozen=True, eq=False)
class Made:
    """A key version that the provider made."""

    order: Order
    material: Material
    pinned: PinnedVersion

    @property
    def uri(self) -> str:
        """URI of the version."""
        return self.material.uri

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return self.order.algorithm

    @property
    def given(self) -> SigningInput:
        """Something to sign."""
        return prepare(self.algorithm, Message(b"some bytes"))


class Trial:
    """The opened provider and what was made there.

    Keys that a case changes nothing about are shared, since making one may take seconds.
    """

    def __init__(self, subject: Subject, provider: Provider) -> None:
        self.subject = subject
        self.provider = provider
        self.guarded = guarded(subject, provider)
        self._shared: dict[Algorithm, Made] = {}
        self._made: list[str] = []
        self._numbers = count(1)
        self._run = uuid4().hex[:8]

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the cases that need only one."""
        claimed = self.provider.capabilities.algorithms
        return DEFAULT if DEFAULT in claimed else claimed[0]

    def name(self) -> str:
        """A key name that was not used yet."""
        return f"conformance/{self._run}/k{next(self._numbers)}"

    def order(
        self,
        algorithm: Algorithm | None = None,
        key: str = "",
        version: int = 1,
        private_key: PrivateKey | None = None,
    ) -> Order:
        """An order for a new version; of a new key unless it is named."""
        taken_in = None if private_key is None else to_pkcs8(private_key)
        name = key or self.name()
        return Order(name, version, algorithm or self.algorithm, uuid4().hex, taken_in, INSTANCE)

    async def key(self, algorithm: Algorithm | None = None) -> Made:
        """The shared key of an algorithm."""
        algorithm = algorithm or self.algorithm
        if algorithm not in self._shared:
            self._shared[algorithm] = await self.make(self.order(algorithm))
        return self._shared[algorithm]

    async def fresh(self, key: str = "", version: int = 1) -> Made:
        """A key of the case's own."""
        return await self.make(self.order(None, key, version))

    async def make(self, order: Order) -> Made:
        """Have an order carried out, through the guard."""
        return self.adopt(order, await self.guarded.create(order))

    def adopt(self, order: Order, material: Material) -> Made:
        """Take note of what was made, so that it is destroyed in the end."""
        self._made.append(material.uri)
        return Made(order, material, pinned_version(material.uri, order.algorithm, material.public_key))

    async def sign(
        self, made: Made, given: SigningInput | None = None, through: Guarded | None = None
    ) -> None:
        """Have it sign; raises what the guard raises, and if the signature does not verify."""
        given = made.given if given is None else given
        made.pinned.verify(given, await (through or self.guarded).sign(made.pinned, given))

    async def tagged(self, order: Order, provider: Provider | None = None) -> list[Material]:
        """What is listed with the tag of an order."""
        return [one for one in await (provider or self.provider).held() if one.tags.get("tag") == order.tag]

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Provider]:
        """Another provider on the same material, where there is such a thing; else the same one."""
        if not self.subject.survives:
            yield self.provider
            return
        provider = await self.subject.opened()
        try:
            yield provider
        finally:
            await close(provider)

    async def disable_outside(self, uri: str) -> None:
        """Disable a version behind the provider's back."""
        await self._reach(self.subject.disable_outside, uri, Change.DISABLE)

    async def delete_outside(self, uri: str) -> None:
        """Delete a version behind the provider's back."""
        await self._reach(self.subject.delete_outside, uri, Change.DESTROY)

    async def _reach(self, hook: Reach | None, uri: str, change: Change) -> None:
        if hook is not None:
            done = hook(uri)
            if isawaitable(done):
                await done
            return
        async with self.another() as provider:
            await provider.change(uri, change)

    async def finish(self) -> None:
        """Destroy what was made, as far as that goes."""
        for uri in self._made:
            with suppress(SignerdError):
                await self.provider.change(uri, Change.DESTROY)
        await close(self.provider)


def guarded(subject: Subject, provider: Provider, limits: Limits = PATIENCE) -> Guarded:
    """A provider behind the guard."""
    return Guarded("subject", subject.type_name, provider, limits=limits)


async def close(provider: Provider) -> None:
    """Give back what a provider holds open."""
    if isinstance(provider, Closes):
        await provider.close()


async def refusal(call: Awaitable[object], *reasons: Reason) -> SignerdError:
    """The error that a call ends in; it has one of the reasons."""
    with pytest.raises(SignerdError) as caught:
        await call
    assert not reasons or caught.value.reason in reasons, caught.value
    return caught.value


async def becomes(state: Callable[[], Awaitable[bool]]) -> bool:
    """Whether a state is reached in a while: some technologies tell of changes late."""
    for _ in range(_ROUNDS):
        if await state():
            return True
        await asyncio.sleep(_ROUND_SECONDS)
    return False


def imported_key(algorithm: Algorithm) -> PrivateKey:
    """A private key to take in; the same one for algorithms that share a kind of key."""
    kind = algorithm.family.value[:3]
    return _imported_key(
        next(row for row in TABLE if row.family.value.startswith(kind) and row.size == algorithm.size)
    )


@cache
def _imported_key(algorithm: Algorithm) -> PrivateKey:
    return generate(algorithm)
