"""Keys in memory, for tests: gone when the process ends."""

from __future__ import annotations

from dataclasses import replace

from signerd.core.algorithms import TABLE, Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import PrivateKey, from_pkcs8, generate
from signerd.core.public_keys import spki
from signerd.core.signatures import signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup


class MemoryProvider:
    """Provider whose keys live in a dictionary."""

    in_process = True
    capabilities = Capabilities(TABLE, imports=True, disable=True)

    def __init__(self) -> None:
        self._keys: dict[str, tuple[PrivateKey, Material]] = {}
        self._disabled: set[str] = set()
        self.primaries: dict[tuple[str, str], str] = {}
        """URI of the primary by instance and key."""

    def health(self) -> Health:
        """Count the keys."""
        return Health(healthy=True, detail=f"{len(self._keys)} keys in memory")

    async def create(self, order: Order) -> Material:
        """Make a key or take one in; raises KEY_EXISTS for a tag that was used."""
        uri = f"memory:{order.key}/{order.version}-{order.tag}"
        if uri in self._keys:
            raise SignerdError(Reason.KEY_EXISTS, f"{uri} exists")
        private_key = (
            generate(order.algorithm)
            if order.private_key is None
            else from_pkcs8(order.private_key, order.algorithm)[0]
        )
        material = Material(uri, spki(private_key.public_key()), order.tags)
        self._keys[uri] = private_key, material
        return material

    async def find(self, uri: str) -> list[Material]:
        """The key of that URI."""
        return [self._shown(self._held(uri)[1])]

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign on the event loop."""
        if uri in self._disabled:
            raise SignerdError(Reason.KEY_MATERIAL_DISABLED, f"{uri} is disabled")
        return signer(self._held(uri)[0], algorithm)(given)

    async def held(self) -> list[Material]:
        """All keys."""
        return [self._shown(material) for _, material in self._keys.values()]

    def _shown(self, material: Material) -> Material:
        return replace(material, enabled=material.uri not in self._disabled)

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable or forget a key."""
        if change is Change.DISABLE:
            self._disabled.add(uri)
            return
        self._disabled.discard(uri)
        if change is Change.DESTROY:
            self._keys.pop(uri, None)

    async def promote(self, uri: str, key: str, instance: str) -> bool:
        """Note the primary of a key."""
        made = self._held(uri)[1].tags.items() >= {"instance": instance, "key": key}.items()
        if not made or self.primaries.get((instance, key)) == uri:
            return False
        self.primaries[instance, key] = uri
        return True

    def _held(self, uri: str) -> tuple[PrivateKey, Material]:
        try:
            return self._keys[uri]
        except KeyError:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is not in memory") from None


def build(setup: Setup) -> MemoryProvider:
    """Build the provider; there is nothing to set."""
    return MemoryProvider()
