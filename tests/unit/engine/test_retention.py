"""Old records go, with what is left still verifying; nothing goes that somebody must have first."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signerd.audit.proofs import tlog_proof
from signerd.audit.reading import get_record
from signerd.audit.records import Record
from signerd.audit.tiles import minimum_index
from signerd.auditor.directories import shards_in, verify_directory
from signerd.auditor.inclusion import verify_inclusion
from signerd.auditor.shards import Given, ShardReport
from signerd.auditor.vkeys import VerifierKey, parse_log_keys
from signerd.engine.log_key import LOG_KEY, vkey
from signerd.engine.requests import ReadCall
from signerd.engine.retention import ELSEWHERE, Plan, Retention, holders, limited
from signerd.errors import Reason, SignerdError
from signerd.mirrors.mirror import Mirror
from signerd.mirrors.targets import DirectoryTarget
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.sinks.fanout import SinkFigures
from tests.support.checkpoints import Rig, fresh_database, rigged
from tests.support.daemons import until
from tests.support.tlogs import TestLog, records
from tests.unit.audit.samples import Several
from tests.unit.engine.parts import ANN
from tests.unit.state.contract import refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    providers = {"here": Guarded("here", "memory", MemoryProvider())}
    async with rigged(fresh_database(tmp_path), tmp_path, providers) as rig:
        yield rig


def clock_at(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """From now on records are of so many days ago."""
    moment = int((NOW - timedelta(days=days)).timestamp() * 1e9)
    monkeypatch.setattr(time, "time_ns", lambda: moment)


async def fill(rig: Rig, count: int) -> None:
    made = [Record(operation="sign", outcome="ok") for _ in range(count)]
    await rig.log.append(Several(made), count).durable


async def grown(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Retention:
    """700 records from a hundred days ago and 300 from yesterday, and a checkpoint over them."""
    clock_at(monkeypatch, 100)
    await fill(rig, 700)
    clock_at(monkeypatch, 1)
    await fill(rig, 300)
    await rig.checkpointer.make()
    return retention(rig)


def retention(rig: Rig, age: timedelta | None = MONTH) -> Retention:
    recorder = rig.life.creator.recorder
    return Retention(
        rig.life.audit, rig.log, recorder, lambda: holders(rig.checkpointer, ()), lambda: NOW, age
    )


def keys(rig: Rig) -> tuple[VerifierKey, ...]:
    versions = rig.life.keys[LOG_KEY].versions
    return parse_log_keys("".join(f"{vkey(rig.log.origin, one)}\n" for one in versions).encode())


def verified(rig: Rig) -> ShardReport:
    (report,) = verify_directory(shards_in(rig.life.audit), Given(keys(rig)))
    return report


async def test_whole_bundles_of_old_records_go_and_the_rest_verifies(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await (await grown(rig, monkeypatch)).prune(NOW - MONTH)
    await rig.checkpointer.make()

    assert done == Plan(rig.log.shard, 0, 512)
    report = verified(rig)
    assert (report.problem, report.first, report.unproven) == ("", 513, 0)
    (record,) = rig.records("audit-pruned")
    assert record.detail.startswith("minimum index 512, root ")


async def test_what_is_left_can_be_proven(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await grown(rig, monkeypatch)).prune(NOW - MONTH)
    made, shard = await rig.checkpointer.make(), rig.life.audit / rig.log.shard

    for sequence in (513, 800, made.size):
        entry = get_record(rig.life.audit, rig.log.shard, sequence, rig.log.end)
        proof = tlog_proof(shard, sequence - 1, made, rig.log.end).encode()
        assert verify_inclusion(proof, entry, keys(rig), None).position == f"{rig.log.shard}/{sequence}"
    assert {path.name for path in (shard / "tile" / "entries").iterdir()} >= {"002", "003.p"}
    assert not (shard / "tile" / "entries" / "001").exists()


async def test_a_second_time_there_is_nothing_to_do(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await grown(rig, monkeypatch)
    await kept.prune(NOW - MONTH)

    assert await kept.prune(NOW - MONTH) == Plan(rig.log.shard, 512, 512)
    assert len(rig.records("audit-pruned")) == 1


async def test_records_without_a_checkpoint_stay(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_at(monkeypatch, 100)
    await fill(rig, 300)
    await rig.checkpointer.make()
    await fill(rig, 400)
    await until((rig.life.audit / rig.log.shard / "tile" / "entries" / "001").exists)
    plan = await retention(rig).prune(NOW - MONTH)

    assert plan.minimum == 256
    assert "has only the first 30" in plan.problem


async def test_records_that_the_mirror_has_not_got_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers = {"here": Guarded("here", "memory", MemoryProvider())}
    audit = tmp_path / "audit" / "worker-0"
    mirror = Mirror(DirectoryTarget(tmp_path / "mirror", "x/worker-0"), audit, 5.0)
    async with rigged(fresh_database(tmp_path), tmp_path, providers, mirror=mirror) as rig:
        kept = await grown(rig, monkeypatch)
        plan = await kept.prune(NOW - MONTH)
        assert (plan.minimum, plan.problem) == (0, "the mirror has only the first 0 records")

        mirror.start_from(600)
        assert (await kept.prune(NOW - MONTH)).minimum == 512


@pytest.mark.parametrize(
    ("held", "plan"),
    [
        ({}, Plan("s", 256, 1024)),
        ({"a": 5000}, Plan("s", 256, 1024)),
        ({"a": 5000, "b": 1023}, Plan("s", 256, 768, "b has only the first 1023 records")),
        ({"a": 100}, Plan("s", 256, 256, "a has only the first 100 records")),
    ],
)
def test_the_one_who_has_least_decides(held: Mapping[str, int], plan: Plan) -> None:
    assert limited(Plan("s", 256, 1024), held) == plan


async def test_required_sinks_must_have_records_and_optional_ones_need_not(rig: Rig) -> None:
    sinks = [SinkFigures(name, "file", name == "a", "", 3, 0, 3, 0, 0) for name in ("a", "b")]
    found = holders(rig.checkpointer, sinks)

    assert found["sink a"] == 3
    assert "sink b" not in found
    assert found["the checkpoint in the state database"] == 0


async def test_a_plan_changes_nothing_and_is_on_record(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await grown(rig, monkeypatch)
    TestLog(records(5), shard="worker-7").write(rig.life.audit / "worker-7")
    plans, sequence = await kept.asked(ANN, ReadCall(request_id="r" * 32), NOW - MONTH, plan_only=True)

    assert plans == [Plan(rig.log.shard, 0, 512), Plan("worker-7", 0, 0, ELSEWHERE)]
    assert minimum_index(rig.life.audit / rig.log.shard) == 0
    (record,) = rig.records("prune-records")
    assert (record.sequence, record.outcome, record.caller) == (sequence, "ok", ANN.subject)


async def test_records_younger_than_a_day_are_not_asked_for(rig: Rig) -> None:
    with refused(Reason.REQUEST_MALFORMED, "a day"):
        await retention(rig).asked(ANN, ReadCall(), NOW - timedelta(hours=23), plan_only=False)
    assert rig.records("prune-records")[0].outcome == "refused"


async def test_the_job_prunes_by_age_and_outlives_failures(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await grown(rig, monkeypatch)
    turns: list[float] = []

    async def sleep(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt

    def held() -> Mapping[str, int]:
        if len(turns) == 1:
            raise SignerdError(Reason.AUDIT_UNAVAILABLE)
        return holders(rig.checkpointer, ())

    kept.sleep, kept.held = sleep, held
    with pytest.raises(KeyboardInterrupt):
        await kept.run()
    assert minimum_index(rig.life.audit / rig.log.shard) == 512
    assert turns[1:] == [300.0, 300.0]


async def test_without_an_age_nothing_goes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await grown(rig, monkeypatch)
    await retention(rig, None).run()
    assert minimum_index(rig.life.audit / rig.log.shard) == 0
