"""Lives of a worker that dies in the middle of making a key, and of the one that comes after it.

A provider's own test of "created, then the process died" is one line:

    await adopted_after_a_crash(guarded, tmp_path)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from signerd.audit.log import Tuning, open_log
from signerd.audit.reading import list_records
from signerd.audit.records import Record
from signerd.authz.identity import Caller
from signerd.core.inputs import Message, prepare
from signerd.core.keys import Key
from signerd.engine.creation import Creator
from signerd.engine.keyring import Keyring
from signerd.engine.promotion import Promoter
from signerd.engine.recorder import Recorder
from signerd.engine.recovery import Recovery
from signerd.engine.requests import CreateCall
from signerd.errors import Reason
from signerd.providers.base import Material
from signerd.providers.guard import Guarded
from signerd.rpc.keys import ANSWERS
from signerd.state.database import open_database
from signerd.state.journal import Journal
from signerd.state.location import Location, SqliteLocation
from signerd.state.migration import ensure_schema
from signerd.state.orders import Owner
from signerd.state.state_key import StateKey
from signerd.state.store import Store

CALLER = Caller("unix:ann", "unix-socket", "ann")
STATE_KEY = StateKey(bytes(32))
SECONDS = 60.0


class Clock:
    """The time, which tests move on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Life:
    """One life of a worker over the state in a directory."""

    creator: Creator
    recovery: Recovery
    audit: Path
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    _requests: list[asyncio.Task[bytes]] = field(default_factory=list)

    @property
    def keyring(self) -> Keyring:
        return self.creator.keyring

    @property
    def keys(self) -> dict[str, Key]:
        """All keys by name, as the keyring knows them."""
        return dict(self.keyring.view.snapshot.keys)

    async def create(self, name: str, request_id: str = "r-1", **fields: Any) -> bytes:
        """Make a key, or import one; gives the door's answer."""
        call = CreateCall(name, **{"algorithm": "ecdsa-p256-sha256", "request_id": request_id, **fields})
        kind = "create-key" if call.private_key is None else "import-key"
        return (await self.creator.create(CALLER, call, ANSWERS[kind])).answer

    async def die_creating(
        self, owner: object, method: str, *, after: bool, name: str, **fields: Any
    ) -> None:
        """Begin to make a key, and stop for good before or after the first call of a method.

        Nothing of this life runs on from there, as if the process had been killed.
        """
        self.freeze(owner, method, after=after)
        request = asyncio.create_task(self.create(name, **fields))
        self._requests.append(request)
        waiting = asyncio.create_task(self.frozen.wait())
        async with asyncio.timeout(SECONDS):
            await asyncio.wait({request, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert self.frozen.is_set(), f"{method} was never called: {request}"

    def freeze(self, owner: object, method: str, *, after: bool) -> None:
        """Have the next call of a method never return, before or after it does its work."""
        real: Callable[..., Awaitable[Any]] = getattr(owner, method)

        async def freezing(*args: Any, **named: Any) -> Any:
            setattr(owner, method, real)
            if after:
                await real(*args, **named)
            self.frozen.set()
            await asyncio.Event().wait()

        setattr(owner, method, freezing)

    def records(self) -> list[Record]:
        """All durable records of this life, oldest first."""
        return [entry.record for entry in list_records(self.audit, page_size=1000).entries][::-1]

    def end(self) -> None:
        """Take what hangs out of the loop."""
        for task in (*self._requests, *self.creator.tasks._tasks):
            task.cancel()


@asynccontextmanager
async def living(
    location: Location,
    directory: Path,
    providers: dict[str, Guarded],
    *,
    worker: str = "host/worker-0",
    life: str = "first",
    clock: Clock | None = None,
) -> AsyncIterator[Life]:
    """A life of a worker over a migrated database; its audit log is its own, as in a life after a crash."""
    now = clock or Clock()
    audit = directory / f"audit-{worker.replace('/', '-')}-{life}"
    audit.mkdir(mode=0o700, exist_ok=True)
    database = open_database(location)
    store = Store(database, STATE_KEY, clock=now)
    snapshot = await store.open()
    log = await open_log(audit, "worker-0", instance=snapshot.instance, tuning=Tuning(gather=0.0005))
    keyring = Keyring(store, providers, snapshot)
    recorder = Recorder(log, lambda: keyring.revision)
    journal = Journal(database, STATE_KEY, Owner(worker, life), clock=now)
    promoter = Promoter(keyring, recorder, providers)
    recovery = Recovery(keyring, recorder, store, journal, providers, ANSWERS, now, promoter)
    default = next(iter(providers))
    creator = Creator(keyring, recorder, store, journal, providers, default, now, promoter, recovery.wake)
    here = Life(creator, recovery, audit)
    try:
        yield here
    finally:
        hanging = list(creator.tasks._tasks)
        here.end()
        await asyncio.gather(*hanging, return_exceptions=True)
        await log.close()
        await database.close()


async def migrated(directory: Path) -> SqliteLocation:
    """A new database in a directory."""
    await asyncio.to_thread(directory.chmod, 0o700)
    location = SqliteLocation(directory / "state.db")
    await asyncio.to_thread(ensure_schema, location)
    return location


async def held(provider: Guarded) -> dict[str, Material]:
    """What a provider holds and lets sign, by URI."""
    return {one.uri: one for one in await provider.held() if one.enabled}


async def check_signs(provider: Guarded, life: Life, name: str) -> None:
    """Raise unless the primary of a key signs and its signature verifies."""
    version = life.keyring.signing(name, 0)
    given = prepare(version.algorithm, Message(b"some bytes"))
    version.pinned.verify(given, await provider.sign(version.pinned, given))


async def adopted_after_a_crash(
    provider: Guarded, directory: Path, *, key: str = "team-a/crash", **fields: Any
) -> None:
    """The process dies between "created at the provider" and "recorded in state": the next start adopts the version.

    `fields` are those of a CreateCall, such as `algorithm`. The provider lives on, as the technology does.
    """
    location, providers = await migrated(directory), {provider.name: provider}
    before = await held(provider)
    async with living(location, directory, providers, life="first") as first:
        await first.die_creating(first.creator.store, "commit_key", after=False, name=key, **fields)
        left = (await held(provider)).keys() - before.keys()
        assert len(left) == 1, f"one piece of material was made, {len(left)} are held: {left}"
        async with living(location, directory, providers, life="second") as second:
            assert key not in second.keys
            await second.recovery.settle()
            assert (second.recovery.waiting, second.recovery.problems) == (set(), {})
            assert {version.uri for version in second.keys[key].versions} == left
            await check_signs(provider, second, key)
            assert await second.create(key, **fields) == await second.create(key, **fields)
            assert (await held(provider)).keys() - before.keys() == left
            (record,) = [one for one in second.records() if one.operation == "create-key-recovered"]
            assert (record.outcome, record.key, record.version) == ("ok", key, 1)


async def destroyed_after_a_crash(
    provider: Guarded, directory: Path, *, key: str = "team-a/crash", **fields: Any
) -> None:
    """As above, but the name was taken meanwhile: the next start destroys the material, which no key will use."""
    location, providers = await migrated(directory), {provider.name: provider}
    before = await held(provider)
    async with living(location, directory, providers, life="first") as first:
        await first.die_creating(first.creator.store, "commit_key", after=False, name=key, **fields)
        async with living(location, directory, providers, worker="other", life="other") as other:
            await other.create(key, request_id="r-2", **fields)
            (uri,) = (version.uri for version in other.keys[key].versions)
        async with living(location, directory, providers, life="second") as second:
            await second.recovery.settle()
            assert second.recovery.waiting == set()
            assert (await held(provider)).keys() - before.keys() == {uri}
            await check_signs(provider, second, key)
            (record,) = [one for one in second.records() if one.operation == "create-key-recovered"]
            assert (record.outcome, record.reason) == ("refused", Reason.KEY_EXISTS.name)
