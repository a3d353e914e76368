"""The keys as the hot path sees them: an immutable view of the state, replaced whole when anything changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from signerd.core import public_keys, signatures
from signerd.core.algorithms import Algorithm
from signerd.core.keys import Key, KeyVersion, check_callable, check_signs, check_verifies
from signerd.core.names import check_key_name
from signerd.core.public_keys import PublicKey
from signerd.errors import Reason, SignerdError
from signerd.providers.guard import Guarded, PinnedVersion
from signerd.state.snapshot import Snapshot
from signerd.state.store import Store

LOOK_AGAIN = 60.0
"""Seconds after which a change of the database is looked into though the revision is the same: an edit, perhaps."""
REFRESH_INTERVAL = 0.02
"""Seconds between two refreshes asked for by requests: unknown names can't flood the database."""
Found = TypeVar("Found")
UNSEEN = frozenset({Reason.KEY_NOT_FOUND, Reason.VERSION_NOT_FOUND})


@dataclass(frozen=True, slots=True, eq=False)
class SigningVersion:
    """One version with all that the hot path needs, made once."""

    name: str
    key: Key
    version: KeyVersion
    algorithm: Algorithm
    public_key: PublicKey
    key_id: str
    ssh_fingerprint: str
    pinned: PinnedVersion
    provider: Guarded

    @property
    def inline(self) -> bool:
        """Whether signing takes neither waiting nor long."""
        return self.provider.in_process and not self.algorithm.slow


@dataclass(slots=True)
class View:
    """One snapshot and what was derived from it; `signing` holds only versions that may sign for callers."""

    snapshot: Snapshot
    signing: dict[tuple[str, int], SigningVersion] = field(default_factory=dict)

    def key(self, name: str) -> Key:
        """The key that callers may use under that name; raises KEY_NAME_INVALID, KEY_NOT_FOUND or KEY_PURPOSE."""
        key = self.snapshot.keys.get(check_key_name(name))
        if key is None:
            raise SignerdError(Reason.KEY_NOT_FOUND, f"there is no key {name!r}", field="key")
        check_callable(key)
        return key


class Wanted(Protocol):
    """What names a version: key, version (0 is the primary) and the state revision that must be known."""

    key: str
    version: int
    min_revision: int


class Keyring:
    """Current view, its refresh, and versions ready to sign and verify."""

    def __init__(self, store: Store, providers: Mapping[str, Guarded], snapshot: Snapshot) -> None:
        self._store = store
        self._providers = providers
        self._derived: dict[tuple[str, int], SigningVersion] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._doubtful = False
        self._loaded = -LOOK_AGAIN
        self.view = View(snapshot)

    @property
    def revision(self) -> int:
        """State revision of the view."""
        return self.view.snapshot.revision

    def signing(self, key: str, version: int) -> SigningVersion:
        """The version that may sign, from the view as it is; raises as View.key, and VERSION_*."""
        found = self.view.signing.get((key, version))
        if found is None:
            owner = self.view.key(key)
            wanted = owner.version(version)
            check_signs(wanted)
            found = self.view.signing[key, version] = self.derive(owner, wanted)
        return found

    def ready(self, call: Wanted) -> SigningVersion | None:
        """The version that a call wants to sign with if the view has it at hand, else None: then it must be found."""
        view = self.view
        if call.min_revision > view.snapshot.revision:
            return None
        return view.signing.get((call.key, call.version))

    def verifying(self, key: str, version: int) -> list[SigningVersion]:
        """The version named, or every one that verifies for version 0; raises as View.key, and VERSION_*."""
        owner = self.view.key(key)
        if version == 0:
            return [self.derive(owner, able) for able in owner.verifying()]
        wanted = owner.version(version)
        check_verifies(wanted)
        return [self.derive(owner, wanted)]

    def any(self, key: str, version: int) -> SigningVersion:
        """The version whatever its state, 0 for the primary: to show its public key."""
        owner = self.view.key(key)
        return self.derive(owner, owner.version(version))

    async def find_signing(self, key: str, version: int, min_revision: int) -> SigningVersion:
        """As `signing`, caught up."""
        return await self._caught_up(min_revision, lambda: self.signing(key, version))

    async def find_verifying(self, key: str, version: int, min_revision: int) -> list[SigningVersion]:
        """As `verifying`, caught up."""
        return await self._caught_up(min_revision, lambda: self.verifying(key, version))

    async def find_any(self, key: str, version: int, min_revision: int) -> SigningVersion:
        """As `any`, caught up."""
        return await self._caught_up(min_revision, lambda: self.any(key, version))

    async def _caught_up(self, min_revision: int, look: Callable[[], Found]) -> Found:
        """Look in the view at that revision or a later one; what is unknown is looked up in the state once."""
        await self.catch_up(min_revision)
        try:
            return look()
        except SignerdError as error:
            if error.reason not in UNSEEN:
                raise
        await self.refresh()
        return look()

    async def find_key(self, name: str, min_revision: int) -> Key:
        """The key of that name, whatever its purpose; raises KEY_NAME_INVALID or KEY_NOT_FOUND."""
        await self.catch_up(min_revision)
        check_key_name(name, field="name")
        if name not in self.view.snapshot.keys:
            await self.refresh()
        try:
            return self.view.snapshot.keys[name]
        except KeyError:
            raise SignerdError(Reason.KEY_NOT_FOUND, f"there is no key {name!r}", field="name") from None

    async def catch_up(self, revision: int) -> None:
        """Refresh until the view has the revision; raises STATE_STALE if the state itself is behind it."""
        if revision <= self.revision:
            return
        await self.refresh()
        if revision > self.revision:
            raise SignerdError(
                Reason.STATE_STALE,
                f"state is at revision {self.revision}, the request names {revision}",
                field="min_revision",
                retry_after=1.0,
            )

    async def refresh(self) -> None:
        """Read the state again; those who ask at the same time share one reading that began after all had asked."""
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        await asyncio.sleep(REFRESH_INTERVAL)
        self._refreshing = None
        if self._doubtful or await self._store.revision() > self.revision:
            await self.reload()

    async def notice(self) -> None:
        """The database changed: read it all if its revision did, or if that was long ago.

        Checkpoints of the audit log are written every few seconds and change no key.
        """
        long_ago = time.monotonic() - self._loaded > LOOK_AGAIN
        if self._doubtful or long_ago or await self._store.revision() != self.revision:
            await self.reload()

    async def reload(self) -> None:
        """Replace the view by the state as it is now; one that is refused stays doubtful until it loads again."""
        self._doubtful = True
        snapshot = await self._store.load()
        self._doubtful, self._loaded = False, time.monotonic()
        if snapshot.revision > self.revision:
            self.view = View(snapshot)

    def derive(self, key: Key, version: KeyVersion) -> SigningVersion:
        """What the hot path needs of a version, kept for as long as its key and version stay as they are."""
        known = self._derived.get((key.name, version.number))
        if known is None or known.version is not version or known.key is not key:
            known = self._derived[key.name, version.number] = self._built(key, version)
        return known

    def _built(self, key: Key, version: KeyVersion) -> SigningVersion:
        public_key = public_keys.load_public_key(version.public_key, key.algorithm)
        pinned = PinnedVersion(version.uri, key.algorithm, signatures.verifier(public_key, key.algorithm))
        return SigningVersion(
            name=version.name,
            key=key,
            version=version,
            algorithm=key.algorithm,
            public_key=public_key,
            key_id=public_keys.key_id(version.public_key),
            ssh_fingerprint=public_keys.ssh_fingerprint(public_key),
            pinned=pinned,
            provider=self._provider(key),
        )

    def _provider(self, key: Key) -> Guarded:
        try:
            return self._providers[key.provider]
        except KeyError:
            raise SignerdError(
                Reason.PROVIDER_UNAVAILABLE,
                f"key {key.name!r} is at provider {key.provider!r}, which is not configured",
            ) from None
