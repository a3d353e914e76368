"""Keys in Cloud KMS. A key version is a version of a CryptoKey: numbers are the technology's own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup
from signerd.providers.gcp_kms.algorithms import ALGORITHMS, algorithm_of, name_of
from signerd.providers.gcp_kms.answers import Answers
from signerd.providers.gcp_kms.calls import Calls
from signerd.providers.gcp_kms.failures import unusable
from signerd.providers.gcp_kms.names import key_or_version_name, number_of, uri_of, version_name
from signerd.providers.gcp_kms.orders import Orders
from signerd.providers.lookups import each

AT_ONCE = 16
"""Calls under way when a whole key ring is listed."""


class GcpKmsProvider:
    """Provider over Cloud KMS; new keys are made in one key ring."""

    in_process = False

    def __init__(self, setup: Setup) -> None:
        section = setup.section
        self._name = setup.name
        self._key_ring: str = section.key_ring
        self._create_seconds: float = section.create
        delay = timedelta(seconds=section.destroy_delay)
        self.capabilities = Capabilities(ALGORITHMS, disable=True, destroy_delay=delay)
        self._calls = Calls(
            setup.name,
            endpoint=section.endpoint,
            plaintext=section.insecure_plaintext,
            seconds=section.call,
            concurrent=section.concurrent,
        )
        self._messages = self._calls.messages
        self._states = self._messages.CryptoKeyVersion.CryptoKeyVersionState
        self._answers = Answers(self._calls)
        self._orders = Orders(self._calls, self._key_ring, section.protection, delay)

    def health(self) -> Health:
        """Whether the API is there and knows us, as far as the last calls tell."""
        return self._calls.health()

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign at Cloud KMS; name and checksums are checked both ways."""
        name_of(algorithm)
        return await self._answers.signature(uri, algorithm, given)

    async def create(self, order: Order) -> Material:
        """Make a version and wait until it is generated; raises KEY_EXISTS for a tag that was used."""
        if order.private_key is not None:
            raise SignerdError(
                Reason.PROVIDER_REFUSED,
                f"provider {self._name!r} takes no private keys in; import the key with gcloud and adopt it",
            )
        algorithm = name_of(order.algorithm)
        try:
            async with asyncio.timeout(self._create_seconds):
                name = await self._orders.carry_out(order)
                published = await self._answers.public_key(name, algorithm)
        except TimeoutError:
            raise SignerdError(
                Reason.PROVIDER_TIMEOUT,
                f"provider {self._name!r} did not make the key within {self._create_seconds:g} s",
            ) from None
        return Material(uri_of(name), published.der, order.tags, order.algorithm, number_of(name))

    async def find(self, uri: str) -> list[Material]:
        """One version, or all of a key that are enabled, or disabled with a public key that was seen before."""
        name, is_version = key_or_version_name(uri)
        key = name.partition("/cryptoKeyVersions/")[0]
        request = self._messages.GetCryptoKeyRequest(name=key)
        found = await self._calls.call("GetCryptoKey", request, "name")
        if not self._signs(found):
            raise SignerdError(Reason.PROVIDER_REFUSED, f"{key} is not a key for signing")
        versions = await self._orders.versions(key)
        wanted = [row for row in versions if not is_version or row.name == name]
        if is_version:
            self._check_there(uri, wanted)
        shown = await self._materials(found, versions, wanted, fresh=True)
        if not is_version:
            shown = [one for one in shown if one.public_key]
        if not shown:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} has no version that can be used")
        return shown

    async def held(self) -> list[Material]:
        """All versions in the key ring that are enabled, disabled, or ours and pending; of signerd's algorithms."""
        request = self._messages.ListCryptoKeysRequest(parent=self._key_ring)
        keys = [row async for row in self._calls.rows("ListCryptoKeys", request, "crypto_keys")]
        found = await each(self._held_of, filter(self._signs, keys), AT_ONCE)
        return [material for materials in found for material in materials]

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable, or schedule for destruction. Repeating it is no error, nor destroying what is not there."""
        name = version_name(uri)
        try:
            request = self._messages.GetCryptoKeyVersionRequest(name=name)
            version = await self._calls.call("GetCryptoKeyVersion", request, "name")
        except SignerdError as error:
            if change is Change.DESTROY and error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                return
            raise
        if version.state not in self._settled_by(change):
            await self._make(change, version)

    async def _make(self, change: Change, version: Any) -> None:
        states = self._states
        if version.state not in (states.ENABLED, states.DISABLED):
            raise unusable(self._name, states(version.state).name)
        if change is Change.DESTROY:
            request = self._messages.DestroyCryptoKeyVersionRequest(name=version.name)
            await self._calls.call("DestroyCryptoKeyVersion", request, "name")
            return
        state = states.ENABLED if change is Change.ENABLE else states.DISABLED
        request = self._messages.UpdateCryptoKeyVersionRequest(
            crypto_key_version={"name": version.name, "state": state}, update_mask="state"
        )
        await self._calls.call("UpdateCryptoKeyVersion", request, "crypto_key_version.name")

    def _settled_by(self, change: Change) -> tuple[Any, ...]:
        """States in which there is nothing left to do."""
        states = self._states
        ended = (states.DESTROY_SCHEDULED, states.DESTROYED)
        return {
            Change.ENABLE: (states.ENABLED,),
            Change.DISABLE: (states.DISABLED, *ended),
            Change.DESTROY: ended,
        }[change]

    async def _held_of(self, key: Any) -> list[Material]:
        versions = await self._orders.versions(key.name)
        wanted = [row for row in versions if self._algorithm(row) is not None]
        return await self._materials(key, versions, wanted, fresh=False)

    async def _materials(
        self, key: Any, versions: list[Any], wanted: list[Any], *, fresh: bool
    ) -> list[Material]:
        states = self._states
        tags = self._orders.tags(key, versions)
        # What is not generated yet is shown where it is ours: whoever ordered it must not take it for never made.
        usable = [
            row
            for row in wanted
            if row.state in (states.ENABLED, states.DISABLED)
            or (row.state == states.PENDING_GENERATION and number_of(row.name) in tags)
        ]
        return [await self._material(row, tags.get(number_of(row.name), {}), fresh) for row in usable]

    async def _material(self, version: Any, tags: dict[str, str], fresh: bool) -> Material:
        """What a version is; the public key of one that is not enabled is told only if it was seen before."""
        name, algorithm = str(version.name), self._algorithm(version)
        if algorithm is None:
            raise SignerdError(
                Reason.ALGORITHM_UNSUPPORTED,
                f"{uri_of(name)} is of {self._api_name(version)}, which signerd lacks",
            )
        enabled = version.state == self._states.ENABLED
        published = None if fresh and enabled else self._answers.known(name)
        if published is None and enabled:
            published = await self._answers.public_key(name, self._api_name(version))
        der = b"" if published is None else published.der
        return Material(uri_of(name), der, tags, algorithm, number_of(name), enabled)

    def _check_there(self, uri: str, found: list[Any]) -> None:
        """Raise KEY_MATERIAL_UNREADABLE or KEY_MATERIAL_DISABLED unless there is a version to tell of."""
        if not found:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} does not exist")
        if found[0].state not in (self._states.ENABLED, self._states.DISABLED):
            raise unusable(self._name, self._states(found[0].state).name)

    def _signs(self, key: Any) -> bool:
        return bool(key.purpose == self._messages.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN)

    def _api_name(self, version: Any) -> str:
        return str(self._messages.CryptoKeyVersion.CryptoKeyVersionAlgorithm(version.algorithm).name)

    def _algorithm(self, version: Any) -> Algorithm | None:
        return algorithm_of(self._api_name(version))


def build(setup: Setup) -> GcpKmsProvider:
    """Build the provider; the SDK is imported, nothing is called yet."""
    return GcpKmsProvider(setup)
