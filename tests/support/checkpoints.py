"""A checkpointer over a life of a worker: real log, state database and provider; witnesses and mirror as given."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signerd.audit import notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.engine.anchors import Anchors
from signerd.engine.checkpointer import Checkpointer, Timing
from signerd.engine.log_key import LOG_KEY, LogKey, raw_public_key
from signerd.engine.log_rotation import LogKeyRotator
from signerd.engine.outside import Outside
from signerd.mirrors.mirror import Mirror
from signerd.providers.guard import Guarded
from signerd.rpc.keys import ANSWERS
from signerd.state.checkpoints import Checkpoints
from signerd.state.database import open_database
from signerd.state.location import Location, SqliteLocation
from signerd.state.migration import ensure_schema
from signerd.state.shards import Claim, Shards
from signerd.telemetry import CheckpointMeter
from signerd.witnesses.cosignatures import parse_vkey
from signerd.witnesses.quorum import Witnesses
from signerd.witnesses.witness import Address, Witness
from tests.support.lives import STATE_KEY, Clock, Life, living
from tests.support.servers.witness import StandIn

QUICK = Timing(interval=0.05)


@dataclass
class Monotonic:
    """Seconds that tests move on."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """A life with its checkpointer; `run()` is started by tests that want it."""

    life: Life
    checkpointer: Checkpointer
    state: Checkpoints
    shards: Shards
    time: Monotonic
    clock: Clock
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def log(self) -> Log:
        return self.checkpointer.log

    @property
    def rotator(self) -> LogKeyRotator:
        return LogKeyRotator(self.checkpointer.key, self.clock)

    def start(self) -> None:
        """Run the background jobs."""
        for job in (self.checkpointer.run(), self.checkpointer.anchors.run()):
            self.tasks.append(asyncio.create_task(job))

    async def append(self, count: int = 1) -> None:
        """Some records."""
        for _ in range(count):
            await self.log.append(Record(operation="sign", outcome="ok")).durable

    def records(self, operation: str) -> list[Record]:
        """Durable records of an operation, oldest first."""
        return [one for one in self.life.records() if one.operation == operation]

    def signers(self, made: Checkpoint) -> list[int]:
        """Numbers of the versions whose signatures a checkpoint has; all of them verify."""
        return signers(self.life, made)


def signers(life: Life, made: Checkpoint) -> list[int]:
    """Numbers of the versions of the log key that signed; raises InvalidSignature."""
    note, found = notes.parse(made.note), []
    for version in life.keys[LOG_KEY].versions:
        public = raw_public_key(version)
        for line in note.signatures:
            if (line.name, line.key_id) == (made.origin, notes.key_id(made.origin, public)):
                Ed25519PublicKey.from_public_bytes(public).verify(line.value, note.text)
                found.append(version.number)
    return found


@asynccontextmanager
async def rigged(
    location: Location,
    directory: Path,
    providers: dict[str, Guarded],
    *,
    witnesses: Witnesses | None = None,
    mirror: Mirror | None = None,
    timing: Timing = QUICK,
    provider: str = "",
    **more: str,
) -> AsyncIterator[Rig]:
    """A life of a worker whose log gets checkpoints."""
    clock, time = Clock(), Monotonic()
    async with living(location, directory, providers, clock=clock, **more) as life:
        log = life.creator.recorder.log
        database = open_database(location)
        state, shards = Checkpoints(database, STATE_KEY, clock=clock), Shards(database, STATE_KEY)
        await shards.claim(Claim("", log.shard, f"token-{life.audit.name}", 1, "host"))
        meter = CheckpointMeter(time)
        outside = Outside(log.origin, life.audit / log.shard, witnesses, mirror)
        key = LogKey(life.keyring, life.creator, providers, ANSWERS["create-key"], provider)
        kept = (await state.all()).get(log.shard)
        checkpointer = Checkpointer(
            log=log,
            key=key,
            state=state,
            anchors=Anchors(log, outside, meter),
            timing=timing,
            meter=meter,
            shards=shards,
            keeper="state database",
            clock=clock,
            latest=log.published if kept else None,
        )
        rig = Rig(life, checkpointer, state, shards, time, clock)
        try:
            yield rig
        finally:
            for task in rig.tasks:
                task.cancel()
            await asyncio.gather(*rig.tasks, return_exceptions=True)
            await outside.close()
            await database.close()


def witnesses_of(
    *stand_ins: StandIn, quorum: int = 1, seconds: float = 5.0, required: bool = False
) -> Witnesses:
    """A client of these witnesses."""
    members = [Witness(Address(parse_vkey(one.vkey), one.url)) for one in stand_ins]
    return Witnesses(members, quorum, seconds, required=required)


def fresh_database(directory: Path) -> SqliteLocation:
    """A new database in a directory; made once and copied, since making it takes long."""
    directory.chmod(0o700)
    location = SqliteLocation(directory / "state.db")
    location.path.write_bytes(_database())
    location.path.chmod(0o600)
    return location


@cache
def _database() -> bytes:
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "state.db"
        ensure_schema(SqliteLocation(path))
        return path.read_bytes()
