"""The guard around every provider: its name, its calls, and the check of what comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from time import monotonic
from typing import TypeVar

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.private_keys import from_pkcs8
from signerd.core.public_keys import load_public_key, spki
from signerd.core.signatures import Sign, Verify, verifier
from signerd.errors import Reason, SignerdError
from signerd.providers.base import (
    Capabilities,
    Change,
    Closes,
    FollowsPrimary,
    Health,
    Material,
    Order,
    Provider,
    SharesQuota,
    SignsInline,
)
from signerd.providers.breaker import Breaker
from signerd.providers.calls import Calls, Limits, Meter, NoMeter, delivered, foreign

SAMPLE_MASK = 255
"""Sampled verification checks the first signature of a version and then every 256th."""

_T = TypeVar("_T")
_PAUSE = 1.0  # seconds before a throttled first signature is asked for again, where the provider says nothing
_CANARY = Message(b"signerd: first signature of a new key version")
_log = logging.getLogger(__name__)


class VerifyAfterSign(Enum):
    """Which signatures of in-process keys are verified; those from outside always are."""

    ALWAYS = "always"
    SAMPLED = "sampled"


@dataclass(frozen=True, slots=True, eq=False)
class PinnedVersion:
    """What is needed to sign with a version; `verify` is built from the public key that is pinned for it."""

    uri: str
    algorithm: Algorithm
    verify: Verify = field(repr=False)


def pinned_version(uri: str, algorithm: Algorithm, public_key: bytes) -> PinnedVersion:
    """Pin a public key, DER; raises ALGORITHM_UNSUPPORTED if it is not one of the algorithm."""
    return PinnedVersion(uri, algorithm, verifier(load_public_key(public_key, algorithm), algorithm))


class Guarded:
    """A provider that can be trusted to time out, to raise SignerdError only, and to sign with the pinned key."""

    def __init__(
        self,
        name: str,
        type_name: str,
        provider: Provider,
        *,
        verify_after_sign: VerifyAfterSign = VerifyAfterSign.SAMPLED,
        limits: Limits | None = None,
        meter: Meter | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self.name = name
        self.type = type_name
        self.in_process = provider.in_process
        self._provider = provider
        # Asked once: an isinstance with a protocol takes as long as a tenth of a signature.
        self._inline = provider if isinstance(provider, SignsInline) else None
        self.follows = isinstance(provider, FollowsPrimary)
        self._meter = meter or NoMeter()
        self._calls: Calls | None = None
        if limits or not self.in_process:
            self._calls = Calls(name, limits or Limits(), self._meter, breaker or Breaker())
        # So long after it was ordered, material may still turn up there.
        self.create_seconds = (limits or Limits()).create if self._calls else 0.0
        self._mask = SAMPLE_MASK if self.in_process and verify_after_sign is VerifyAfterSign.SAMPLED else 0
        self._counts: dict[str, int] = {}
        self._ready: dict[PinnedVersion, Sign] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What can be done at the provider, as far as it knows by now: some learn it when they first connect."""
        return self._provider.capabilities

    def signer(self, version: PinnedVersion) -> Sign | None:
        """What signs at once, with the same guarantees as `sign`; None where that takes waiting."""
        ready = self._ready.get(version)
        if ready is None and self._inline is not None:
            inline = self._inline.signer(version.uri, version.algorithm)
            if inline is not None:
                ready = self._ready[version] = self._guarded(version, inline)
        return ready

    def _guarded(self, version: PinnedVersion, inline: Sign) -> Sign:
        def sign(given: SigningInput) -> bytes:
            try:
                signature = inline(given)
            except SignerdError:
                raise
            except Exception as error:  # noqa: BLE001 - a library's exception may be anything
                raise foreign(self.name, error) from None
            self._sample(version, given, signature)
            return signature

        return sign

    def _sample(self, version: PinnedVersion, given: SigningInput, signature: bytes) -> None:
        count = self._counts.get(version.uri, 0)
        self._counts[version.uri] = count + 1
        if not signature or not count & self._mask:
            self._check(version, given, signature)

    async def sign(self, version: PinnedVersion, given: SigningInput) -> bytes:
        """Sign a prepared input; what comes back verifies with the pinned key, or PROVIDER_INTEGRITY is raised."""
        call = partial(self._provider.sign, version.uri, version.algorithm, given)
        # A key in this process signs whatever has become of where it came from.
        signature = await (delivered(self.name, call) if self.in_process else self._call("sign", call))
        self._sample(version, given, signature)
        return signature

    async def create(self, order: Order) -> Material:
        """Make or take in key material; it fits the order and has made a signature that verifies, or is destroyed.

        PROVIDER_THROTTLED says nothing against it: it is left to whoever settles orders that were not finished.
        """
        material = await self._call("create", partial(self._provider.create, order))
        try:
            await self._prove(material, order)
        except BaseException as error:
            if self._calls is None or not _throttled(error):
                await self._discard(material.uri)
            raise
        return material

    async def _prove(self, material: Material, order: Order) -> None:
        try:
            version = pinned_version(material.uri, order.algorithm, material.public_key)
        except SignerdError as error:
            raise self._violated(f"the new key {material.uri} is unusable: {error.message}") from None
        imported = order.private_key
        if imported is not None and material.public_key != await asyncio.to_thread(_public_of, imported):
            raise self._violated(f"the key at {material.uri} is not the one that was imported")
        given = prepare(order.algorithm, _CANARY)
        self._check(version, given, await self._first_signature(version, given))

    async def _first_signature(self, version: PinnedVersion, given: SigningInput) -> bytes:
        """Other keys may use up a quota: a throttled signature is waited for, as long as making keys may take."""
        last = monotonic() + self.create_seconds
        while True:
            try:
                return await self.sign(version, given)
            except SignerdError as error:
                pause = error.retry_after or _PAUSE
                if not _throttled(error) or monotonic() + pause > last:
                    raise
            await asyncio.sleep(pause)

    async def _discard(self, uri: str) -> None:
        """Destroy what was refused. The caller learns why it was refused, whatever becomes of this."""
        try:
            await self.change(uri, Change.DESTROY)
        except SignerdError as error:  # the class of a foreign exception is logged already
            _log.error("provider %s: refused key %s is left behind: %s", self.name, uri, error.reason.name)

    async def find(self, uri: str) -> list[Material]:
        """The material of a URI as the provider tells it now, oldest version first."""
        return await self._call("find", partial(self._provider.find, uri))

    async def compare_public_key(self, uri: str, pinned: bytes) -> Material:
        """The material of a version's URI; raises PROVIDER_INTEGRITY unless it still has the pinned public key, DER.

        A disabled version may come without a public key: some technologies tell none then.
        """
        found = await self.find(uri)
        if [one.public_key or (pinned if not one.enabled else b"") for one in found] != [pinned]:
            raise self._violated(f"the public key of {uri} is not the pinned one")
        return found[0]

    async def held(self) -> list[Material]:
        """All signing keys at this provider, whoever made them."""
        return await self._call("held", self._provider.held)

    async def promote(self, uri: str, key: str, instance: str) -> bool:
        """Let the technology's own name of a key lead to its primary, if it has such names; whether it did not."""
        if not isinstance(self._provider, FollowsPrimary):
            return False
        return await self._call("promote", partial(self._provider.promote, uri, key, instance))

    def share(self, workers: int) -> None:
        """So many workers live, and use up the provider's quota together."""
        if isinstance(self._provider, SharesQuota):
            self._provider.share(workers)

    async def close(self) -> None:
        """Give back what the provider holds open."""
        if isinstance(self._provider, Closes):
            await self._provider.close()

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable or destroy material."""
        await self._call("change", partial(self._provider.change, uri, change))
        if change is Change.DESTROY:
            self._counts.pop(uri, None)
            self._ready = {version: sign for version, sign in self._ready.items() if version.uri != uri}

    def health(self) -> Health:
        """State of the provider, from memory."""
        told = self._provider.health()
        if self._calls is None or not self._calls.fault:
            return told
        return Health(healthy=False, detail="; ".join(filter(None, (self._calls.fault, told.detail))))

    async def _call(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        return await (self._calls.run(operation, call) if self._calls else delivered(self.name, call))

    def _check(self, version: PinnedVersion, given: SigningInput, signature: bytes) -> None:
        try:
            version.verify(given, signature)
        except SignerdError as error:
            if error.reason not in (Reason.SIGNATURE_MISMATCH, Reason.SIGNATURE_MALFORMED):
                raise
            raise self._disowned(version) from None
        except (TypeError, ValueError):  # no bytes at all
            raise self._disowned(version) from None

    def _disowned(self, version: PinnedVersion) -> SignerdError:
        self._counts[version.uri] = 0
        self._ready.pop(version, None)
        if self._inline is not None:
            self._inline.forget(version.uri)
        return self._violated(f"a signature of {version.uri} does not verify with its pinned key")

    def _violated(self, message: str) -> SignerdError:
        self._meter.integrity_failure(self.name)
        _log.error("provider %s: %s", self.name, message)
        return SignerdError(
            Reason.PROVIDER_INTEGRITY, f"provider {self.name!r}: {message}; nothing was released"
        )


def _throttled(error: BaseException) -> bool:
    return isinstance(error, SignerdError) and error.reason is Reason.PROVIDER_THROTTLED


def _public_of(private_key: bytes) -> bytes:
    return spki(from_pkcs8(private_key)[0].public_key())
