"""Which shard a worker writes after its directory was cut, put back, copied, moved or removed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signerd.audit import checkpoints, claims, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log, open_log
from signerd.audit.records import Record
from signerd.audit.tree import TreeHead
from signerd.engine.opening import OpenedShard, Opener, Place
from signerd.engine.outside import Outside
from signerd.errors import Reason
from signerd.mirrors.mirror import Mirror
from signerd.mirrors.targets import DirectoryTarget
from signerd.state.checkpoints import Checkpoints
from signerd.state.database import Database, open_database
from signerd.state.schema import CHECKPOINTS
from signerd.state.shards import Shards
from signerd.state.store import Store
from signerd.witnesses.quorum import Witnesses
from tests.support.checkpoints import fresh_database, witnesses_of
from tests.support.lives import STATE_KEY
from tests.support.servers.witness import StandIn, standing_in
from tests.unit.state.contract import refused

KEY = Ed25519PrivateKey.generate()


@dataclass
class Scene:
    """A host with an audit directory, over a database that others may share."""

    database: Database
    audit: Path
    instance: str
    host: str = "host"
    mirror: Path | None = None
    witness: StandIn | None = None
    clients: list[Witnesses] = field(default_factory=list)

    @property
    def state(self) -> Checkpoints:
        return Checkpoints(self.database, STATE_KEY)

    @property
    def store(self) -> Store:
        return Store(self.database, STATE_KEY)

    @property
    def shards(self) -> Shards:
        return Shards(self.database, STATE_KEY)

    @asynccontextmanager
    async def life(self, base: str = "worker-0") -> AsyncIterator[OpenedShard]:
        """A life of the worker; on leaving its log is closed."""
        self.audit.mkdir(mode=0o700, exist_ok=True)
        place = Place(self.audit, base, f"{self.host}:{self.audit}")
        opened = await Opener(
            self.shards, self.state, place, self.instance, self._open, self._outside, self.store.load
        ).opened()
        try:
            yield opened
        finally:
            await opened.log.close()
            await opened.outside.close()

    async def _open(self, shard: str, known: Sequence[TreeHead]) -> Log:
        return await open_log(self.audit, shard, instance=self.instance, known=known)

    def _outside(self, shard: str) -> Outside:
        origin = checkpoints.origin(self.instance, shard)
        mirror = None
        if self.mirror is not None:
            mirror = Mirror(DirectoryTarget(self.mirror, origin), self.audit / shard, 5.0)
        witnesses = witnesses_of(self.witness) if self.witness else None
        return Outside(origin, self.audit / shard, witnesses, mirror)

    async def grow(self, count: int, *, keep: bool = True, copy: bool = False) -> Checkpoint:
        """A life that appends some records and publishes a checkpoint."""
        async with self.life() as opened:
            for _ in range(count):
                await opened.log.append(Record(operation="sign", outcome="ok")).durable
            made = signed(opened.log)
            if keep:
                await self.state.keep(opened.log.shard, made.size, made.root, made.note)
            await opened.log.publish(made)
            if copy and opened.outside.mirror:
                await opened.outside.mirror.copy(made.size, made.note)
            return made

    async def found(self) -> tuple[str, str]:
        """The shard that the next life has, and why it is a new one."""
        async with self.life() as opened:
            return opened.log.shard, opened.before.why if opened.before else ""

    def restored(self, shard: str, copy: Path) -> None:
        """Put the contents of a copy in place of a shard's, in the same directory: the inode stays."""
        directory = self.audit / shard
        for path in directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(copy, directory, dirs_exist_ok=True)


def signed(log: Log) -> Checkpoint:
    head = log.tree_head()
    text = checkpoints.body(log.origin, head)
    line = notes.signature_line(log.origin, KEY.public_key().public_bytes_raw(), KEY.sign(text))
    return Checkpoint(log.origin, head.size, head.root, notes.note(text, [line]))


def contents(directory: Path) -> dict[str, bytes]:
    """Files by name; opening a log to look at it makes none."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    location = await asyncio.to_thread(fresh_database, tmp_path)
    database = open_database(location)
    snapshot = await Store(database, STATE_KEY).open()
    yield Scene(database, tmp_path / "audit", snapshot.instance)
    await database.close()


async def test_a_first_shard_has_the_plain_name_and_follows_nothing(scene: Scene) -> None:
    async with scene.life() as opened:
        assert (opened.log.shard, opened.before, opened.latest) == ("worker-0", None, None)
    assert (scene.audit / "worker-0" / "token").read_text() == (await scene.shards.all())[0].token


async def test_a_worker_finds_its_shard_again(scene: Scene) -> None:
    made = await scene.grow(3)
    async with scene.life() as opened:
        assert (opened.log.shard, opened.before) == ("worker-0", None)
        assert opened.latest == made
        assert opened.log.sequence == 3


async def test_workers_have_shards_of_their_own(scene: Scene) -> None:
    async with scene.life("worker-0") as one, scene.life("worker-1") as other:
        assert (one.log.shard, other.log.shard) == ("worker-0", "worker-1")


async def test_replicas_on_one_database_have_shards_of_their_own(scene: Scene, tmp_path: Path) -> None:
    replica = Scene(scene.database, tmp_path / "other", scene.instance, "other-host")
    async with scene.life() as one, replica.life() as other:
        assert (one.log.shard, other.log.shard) == ("worker-0", "worker-0-2")
        assert other.before is None
    assert await replica.found() == ("worker-0-2", "")
    assert await scene.found() == ("worker-0", "")


async def test_an_older_copy_in_its_place_is_never_appended_to(scene: Scene, tmp_path: Path) -> None:
    await scene.grow(3)
    shutil.copytree(scene.audit / "worker-0", tmp_path / "copy")
    made = await scene.grow(3)
    scene.restored("worker-0", tmp_path / "copy")
    before = contents(scene.audit / "worker-0")
    async with scene.life() as opened:
        assert opened.log.shard == "worker-0-2"
        assert opened.before is not None
        assert (opened.before.shard, opened.before.last) == ("worker-0", made)
        assert "last known with 6 records" in opened.before.text()
    assert contents(scene.audit / "worker-0") == before
    assert await scene.found() == ("worker-0-2", "")


async def test_a_shard_once_given_up_stays_so(scene: Scene, tmp_path: Path) -> None:
    await scene.grow(3)
    shutil.copytree(scene.audit / "worker-0", tmp_path / "copy")
    await scene.grow(3)
    shutil.copytree(scene.audit / "worker-0", tmp_path / "newest")
    scene.restored("worker-0", tmp_path / "copy")
    assert (await scene.found())[0] == "worker-0-2"
    scene.restored("worker-0", tmp_path / "newest")
    shutil.rmtree(scene.audit / "worker-0-2")
    assert (await scene.found())[0] == "worker-0-3"


async def test_a_log_whose_end_was_cut_with_its_checkpoint_is_given_up(scene: Scene) -> None:
    await scene.grow(300)
    directory = scene.audit / "worker-0"
    (directory / "checkpoint").unlink()
    shutil.rmtree(directory / "tile")
    (segment,) = (directory / "wal").glob("*.log")
    with segment.open("r+b") as file:
        file.truncate(segment.stat().st_size // 2)
    shard, why = await scene.found()
    assert shard == "worker-0-2"
    assert "worker-0" in why


async def test_a_log_that_is_as_long_and_another_is_given_up(scene: Scene, tmp_path: Path) -> None:
    await scene.grow(3)
    shutil.copytree(scene.audit / "worker-0", tmp_path / "copy")
    await scene.grow(1)
    scene.restored("worker-0", tmp_path / "copy")
    async with open_directly(scene) as log:
        await log.append(Record(operation="forged", outcome="ok")).durable
    shard, why = await scene.found()
    assert shard == "worker-0-2"
    assert "root" in why


@asynccontextmanager
async def open_directly(scene: Scene) -> AsyncIterator[Log]:
    log = await open_log(scene.audit, "worker-0", instance=scene.instance)
    yield log
    await log.close()


async def test_a_copied_directory_is_not_gone_on_with(scene: Scene) -> None:
    made = await scene.grow(3)
    (scene.audit / "worker-0").rename(scene.audit / "old")
    shutil.copytree(scene.audit / "old", scene.audit / "worker-0")
    async with scene.life() as opened:
        assert opened.log.shard == "worker-0-2"
        assert opened.before is not None
        assert (opened.before.why, opened.before.last) == ("its directory is a copy", made)
    # Whoever has the true one, a replica for example, goes on.
    assert [one.ended for one in await scene.shards.all()] == [False, False]


async def test_a_moved_directory_is_gone_on_with(scene: Scene, tmp_path: Path) -> None:
    await scene.grow(3)
    scene.audit.rename(tmp_path / "moved")
    scene.audit = tmp_path / "moved"
    assert await scene.found() == ("worker-0", "")


async def test_a_directory_that_is_gone_is_told(scene: Scene) -> None:
    made = await scene.grow(3)
    shutil.rmtree(scene.audit)
    async with scene.life() as opened:
        assert opened.log.shard == "worker-0-2"
        assert opened.before is not None
        assert (opened.before.why, opened.before.last) == ("its directory is gone", made)


async def test_a_directory_that_the_state_does_not_know_is_left_alone(scene: Scene) -> None:
    (scene.audit / "worker-0" / "wal").mkdir(parents=True, mode=0o700)
    (scene.audit / "worker-0" / "wal" / "00000001.log").write_bytes(b"whatever")
    before = contents(scene.audit / "worker-0")
    assert await scene.found() == ("worker-0-2", "the state database does not know it")
    assert contents(scene.audit / "worker-0") == before


@pytest.mark.parametrize("step", ["stage", "claim", "settle"])
async def test_killed_while_a_shard_begins_the_next_life_takes_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    owner = Shards if step == "claim" else claims
    monkeypatch.setattr(owner, step, die)
    with pytest.raises(KeyboardInterrupt):
        async with scene.life():
            pass
    monkeypatch.undo()
    assert await scene.found() == ("worker-0", "")
    assert [one.name for one in await scene.shards.all()] == ["worker-0"]
    assert sorted(path.name for path in scene.audit.iterdir()) == [".worker-0.lock", "worker-0"]


async def test_directory_and_database_put_back_together_are_seen_by_the_mirror(
    scene: Scene, tmp_path: Path
) -> None:
    scene.mirror = tmp_path / "mirror"
    scene.mirror.mkdir()
    await scene.grow(3, copy=True)
    shutil.copytree(scene.audit / "worker-0", tmp_path / "copy")
    kept = (await scene.state.all())["worker-0"]
    made = await scene.grow(3, copy=True)
    scene.restored("worker-0", tmp_path / "copy")
    await put_back(scene, kept.size, kept.root, kept.note)
    async with scene.life() as opened:
        assert opened.log.shard == "worker-0-2"
        assert opened.before is not None
        assert opened.before.last == made


async def put_back(scene: Scene, size: int, root: bytes, note: bytes) -> None:
    """The checkpoint that an older database has."""
    await scene.database.write(lambda connection: connection.execute(CHECKPOINTS.delete()))
    await scene.state.keep("worker-0", size, root, note)


async def test_names_that_the_mirror_knows_are_not_given_again(scene: Scene, tmp_path: Path) -> None:
    scene.mirror = tmp_path / "mirror"
    scene.mirror.mkdir()
    await scene.grow(3, copy=True)
    other = scene.mirror / scene.instance / "worker-0-2"
    shutil.copytree(scene.mirror / scene.instance / "worker-0", other)
    note = (other / "checkpoint").read_bytes().replace(b"/worker-0\n", b"/worker-0-2\n")
    (other / "checkpoint").write_bytes(note.replace(b"/worker-0 ", b"/worker-0-2 "))
    shutil.rmtree(scene.audit)
    assert (await scene.found())[0] == "worker-0-3"


async def test_a_mirror_that_is_away_holds_up_no_start(scene: Scene, tmp_path: Path) -> None:
    scene.mirror = tmp_path / "mirror"
    await scene.grow(3)
    assert await scene.found() == ("worker-0", "")


async def test_directory_and_database_put_back_together_are_seen_by_a_witness(scene: Scene) -> None:
    async with standing_in(StandIn(size=6)) as scene.witness:
        made = await scene.grow(3)
        async with scene.life() as opened:
            assert opened.log.shard == "worker-0-2"
            assert opened.before is not None
            assert "has cosigned 6 records" in opened.before.why
            assert opened.before.last == made
    assert [one.ended for one in await scene.shards.all()] == [True, False]


@pytest.mark.parametrize("mode", ["sign", "404", "500", "garbage"])
async def test_a_witness_that_says_nothing_against_it_holds_up_no_start(scene: Scene, mode: str) -> None:
    async with standing_in(StandIn(mode=mode)) as scene.witness:
        await scene.grow(3)
        assert await scene.found() == ("worker-0", "")


async def test_two_that_open_at_once_are_told_apart(scene: Scene) -> None:
    await scene.grow(1)
    async with scene.life():
        with refused(Reason.HOME_IN_USE):
            await scene.found()
    lock = claims.lock(scene.audit, "worker-0")
    with refused(Reason.HOME_IN_USE, "another daemon"):
        await scene.found()
    os.close(lock)
    assert await scene.found() == ("worker-0", "")


async def test_a_state_older_than_a_record_begins_no_shard_beside_it(scene: Scene) -> None:
    async with scene.life() as opened:
        await opened.log.append(Record(operation="sign", outcome="ok", revision=41)).durable
    (scene.audit / "worker-0" / "token").unlink()
    with refused(Reason.STATE_TAMPERED, "41 was seen"):
        await scene.found()
    assert [one.name for one in scene.audit.iterdir() if one.is_dir()] == ["worker-0"]
    assert [one.name for one in await scene.shards.all()] == ["worker-0"]
