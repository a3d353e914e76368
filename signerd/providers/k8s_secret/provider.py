"""Keys in Kubernetes Secrets of one namespace: read once, opened on first use, kept in memory, watched."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from signerd.config_providers import K8sSecretProvider as Section
from signerd.connections.kubernetes import Access, KubernetesApi
from signerd.core.algorithms import TABLE, Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.signatures import Sign
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup
from signerd.providers.k8s_secret.calls import ExpiredError, Secrets
from signerd.providers.k8s_secret.keys import SecretKeys
from signerd.providers.k8s_secret.layout import Seen, StoredKey, secret_for
from signerd.providers.k8s_secret.names import name_in, uri_of
from signerd.providers.k8s_secret.watch import SecretWatch
from signerd.providers.tested_signers import ordered_key
from signerd.providers.unlocked_keys import run_alone

_T = TypeVar("_T")
_CALLS = 8  # at a time; signatures need none
_CONFLICTS = 3
_log = logging.getLogger(__name__)


class K8sSecretProvider:
    """Provider of the keys in a namespace's Secrets.

    Signatures are made on the event loop, those of slow algorithms in a pool of as many threads as there are CPUs; the
    API server is needed to make, find and destroy keys, and to read one for the first time.
    """

    in_process = True
    capabilities = Capabilities(TABLE, imports=True)

    def __init__(self, secrets: Secrets, close: Callable[[], None], call: float, create: float) -> None:
        self._secrets = secrets
        self._close = close
        self._limits = call, create
        self._calls = ThreadPoolExecutor(_CALLS, thread_name_prefix="kubernetes")
        self._cpus = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="sign")
        self._keys = SecretKeys(self._read, self._work)
        self._watch = SecretWatch(secrets, self._called, self)
        self._watching: asyncio.Task[None] | None = None
        with suppress(RuntimeError):  # no event loop yet: the first call begins
            self._begin()

    def health(self) -> Health:
        """Whether the watch goes on; keys that were opened sign without it."""
        watched = self._watch.health
        detail = "; ".join(part for part in (watched.detail, self._keys.detail) if part)
        return Health(watched.healthy, detail)

    async def create(self, order: Order) -> Material:
        """Make or take in a key and write its Secret; raises KEY_EXISTS for a tag that was used."""
        self._begin()
        private_key = await self._work(partial(ordered_key, order))
        secret = await run_alone(secret_for, order, self._secrets.namespace, private_key)
        stored = await self._called(partial(self._secrets.create, secret), self._limits[1])
        self._keys.keep(stored, private_key)
        return stored.material(await self._keys.public_key(stored))

    async def find(self, uri: str) -> list[Material]:
        """The key of that Secret, as the API server has it now."""
        self._begin()
        stored = await self._refreshed(uri)
        return [stored.material(await self._keys.public_key(stored))]

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign; the first signature of a key waits until its Secret is read and opened."""
        self._begin()
        sign = await self._keys.opened(uri, algorithm)
        if algorithm.slow:
            return await self._work(partial(sign, given))
        return sign(given)

    def signer(self, uri: str, algorithm: Algorithm) -> Sign | None:
        """The signer of an open key, None for a slow algorithm."""
        return None if algorithm.slow else self._keys.signer(uri, algorithm)

    def forget(self, uri: str) -> None:
        """Drop what is in memory of a key, so that its Secret is read again."""
        self._keys.forget(uri)

    async def held(self) -> list[Material]:
        """All Secrets with a signing key; those that can't be opened for their public key are left out."""
        self._begin()
        try:
            found = await self._called(self._secrets.all, self._limits[1])
        except ExpiredError:
            found = await self._called(self._secrets.all, self._limits[1])
        materials = [await self._shown(stored) for stored in found]
        return [material for material in materials if material is not None]

    async def change(self, uri: str, change: Change) -> None:
        """Delete the Secret; whether a version is disabled is not Kubernetes' business."""
        self._begin()
        if change is not Change.DESTROY:
            return
        for _ in range(_CONFLICTS):
            if await self._deleted(uri):
                self._keys.forget(uri)
                return
        raise SignerdError(
            Reason.PROVIDER_UNAVAILABLE,
            f"{uri} is being changed by others, it was not deleted",
            retry_after=1.0,
        )

    async def noticed(self, seen: Seen) -> None:
        """A Secret was made, changed or deleted: read again those that are signerd's, or in use here."""
        uri = uri_of(self._secrets.namespace, seen.name)
        if seen.gone:
            self._keys.lose(uri)
            return
        held = self._keys.stored(uri)
        if held is None and not seen.managed and not self._keys.used(uri):
            return
        if held is not None and held.seen == seen:
            return
        try:
            await self._refreshed(uri)
        except SignerdError as error:
            if error.reason is not Reason.KEY_MATERIAL_UNREADABLE:
                raise

    async def close(self) -> None:
        """End the watch and close the connections."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        for pool in (self._calls, self._cpus):
            pool.shutdown(wait=False, cancel_futures=True)
        self._close()

    def _begin(self) -> None:
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch.run())

    async def _refreshed(self, uri: str) -> StoredKey:
        """Read a Secret; if its key was in use and was given up, it is opened again."""
        stored = await self._read(uri)
        with suppress(SignerdError):  # it is logged, and raised again to whoever wants to sign
            await self._keys.reopen(uri)
        return stored

    async def _read(self, uri: str) -> StoredKey:
        try:
            name = name_in(uri, self._secrets.namespace)
            stored = await self._called(partial(self._secrets.get, name))
        except SignerdError as error:
            if error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                self._keys.lose(uri)
            raise
        self._keys.take(stored)
        return stored

    async def _deleted(self, uri: str) -> bool:
        """Delete the Secret as it is now, unless it holds another key than the one in use; False: try again."""
        try:
            stored = await self._read(uri)
        except SignerdError as error:
            if error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                return True
            raise
        self._keys.check_known(uri, await self._keys.public_key(stored))
        return await self._called(partial(self._secrets.delete, stored.seen))

    async def _shown(self, stored: StoredKey) -> Material | None:
        try:
            return stored.material(await self._keys.public_key(stored))
        except SignerdError as error:
            _log.warning("%s is not listed: %s", stored.uri, error.message)
            return None

    async def _called(self, function: Callable[[], _T], seconds: float = 0) -> _T:
        """Call the API server in a thread, for so long at most."""
        seconds = seconds or self._limits[0]
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._calls, function)
        except TimeoutError:
            raise SignerdError(
                Reason.PROVIDER_TIMEOUT, f"the API server did not answer within {seconds:g} s"
            ) from None

    async def _work(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._cpus, function)


def build(setup: Setup) -> K8sSecretProvider:
    """Build the provider; nothing is asked of the API server yet. Raises CONFIG_INVALID for unusable credentials."""
    section: Section = setup.section
    access = Access(section.kubeconfig, section.context)
    api = KubernetesApi(access, seconds=section.call, connections=_CALLS + 1)
    return K8sSecretProvider(
        Secrets(setup.name, section.namespace, api), api.close, section.call, section.create
    )
