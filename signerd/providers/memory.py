"""Keys in memory, for tests: gone when the process ends."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import PrivateKey, from_pkcs8, generate
from signerd.core.public_keys import spki
from signerd.core.signatures import signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Health, Material, Order


@dataclass(frozen=True, slots=True)
class MemoryOptions:
    """Nothing to set."""


class MemoryProvider:
    """Provider whose keys live in a dictionary."""

    in_process = True

    def __init__(self) -> None:
        self._keys: dict[str, tuple[PrivateKey, Material]] = {}
        self._disabled: set[str] = set()

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
        tags = {"key": order.key, "version": str(order.version), "tag": order.tag}
        material = Material(uri, spki(private_key.public_key()), tags)
        self._keys[uri] = private_key, material
        return material

    async def public_key(self, uri: str) -> bytes:
        """Public key, DER."""
        return self._held(uri)[1].public_key

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign on the event loop."""
        if uri in self._disabled:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is disabled")
        return signer(self._held(uri)[0], algorithm)(given)

    async def owned(self) -> list[Material]:
        """All keys."""
        return [material for _, material in self._keys.values()]

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable or forget a key."""
        if change is Change.DISABLE:
            self._disabled.add(uri)
            return
        self._disabled.discard(uri)
        if change is Change.DESTROY:
            self._keys.pop(uri, None)

    def _held(self, uri: str) -> tuple[PrivateKey, Material]:
        try:
            return self._keys[uri]
        except KeyError:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is not in memory") from None


def build(options: object) -> MemoryProvider:
    """Build the provider from its options."""
    if not isinstance(options, MemoryOptions):
        raise TypeError(f"memory takes MemoryOptions, not {type(options).__name__}")
    return MemoryProvider()
