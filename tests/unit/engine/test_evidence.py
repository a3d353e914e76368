"""Heads, records and proofs of a period hold under the auditor's eyes; a seal is on record and proven."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.records import Record, decode
from signerd.auditor.checkpoints import parse_checkpoint
from signerd.auditor.consistency import is_consistent
from signerd.auditor.inclusion import verify_inclusion
from signerd.auditor.proofs import root_of
from signerd.auditor.vkeys import parse_log_keys
from signerd.config import Listener
from signerd.core.merkle import leaf_hash
from signerd.engine.evidence import EvidenceReader
from signerd.engine.grants import grants_of
from signerd.engine.log_key import LOG_KEY, vkey
from signerd.engine.periods import Period
from signerd.engine.requests import ReadCall
from signerd.errors import Reason
from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from tests.support.checkpoints import Rig, fresh_database, rigged, witnesses_of
from tests.support.servers.witness import StandIn, standing_in
from tests.support.tlogs import TestLog, records
from tests.unit.audit.samples import Several
from tests.unit.engine.parts import ANN
from tests.unit.state.contract import refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SHARD = "worker-0"
DIGEST = f"sha256:{64 * 'a'}"
PERIOD = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """300 records from three days ago, 400 from two, 20 from one; the checkpointer runs."""
    providers = {"here": Guarded("here", "memory", MemoryProvider())}
    async with rigged(fresh_database(tmp_path), tmp_path, providers) as rig:
        for days, count in ((3, 300), (2, 400), (1, 20)):
            moment = int((NOW - days * DAY).timestamp() * 1e9)
            monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
            made = [Record(operation="sign", outcome="ok") for _ in range(count)]
            await rig.log.append(Several(made), count).durable
        rig.start()
        yield rig


@pytest.fixture
def reader(rig: Rig) -> EvidenceReader:
    return reader_of(rig)


def reader_of(rig: Rig, quorum: int = 0, patience: float = 5.0) -> EvidenceReader:
    recorder, covering = rig.life.creator.recorder, rig.checkpointer.covering
    return EvidenceReader(
        rig.life.audit, rig.log, recorder, rig.state, covering, [], lambda: NOW, quorum, patience
    )


def period_of(found: list[Period], shard: str = SHARD) -> Period:
    return next(one for one in found if one.shard == shard)


async def heads(reader: EvidenceReader, since: timedelta, until: timedelta) -> list[Period]:
    return await reader.heads(ANN, ReadCall(), NOW - since, NOW - until)


@pytest.mark.parametrize(
    ("since", "until", "sizes"),
    [
        (timedelta(days=2, hours=1), timedelta(days=1, hours=1), (300, 700)),
        (timedelta(days=9), timedelta(days=2), (0, 300)),
        (timedelta(days=9), timedelta(days=5), (0, 0)),
    ],
)
async def test_heads_of_a_period_lead_to_the_checkpoint(
    reader: EvidenceReader, since: timedelta, until: timedelta, sizes: tuple[int, int]
) -> None:
    found = period_of(await heads(reader, since, until))
    newest = parse_checkpoint(found.checkpoint).head

    assert found.begin is not None
    assert found.end is not None
    assert (found.begin.size, found.end.size) == sizes
    for head in (found.begin, found.end):
        assert is_consistent(head.size, head.root, newest.size, newest.root, head.consistency)


async def test_records_and_their_proofs_lead_to_it_too(rig: Rig, reader: EvidenceReader) -> None:
    found = period_of(await heads(reader, 9 * DAY, timedelta(0)))
    newest, sequences = parse_checkpoint(found.checkpoint).head, [1, 256, 257, 700]
    proofs = await reader.inclusions(ANN, ReadCall(), SHARD, newest.size, sequences)

    for sequence, hashes in zip(sequences, proofs, strict=True):
        (entry,) = await reader.entries(ANN, ReadCall(), SHARD, sequence, sequence)
        assert decode(entry).sequence == sequence
        assert root_of(leaf_hash(entry), sequence - 1, newest.size, hashes) == newest.root


async def test_a_long_range_comes_in_parts(reader: EvidenceReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signerd.engine.periods.MOST", 300)
    found = await reader.entries(ANN, ReadCall(), SHARD, 5, 700)
    assert [decode(one).sequence for one in found] == list(range(5, 305))


async def test_shards_of_others_are_read_as_far_as_their_checkpoint_goes(
    rig: Rig, reader: EvidenceReader
) -> None:
    other = TestLog(
        records(300, shard="worker-1"), tail=records(310, shard="worker-1")[300:], shard="worker-1"
    )
    other.origin = f"{reader.instance}/worker-1"
    other.write(rig.life.audit / "worker-1")
    found = period_of(await heads(reader, 40 * DAY, timedelta(hours=1)), "worker-1")

    assert found.end is not None
    assert (found.end.size, found.unproven) == (300, 10)


async def test_shards_without_records_here_are_named(rig: Rig, reader: EvidenceReader) -> None:
    await rig.state.keep("worker-9", 5, bytes(32), b"note")
    (rig.life.audit / "worker-2").mkdir()
    found = await heads(reader, 9 * DAY, DAY)

    assert period_of(found, "worker-9").problem == "its records are on another machine"
    assert period_of(found, "worker-2").problem == "no checkpoint covers its records"


@pytest.mark.parametrize(("since", "until", "said"), [(DAY, DAY, "after"), (DAY, -DAY, "future")])
async def test_a_period_has_a_length_and_is_over(
    reader: EvidenceReader, since: timedelta, until: timedelta, said: str
) -> None:
    with refused(Reason.REQUEST_MALFORMED, said):
        await heads(reader, since, until)


@pytest.mark.parametrize(
    ("shard", "first", "last"),
    [("x", 1, 1), ("../worker-0", 1, 1), (SHARD, 0, 1), (SHARD, 5, 4), (SHARD, 1, 10**9)],
)
async def test_records_that_are_not_there(reader: EvidenceReader, shard: str, first: int, last: int) -> None:
    with refused(Reason.AUDIT_RECORD_NOT_FOUND, "has no records"):
        await reader.entries(ANN, ReadCall(), shard, first, last)
    with refused(Reason.AUDIT_RECORD_NOT_FOUND, "has no records"):
        await reader.inclusions(ANN, ReadCall(), shard, last, [first])


@pytest.mark.parametrize("count", [0, 1001])
async def test_so_many_proofs_are_not_made(reader: EvidenceReader, count: int) -> None:
    with refused(Reason.REQUEST_MALFORMED, "1 to 1000"):
        await reader.inclusions(ANN, ReadCall(), SHARD, 700, [1] * count)


async def test_a_seal_is_on_record_and_proven(rig: Rig, reader: EvidenceReader) -> None:
    seal = await reader.seal(ANN, ReadCall(request_id="r" * 32), DIGEST, *PERIOD)
    record = decode(seal.entry)
    keys = "".join(f"{vkey(rig.log.origin, one)}\n" for one in rig.life.keys[LOG_KEY].versions)

    assert (record.operation, record.digest, record.caller) == ("evidence", DIGEST, ANN.subject)
    assert record.detail == "evidence from 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z"
    included = verify_inclusion(seal.proof.encode(), seal.entry, parse_log_keys(keys.encode()), None)
    assert included.position == f"{SHARD}/{seal.sequence}"


@pytest.mark.parametrize(("mode", "cosigned"), [("sign", True), ("403", False)])
async def test_cosignatures_are_waited_for_a_while(tmp_path: Path, mode: str, cosigned: bool) -> None:
    providers = {"here": Guarded("here", "memory", MemoryProvider())}
    async with (
        standing_in(StandIn(mode=mode)) as witness,
        rigged(fresh_database(tmp_path), tmp_path, providers, witnesses=witnesses_of(witness)) as rig,
    ):
        rig.start()
        seal = await reader_of(rig, quorum=1, patience=1.0).seal(ANN, ReadCall(), DIGEST, *PERIOD)
    assert (f"\u2014 {witness.name} " in seal.proof) == cosigned


@pytest.mark.parametrize(
    ("digest", "since"),
    [("sha256:x", PERIOD[0]), (DIGEST.upper(), PERIOD[0]), (DIGEST, "yesterday"), ("", "")],
)
async def test_only_digests_and_times_are_sealed(
    rig: Rig, reader: EvidenceReader, digest: str, since: str
) -> None:
    with refused(Reason.REQUEST_MALFORMED):
        await reader.seal(ANN, ReadCall(), digest, since, PERIOD[1])
    assert rig.records("evidence") == []


async def test_what_can_t_be_covered_is_not_waited_for_for_ever(reader: EvidenceReader) -> None:
    async def never(size: int) -> Checkpoint:
        await asyncio.sleep(60)
        raise AssertionError(size)

    stuck = replace(reader, covering=never, patience=0.05)
    with refused(Reason.CHECKPOINT_UNAVAILABLE):
        await heads(stuck, 9 * DAY, DAY)


async def test_reading_is_on_record(rig: Rig, reader: EvidenceReader) -> None:
    await heads(reader, 9 * DAY, DAY)
    await reader.granted(ANN, ReadCall())
    assert [rig.records(name)[-1].caller for name in ("get-heads", "list-grants")] == [ANN.subject] * 2


def test_a_listener_grants_what_its_role_allows() -> None:
    tls = {"cert": "/c", "key": "/k", "client_ca": "/ca"}
    found = grants_of(
        [
            Listener.model_validate({"name": "net", "tcp": "127.0.0.1:1", "tls": tls}),
            Listener.model_validate({"name": "audit", "unix": "/run/a.sock", "role": "auditor"}),
            Listener.model_validate({"name": "open", "tcp": "127.0.0.1:2", "insecure_plaintext": True}),
        ]
    )

    assert [(one.listener, one.subject, one.proof) for one in found] == [
        ("audit", "unix:audit", "unix-socket"),
        ("net", "spiffe://*", "mtls"),
        ("net", "x509:*", "mtls"),
        ("open", "insecure:open", "none"),
    ]
    assert [one.operations == ("*",) for one in found] == [False, True, True, True]
    assert found[0].keys == ()
    assert not any(name.startswith(("Signer/", "Admin/Prune")) for name in found[0].operations)
