"""A guard around a provider that does as a test says."""

from collections.abc import Awaitable, Callable

import pytest

from signerd.core.algorithms import DEFAULT, TABLE, Algorithm
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.private_keys import PrivateKey, generate
from signerd.core.public_keys import spki
from signerd.core.signatures import signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order
from signerd.providers.calls import Limits, NoMeter
from signerd.providers.guard import Guarded, VerifyAfterSign, pinned_version

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
URI = "fake:k/1"


class FakeProvider:
    """Signs with `key`; a test replaces what it wants to go wrong."""

    capabilities = Capabilities(TABLE)

    def __init__(self, in_process: bool = False) -> None:
        self.in_process = in_process
        self.key: PrivateKey = generate(DEFAULT)
        self.signatures: Callable[[SigningInput], Awaitable[bytes]] | None = None
        self.told: bytes | None = None
        self.calls = 0
        self.destroyed: list[str] = []
        self.clings = False

    def health(self) -> Health:
        return Health(healthy=True, detail="fine")

    async def create(self, order: Order) -> Material:
        return (await self.find(URI))[0]

    async def find(self, uri: str) -> list[Material]:
        return [Material(URI, self.told or spki(self.key.public_key()))]

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        self.calls += 1
        if self.signatures is not None:
            return await self.signatures(given)
        return signer(self.key, algorithm)(given)

    async def held(self) -> list[Material]:
        return await self.find(URI)

    async def change(self, uri: str, change: Change) -> None:
        assert change is Change.DESTROY
        if self.clings:
            raise RuntimeError("token s.hunter2 refused")
        self.destroyed.append(uri)


class Counted(NoMeter):
    def __init__(self) -> None:
        self.violations: list[str] = []

    def integrity_failure(self, provider: str) -> None:
        self.violations.append(provider)


class Subject:
    def __init__(
        self, in_process: bool, mode: VerifyAfterSign = VerifyAfterSign.SAMPLED, limits: Limits | None = None
    ) -> None:
        self.provider = FakeProvider(in_process)
        self.meter = Counted()
        self.violations = self.meter.violations
        self.guarded = Guarded(
            "p",
            "fake",
            self.provider,
            verify_after_sign=mode,
            limits=limits,
            meter=self.meter,
        )
        self.version = pinned_version(URI, DEFAULT, spki(self.provider.key.public_key()))

    async def failure(self, call: Awaitable[object] | None = None) -> SignerdError:
        with pytest.raises(SignerdError) as caught:
            await (call or self.guarded.sign(self.version, GIVEN))
        return caught.value


BOTH = pytest.mark.parametrize("in_process", [True, False])


async def wrong(given: SigningInput) -> bytes:
    return signer(generate(DEFAULT), DEFAULT)(given)


async def refusing(given: SigningInput) -> bytes:
    raise SignerdError(Reason.PROVIDER_UNAVAILABLE, "sealed", retry_after=1.0)
