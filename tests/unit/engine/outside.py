"""A world in which workers die: the database, the provider and the time outlive them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.state.location import SqliteLocation
from tests.support.lives import Clock, Life, held, living

NAME = "team-a/release"


class Outside(MemoryProvider):
    """A provider that outlives the process; it gives `signature` if that is set."""

    in_process = False
    signature = b""

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        return self.signature or await super().sign(uri, algorithm, given)


@pytest.fixture
def technology() -> Outside:
    return Outside()


@pytest.fixture
def provider(technology: Outside) -> Guarded:
    return Guarded("far", "memory", technology, limits=Limits(call=600.0))


class World:
    """What outlives the worker: the database, the provider and the time."""

    def __init__(
        self, location: SqliteLocation, home: Path, provider: Guarded, stack: AsyncExitStack
    ) -> None:
        self._location, self._home, self._stack = location, home, stack
        self.provider, self.clock = provider, Clock()

    async def life(self, life: str = "second", worker: str = "host/worker-0", **providers: Guarded) -> Life:
        """A life of a worker; it lasts as long as the test."""
        configured = providers or {self.provider.name: self.provider}
        return await self._stack.enter_async_context(
            living(self._location, self._home, configured, worker=worker, life=life, clock=self.clock)
        )

    def ordered(self) -> int:
        """How many orders the journal has, whosever."""
        with closing(sqlite3.connect(self._location.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])

    async def tags(self) -> list[str]:
        """Tags of all material."""
        return [one.tags["tag"] for one in (await held(self.provider)).values()]

    async def orphans(self, life: Life) -> set[str]:
        """Material that no key uses, and keys' material that is not there."""
        await life.keyring.reload()
        used = {version.uri for key in life.keys.values() for version in key.versions}
        return set(await held(self.provider)) ^ used


@pytest.fixture
async def world(location: SqliteLocation, home: Path, provider: Guarded) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(location, home, provider, stack)


STEPS: list[tuple[str, Callable[[Life], object], str, bool]] = [
    ("before the order", lambda life: life.creator.journal, "begin", False),
    ("after the order", lambda life: life.creator.journal, "begin", True),
    ("before the material", lambda life: life.creator.providers["far"]._provider, "create", False),
    ("after the material", lambda life: life.creator.providers["far"]._provider, "create", True),
    ("in the first signature", lambda life: life.creator.providers["far"]._provider, "sign", False),
    ("before the key", lambda life: life.creator.store, "commit_key", False),
    ("after the key", lambda life: life.creator.store, "commit_key", True),
    ("before the view", lambda life: life.creator.keyring, "reload", False),
]
Step = tuple[str, Callable[[Life], object], str, bool]


async def die(life: Life, step: Step, name: str = NAME, **fields: Any) -> None:
    _, owner, method, after = step
    await life.die_creating(owner(life), method, after=after, name=name, **fields)
