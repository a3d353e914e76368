"""Keys in encrypted files in one directory, in cosign's format; unlocked on first use and kept in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from signerd.core.algorithms import TABLE, Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.public_keys import spki
from signerd.core.signatures import Sign
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup
from signerd.providers.local.files import LocalFiles
from signerd.providers.local.uris import Place, parse_uri, place
from signerd.providers.tested_signers import ordered_key, tested_signer
from signerd.providers.unlocked_keys import UnlockedKeys, run_alone

_A = TypeVar("_A")
_T = TypeVar("_T")
_SHOWN_FAILURES = 5
_TRIED_FILES = 4
_REFUSED = "no key is made, for the password does not open the keys that are there"


class LocalProvider:
    """Provider of key files.

    Signatures are made on the event loop, those of slow algorithms in a pool of as many threads as there are CPUs.
    """

    in_process = True
    capabilities = Capabilities(TABLE, imports=True)

    def __init__(self, directory: Path, password: Callable[[], bytes]) -> None:
        self._files = LocalFiles(directory, password)
        self._keys = UnlockedKeys(self._files.unlock)
        self._known = {found.uri for found in self._files.places()}
        self._signers: dict[tuple[str, Algorithm], Sign] = {}
        self._refusal = ""
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="sign")

    def health(self) -> Health:
        """Say how many keys are unlocked, which files could not be opened, and whether the password was refused."""
        details = [f"{len(self._keys)} of {len(self._known)} keys unlocked"]
        if refused := bool(self._refusal) and not self._keys.opened:
            details.append(self._refusal)
        failures = self._keys.failures
        shown = "; ".join([*details, *failures[:_SHOWN_FAILURES]])
        return Health(healthy=not refused and (not failures or len(self._keys) > 0), detail=shown)

    async def create(self, order: Order) -> Material:
        """Make or take in a key and write its files; it is unlocked then.

        Raises KEY_EXISTS for a used tag, KEY_MATERIAL_UNREADABLE if the password opens none of the keys that are there.
        """
        made = place(order.key, order.version, order.tag)
        await self._check_password()
        private_key = await self._in_pool(ordered_key, order)
        await run_alone(self._files.write, made, private_key)
        self._keys.keep(made.uri, private_key)
        self._known.add(made.uri)
        return Material(made.uri, spki(private_key.public_key()), made.tags)

    async def find(self, uri: str) -> list[Material]:
        """The key of that file, which must be there although an unlocked key does without it."""
        found = parse_uri(uri)
        await asyncio.to_thread(self._files.check_exists, found)
        return [Material(uri, await self._public_key(uri), found.tags)]

    async def _public_key(self, uri: str) -> bytes:
        """Public key of the unlocked key, else from the file beside it, DER."""
        if uri not in self._keys:
            stored = await asyncio.to_thread(self._files.public_key, parse_uri(uri))
            if stored is not None:
                return stored
        return spki((await self._keys.get(uri)).public_key())

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign; the first signature of a key waits until its file is unlocked."""
        sign = self._signers.get((uri, algorithm))
        if sign is None:
            sign = await self._signer(uri, algorithm)
        if algorithm.slow:
            return await self._in_pool(sign, given)
        return sign(given)

    def signer(self, uri: str, algorithm: Algorithm) -> Sign | None:
        """The signer of an unlocked key, None for a slow algorithm."""
        return None if algorithm.slow else self._signers.get((uri, algorithm))

    async def held(self) -> list[Material]:
        """All key files; one without its public key beside it is unlocked."""
        places = await asyncio.to_thread(self._files.places)
        self._known |= {found.uri for found in places}
        return [Material(found.uri, await self._public_key(found.uri), found.tags) for found in places]

    async def change(self, uri: str, change: Change) -> None:
        """Destroy the files; whether a version is disabled is not the files' business."""
        if change is not Change.DESTROY:
            return
        await asyncio.to_thread(self._files.remove, parse_uri(uri))
        self._keys.destroy(uri)
        self._known.discard(uri)
        self._drop_signers(uri)

    def forget(self, uri: str) -> None:
        """Drop what is in memory of a key, so that its file is read again: it may have held another one."""
        self._keys.drop(uri)
        self._drop_signers(uri)

    def _drop_signers(self, uri: str) -> None:
        for held in [held for held in self._signers if held[0] == uri]:
            del self._signers[held]

    async def _check_password(self) -> None:
        """Refuse a password that opens nothing: a key made under it would be lost when the right one comes back."""
        if self._keys.opened:
            return
        # A damaged file looks like a wrong password, so one that opens is proof and a few that don't are refusal.
        # Files that can't even be read refuse too: nothing has shown the password to be right.
        failed: SignerdError | None = None
        for found in _spread(await asyncio.to_thread(self._files.places)):
            try:
                await self._keys.get(found.uri)
                return
            except SignerdError as error:
                failed = failed or error
        if failed is not None:
            self._refusal = f"{_REFUSED}: {failed.message}"
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, self._refusal, retry_after=failed.retry_after)

    async def _signer(self, uri: str, algorithm: Algorithm) -> Sign:
        private_key = await self._keys.get(uri)
        self._known.add(uri)
        try:
            sign = await self._in_pool(partial(tested_signer, private_key), algorithm)
        except SignerdError as error:
            unusable = self._files.unreadable(uri, error.message)
            self._keys.reject(uri, unusable)
            raise unusable from None
        if self._keys.accept(uri, private_key):
            self._signers[uri, algorithm] = sign
        return sign

    async def _in_pool(self, function: Callable[[_A], _T], argument: _A) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, argument)


def _spread(places: list[Place]) -> list[Place]:
    """A few from all over the directory, since damage comes in runs; always the same, so that logs stay short."""
    return places[:: -(-len(places) // _TRIED_FILES) or 1]


def build(setup: Setup) -> LocalProvider:
    """Build the provider; the password is asked only when a file is opened or made."""
    return LocalProvider(setup.section.directory, setup.secrets["password"])
