"""Checkpoints are made when they should be, of what is durable, and nothing that fails stops records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from signerd.audit import checkpoints
from signerd.core.inputs import SigningInput
from signerd.core.keys import Purpose
from signerd.engine.checkpointer import Timing
from signerd.engine.log_key import LOG_KEY
from signerd.errors import Reason, SignerdError
from signerd.mirrors.mirror import Mirror
from signerd.mirrors.targets import DirectoryTarget
from signerd.providers.base import Capabilities
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.state.location import SqliteLocation
from tests.support.checkpoints import Rig, fresh_database, rigged, witnesses_of
from tests.support.daemons import until
from tests.support.servers.witness import StandIn, standing_in
from tests.unit.state.contract import refused

SECONDS = 20.0


class Flaky(MemoryProvider):
    """Signs unless told not to."""

    down = False

    async def sign(self, uri: str, algorithm: object, given: SigningInput) -> bytes:
        if self.down:
            raise SignerdError(Reason.PROVIDER_UNAVAILABLE, "the HSM is down")
        return await super().sign(uri, algorithm, given)  # type: ignore[arg-type]


@pytest.fixture
def provider() -> Flaky:
    return Flaky()


@pytest.fixture
def providers(provider: Flaky) -> dict[str, Guarded]:
    return {"here": Guarded("here", "memory", provider)}


@pytest.fixture
def location(tmp_path: Path) -> SqliteLocation:
    return fresh_database(tmp_path)


@pytest.fixture
async def rig(location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]) -> AsyncIterator[Rig]:
    async with rigged(location, tmp_path, providers) as rig:
        yield rig


async def test_the_first_checkpoint_makes_the_log_key(rig: Rig) -> None:
    await rig.append(3)
    made = await rig.checkpointer.make()
    key = rig.life.keys[LOG_KEY]
    assert (key.purpose, key.algorithm.name, key.created_by) == (Purpose.LOG, "ed25519", "signerd")
    assert [one.caller for one in rig.records("create-key")] == ["signerd"]
    assert made.size == 5  # three, and two of the key's
    assert rig.signers(made) == [1]
    assert rig.log.published == made
    kept = (await rig.state.all())["worker-0"]
    assert (kept.size, kept.root, kept.note) == (made.size, made.root, made.note)
    assert checkpoints.parse(made.note, rig.log.origin).head == rig.log.tree_head()


async def test_there_is_one_log_key(rig: Rig) -> None:
    for _ in range(3):
        await rig.append()
        await rig.checkpointer.make()
    assert list(rig.life.keys) == [LOG_KEY]


async def test_workers_but_the_first_wait_for_the_key(rig: Rig) -> None:
    rig.checkpointer.key.makes = False
    with refused(Reason.CHECKPOINT_UNAVAILABLE, "first worker"):
        await rig.checkpointer.make()
    assert rig.life.keys == {}


async def test_replicas_that_start_at_once_make_one_key(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]
) -> None:
    async with (
        rigged(location, tmp_path, providers, worker="a/worker-0") as one,
        rigged(location, tmp_path, providers, worker="b/worker-0") as other,
    ):
        first, second = await asyncio.gather(one.checkpointer.key.ensure(), other.checkpointer.key.ensure())
        assert first.versions == second.versions
        assert [material.uri for material in await providers["here"].held() if material.enabled] == [
            first.versions[0].uri
        ]


async def test_who_waits_gets_a_checkpoint_at_once_and_together(rig: Rig) -> None:
    rig.checkpointer.timing = Timing(interval=3600.0)
    rig.start()
    await rig.append()
    async with asyncio.timeout(SECONDS):
        await rig.checkpointer.covering(1)
        await rig.append(3)
        size = rig.log.sequence
        found = await asyncio.gather(*(rig.checkpointer.covering(size) for _ in range(3)))
    assert {one.note for one in found} == {found[0].note}
    assert found[0].size >= size


async def test_a_checkpoint_that_covers_it_already_is_given_at_once(rig: Rig) -> None:
    await rig.append(3)
    made = await rig.checkpointer.make()
    assert await rig.checkpointer.covering(2) == made


async def test_new_records_get_a_checkpoint_by_themselves(rig: Rig) -> None:
    rig.start()
    await rig.append(3)
    await until(lambda: rig.log.published is not None and rig.log.published.size == rig.log.sequence)


async def test_silence_makes_none_until_the_heartbeat(rig: Rig) -> None:
    rig.checkpointer.timing = Timing(interval=0.01, heartbeat=60.0)
    await rig.append()
    made = await rig.checkpointer.make()
    rig.time.now = 59.0
    rig.start()
    await asyncio.sleep(0.1)
    assert rig.log.published == made
    rig.time.now = 60.0
    await until(lambda: len(rig.records("heartbeat")) == 1)
    await until(lambda: rig.log.published is not None and rig.log.published.size == made.size + 1)


async def test_a_provider_that_is_down_delays_checkpoints_and_nothing_else(rig: Rig, provider: Flaky) -> None:
    await rig.append()
    before = await rig.checkpointer.make()
    provider.down = True
    rig.start()
    await rig.append(3)
    async with asyncio.timeout(SECONDS):
        with refused(Reason.CHECKPOINT_UNAVAILABLE, "the HSM is down"):
            await rig.checkpointer.covering(rig.log.sequence)
    assert any("the HSM is down" in warning for warning in rig.checkpointer.warnings())
    assert rig.log.published == before
    await rig.append()
    provider.down = False
    await until(lambda: rig.log.published is not None and rig.log.published.size == rig.log.sequence)
    assert rig.checkpointer.warnings() == []


async def test_a_checkpoint_that_the_state_does_not_take_is_not_published(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.append()
    before = await rig.checkpointer.make()
    await rig.append()

    async def unavailable(*_: object) -> None:
        raise SignerdError(Reason.STATE_UNAVAILABLE, "the database is gone")

    monkeypatch.setattr(rig.state, "keep", unavailable)
    with refused(Reason.STATE_UNAVAILABLE):
        await rig.checkpointer.make()
    assert rig.log.published == rig.checkpointer.latest == before
    monkeypatch.undo()
    assert (await rig.checkpointer.make()).size == before.size + 1


async def test_without_a_provider_for_the_key_there_are_none(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryProvider, "capabilities", Capabilities(()))
    async with rigged(location, tmp_path, providers) as rig:
        await rig.checkpointer.begin()
        assert "audit.provider" in rig.checkpointer.problem
        assert rig.checkpointer.figures().truncation == "not detectable"
        await rig.append()


async def test_a_wall_clock_that_jumps_back_changes_nothing(rig: Rig) -> None:
    await rig.append()
    first = await rig.checkpointer.make()
    rig.clock.ahead = timedelta(days=-400)
    await rig.append()
    second = await rig.checkpointer.make()
    assert second.size == first.size + 1
    rig.clock.ahead = timedelta(days=-800)
    assert rig.checkpointer.figures().others == []


async def test_cosignatures_stand_in_the_published_checkpoint_and_in_the_state(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]
) -> None:
    async with (
        standing_in(StandIn()) as witness,
        rigged(location, tmp_path, providers, witnesses=witnesses_of(witness)) as rig,
    ):
        await rig.append()
        made = await rig.checkpointer.make()
        line = f"\u2014 {witness.name} ".encode()
        assert rig.log.published is not None
        assert line in rig.log.published.note
        assert line in (await rig.state.all())["worker-0"].note
        assert line not in made.note
        assert rig.checkpointer.figures().truncation == "detectable by state database, 1 of 1 witnesses"


@pytest.mark.parametrize("required", [False, True])
async def test_a_black_hole_holds_up_only_who_wants_the_quorum(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded], required: bool
) -> None:
    async with standing_in(StandIn(mode="hang")) as witness:
        asked = witnesses_of(witness, seconds=0.3, required=required)
        async with rigged(location, tmp_path, providers, witnesses=asked) as rig:
            rig.start()
            await rig.append()
            async with asyncio.timeout(SECONDS):
                if required:
                    with refused(Reason.CHECKPOINT_UNAVAILABLE, "0 of 1 witnesses"):
                        await rig.checkpointer.covering(1)
                else:
                    assert (await rig.checkpointer.covering(1)).size >= 1
            await rig.append()
            await until(lambda: bool(rig.checkpointer.warnings()))
            assert "time limit" in rig.checkpointer.warnings()[0]


async def test_where_a_quorum_is_required_the_proof_has_it(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]
) -> None:
    async with standing_in(StandIn()) as one, standing_in(StandIn("witness.example/w2")) as two:
        asked = witnesses_of(one, two, quorum=2, required=True)
        async with rigged(location, tmp_path, providers, witnesses=asked) as rig:
            rig.start()
            await rig.append()
            async with asyncio.timeout(SECONDS):
                found = await rig.checkpointer.covering(1)
            assert found.note.count("\u2014 witness.example/".encode()) == 2


async def test_a_witness_that_saw_more_ends_the_shard(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]
) -> None:
    async with (
        standing_in(StandIn(size=1000)) as witness,
        rigged(location, tmp_path, providers, witnesses=witnesses_of(witness)) as rig,
    ):
        rig.start()
        await rig.append()
        async with asyncio.timeout(SECONDS):
            await rig.checkpointer.superseded.wait()
        assert [one.ended for one in await rig.shards.all()] == [True]
        published = rig.log.published
        await rig.append()
        await asyncio.sleep(0.2)
        assert rig.log.published == published
        assert "has cosigned 1000 records" in rig.checkpointer.warnings()[0]


async def test_the_mirror_follows(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded]
) -> None:
    (tmp_path / "mirror").mkdir()
    audit = tmp_path / "audit-host-worker-0-first" / "worker-0"
    mirror = Mirror(DirectoryTarget(tmp_path / "mirror", "copy"), audit, 5.0)
    async with rigged(location, tmp_path, providers, mirror=mirror) as rig:
        rig.start()
        await rig.append(600)
        await until(lambda: mirror.size == rig.log.sequence)
        published = rig.log.published
        assert published is not None
        assert (tmp_path / "mirror/copy/checkpoint").read_bytes() == published.note
        for name in ("tile/0/000", "tile/0/001", "tile/entries/001"):
            assert (tmp_path / "mirror/copy" / name).read_bytes() == (audit / name).read_bytes()
        assert rig.checkpointer.figures().truncation == "detectable by state database, mirror"
        assert rig.checkpointer.anchors.lag == 0


async def test_a_mirror_that_is_away_is_told_and_catches_up(
    location: SqliteLocation, tmp_path: Path, providers: dict[str, Guarded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signerd.engine.anchors.MIRROR_PAUSE", 0.05)
    audit = tmp_path / "audit-host-worker-0-first" / "worker-0"
    mirror = Mirror(DirectoryTarget(tmp_path / "mirror", "copy"), audit, 5.0)
    async with rigged(location, tmp_path, providers, mirror=mirror) as rig:
        rig.start()
        await rig.append(3)
        await until(lambda: any("mount it" in warning for warning in rig.checkpointer.warnings()))
        assert rig.checkpointer.anchors.lag >= 3
        (tmp_path / "mirror").mkdir()
        await until(lambda: rig.checkpointer.anchors.lag == 0 and not rig.checkpointer.warnings())


async def test_the_end_makes_a_last_checkpoint(rig: Rig) -> None:
    await rig.append(3)
    await rig.checkpointer.finish()
    assert rig.log.published is not None
    assert rig.log.published.size == rig.log.sequence
