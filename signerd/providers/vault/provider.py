"""Keys in the transit engine of Vault or OpenBao: one transit key for each version that signerd makes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from signerd.config_providers import VaultProvider as Section
from signerd.core.algorithms import Algorithm
from signerd.core.digests import Digest
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.private_keys import from_pkcs8
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup
from signerd.providers.lookups import each
from signerd.providers.vault.admin import Admin
from signerd.providers.vault.answers import Reader
from signerd.providers.vault.batches import Batches
from signerd.providers.vault.keys import ALGORITHMS, KEY_TYPES, KeyUse, check_offered, materials, signs
from signerd.providers.vault.login import Logins
from signerd.providers.vault.tokens import Tokens
from signerd.providers.vault.transit import Transit, exists
from signerd.providers.vault.uris import KeyUri, key_name, parse_uri, tags
from signerd.providers.vault.wire import Wire

_READS = 4
"""Keys read at once when all are listed."""
_ALONE = 64 * 1024
"""Bytes of a message that is sent by itself."""
_DOWN = frozenset({Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT})
_STRANGE = frozenset({Reason.PROVIDER_INTEGRITY, Reason.KEY_MATERIAL_UNREADABLE})
_log = logging.getLogger(__name__)


class VaultProvider:
    """Provider of the keys at one mount of transit."""

    in_process = False
    capabilities = Capabilities(ALGORITHMS, imports=True)

    def __init__(self, setup: Setup) -> None:
        section: Section = setup.section
        reader = Reader(setup.name)
        self._name = setup.name
        self._mount = section.mount
        self._admin = Admin(setup.name, section, reader)
        logins = Logins(setup.name, section, setup.secrets, self._admin, reader)
        self._tokens = Tokens(setup.name, logins)
        self._transit = Transit(section, self._admin, self._tokens, reader)
        self._wire = Wire(section, self._tokens, reader)
        self._batches: Batches[KeyUse] = Batches(self._wire.sign)
        self._making: set[str] = set()
        self._down = ""

    def health(self) -> Health:
        """Whether the last answer was one, and the token is good."""
        trouble = self._down or self._tokens.trouble
        return Health(healthy=not trouble, detail=trouble or f"transit at {self._mount}")

    async def create(self, order: Order) -> Material:
        """Make a key or take one in, under a name that has the order's tags."""
        check_offered(order.algorithm)
        key_type, name = KEY_TYPES[order.algorithm], key_name(order)
        if order.private_key is not None:
            from_pkcs8(order.private_key, order.algorithm)
        with self._alone(name):
            async with self._watched():
                await self._make(name, key_type, order.private_key)
                return (await self._versions(KeyUri(self._mount, name, 1)))[0]

    async def _make(self, name: str, key_type: str, private_key: bytes | None) -> None:
        if await self._transit.read(name) is not None:
            raise exists(name)
        if private_key is None:
            await self._transit.make(name, key_type)
        else:
            await self._transit.take_in(name, key_type, private_key)

    async def find(self, uri: str) -> list[Material]:
        """The version of the URI, or all that the key has."""
        parsed = self._parsed(uri)
        async with self._watched():
            return await self._versions(parsed)

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign with the version of the URI, and no other."""
        check_offered(algorithm)
        parsed = self._parsed(uri)
        if not parsed.number:
            raise SignerdError(Reason.KEY_URI_INVALID, f"{uri} names no version: add ?version=N", field="uri")
        content = _content(prepare(algorithm, given))
        use = KeyUse(parsed, algorithm)
        async with self._watched():
            # One after the other they would be slower than side by side where each takes milliseconds.
            if not algorithm.slow and len(content) <= _ALONE:
                return await self._batches.sign(use, content)
            outcome = (await self._wire.sign(use, [content]))[0]
        if isinstance(outcome, SignerdError):
            raise outcome
        return outcome

    async def held(self) -> list[Material]:
        """All keys at the mount that sign and may be read; what is not ours to read is left out."""
        async with self._watched():
            names = await self._transit.names()
            found = await each(self._seen, names, _READS)
        return [material for one in found for material in one]

    async def change(self, uri: str, change: Change) -> None:
        """Delete a key that signerd made; transit can't disable one.

        Raises PROVIDER_REFUSED for others: all versions of a transit key go together.
        """
        parsed = self._parsed(uri)
        if change is not Change.DESTROY:
            return
        async with self._watched():
            key = await self._transit.read(parsed.name)
            if key is None:
                return
            if not tags(parsed.name):
                raise _kept(uri, "signerd did not make it")
            if key.latest_version > 1:
                raise _kept(uri, f"it was rotated there and has {key.latest_version} versions")
            await self._transit.delete(parsed.name)

    async def close(self) -> None:
        """Give back the token, threads and connections."""
        self._batches.close()
        await self._tokens.close()
        await self._wire.close()
        self._admin.close()

    def _parsed(self, uri: str) -> KeyUri:
        parsed = parse_uri(uri)
        if parsed.mount != self._mount:
            raise SignerdError(
                Reason.KEY_URI_INVALID, f"{uri} is at another mount than {self._mount!r}", field="uri"
            )
        return parsed

    async def _versions(self, uri: KeyUri) -> list[Material]:
        key = await self._transit.read(uri.name)
        if key is None:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is not there")
        return materials(uri, key)

    async def _seen(self, name: str) -> list[Material]:
        ours = bool(tags(name))
        try:
            key = await self._transit.read(name, insist=ours)
            return [] if key is None or not signs(key) else materials(KeyUri(self._mount, name), key)
        except SignerdError as error:
            # A key of ours that can't be read must not look as if it were not there; nor any, if Vault did not answer.
            if ours or error.reason not in _STRANGE:
                raise
            _log.info("provider %s: a key is left out: %s", self._name, error.message)
            return []

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Let nobody else make the key meanwhile: transit makes no second one, but does not say so."""
        if name in self._making:
            raise exists(name)
        self._making.add(name)
        try:
            yield
        finally:
            self._making.discard(name)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Note what health tells: the last failure to get an answer, until there is one."""
        try:
            yield
        except SignerdError as error:
            self._down = error.message if error.reason in _DOWN else ""
            raise
        self._down = ""


def _content(given: SigningInput) -> bytes:
    if isinstance(given, Digest):
        return given.value
    if isinstance(given, Message):
        return given.data
    raise SignerdError(Reason.MU_NOT_ACCEPTED, "transit takes no external mu")


def _kept(uri: str, why: str) -> SignerdError:
    return SignerdError(
        Reason.PROVIDER_REFUSED, f"{uri} is not deleted: {why}; delete it at Vault if nobody needs it"
    )


def build(setup: Setup) -> VaultProvider:
    """Build the provider; it logs in when it is first used. Raises CONFIG_INVALID for files that can't be used."""
    return VaultProvider(setup)
