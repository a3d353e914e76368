"""Witnesses that answer, hang, lie, or know more than we do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from signerd.witnesses.cosignatures import parse_vkey
from signerd.witnesses.faults import Fault
from signerd.witnesses.quorum import FIRST_PAUSE, Witnesses
from signerd.witnesses.witness import Address, Submission, Witness, refusal, request_body
from tests.support.servers.witness import StandIn, standing_in

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
PROOF = [b"p" * 32]


def submission(size: int) -> Submission:
    body = f"0123/worker-0\n{size}\n{ROOT}\n".encode()
    return Submission(size, body, body + b"\n\xe2\x80\x94 0123/worker-0 c2lnbmF0dXJl\n")


class Proofs:
    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    async def __call__(self, old: int, size: int) -> Sequence[bytes]:
        self.asked.append((old, size))
        return PROOF


class Scene:
    def __init__(self, *stand_ins: StandIn, quorum: int = 1, seconds: float = 5.0) -> None:
        self.now = 0.0
        self.counted: list[tuple[str, str]] = []
        self.prove = Proofs()
        self.members = [Witness(Address(parse_vkey(one.vkey), one.url + "/")) for one in stand_ins]
        self.witnesses = Witnesses(
            self.members,
            quorum,
            seconds,
            count=lambda name, result: self.counted.append((name, result)),
            clock=lambda: self.now,
        )

    async def ask(self, size: int) -> tuple[list[str], dict[str, Fault]]:
        done = await self.witnesses.cosign(submission(size), self.prove)
        return [one.name for one in done.cosignatures], {n: f.fault for n, f in done.faults.items()}


@pytest.fixture
async def one() -> AsyncIterator[StandIn]:
    async with standing_in(StandIn()) as witness:
        yield witness


@pytest.fixture
async def two() -> AsyncIterator[StandIn]:
    async with standing_in(StandIn("witness.example/w2")) as witness:
        yield witness


async def test_a_witness_is_asked_with_a_proof_from_what_it_knows(one: StandIn) -> None:
    scene = Scene(one)
    assert await scene.ask(3) == ([one.name], {})
    assert await scene.ask(5) == ([one.name], {})
    assert await scene.ask(5) == ([one.name], {})
    await scene.witnesses.close()
    assert scene.prove.asked == [(3, 5)]
    proof = b"cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA=\n"
    sent = [b"old 0\n\n", b"old 3\n" + proof + b"\n", b"old 5\n\n"]
    assert [asked.startswith(begin) for asked, begin in zip(one.requests, sent, strict=True)] == [True] * 3
    assert scene.counted == [(one.name, "ok")] * 3


async def test_a_witness_that_knows_another_size_is_asked_again_from_there(one: StandIn) -> None:
    one.sizes["0123/worker-0"] = 2
    scene = Scene(one)
    assert await scene.ask(3) == ([one.name], {})
    await scene.witnesses.close()
    assert scene.prove.asked == [(2, 3)]
    assert len(one.requests) == 2


async def test_a_witness_that_forgot_everything_is_asked_from_nothing(one: StandIn) -> None:
    scene = Scene(one)
    await scene.ask(3)
    one.sizes.clear()
    assert await scene.ask(5) == ([one.name], {})
    await scene.witnesses.close()


async def test_a_witness_that_knows_more_than_we_have_disowns_the_log(one: StandIn) -> None:
    one.size = 9
    scene = Scene(one)
    done = await scene.witnesses.cosign(submission(3), scene.prove)
    await scene.witnesses.close()
    assert done.cosignatures == []
    assert "has cosigned 9 records" in done.disowned(3)
    assert done.disowned(9) == ""
    assert len(one.requests) == 1


async def test_a_witness_that_changes_its_mind_is_asked_twice_at_most(one: StandIn) -> None:
    one.size = 2
    scene = Scene(one)
    await scene.ask(3)
    one.size = 1
    assert await scene.ask(4) == ([one.name], {})
    one.mode, one.size = "409", None
    scene.now += 1000
    assert (await scene.ask(5))[1] == {one.name: Fault.GARBAGE}
    await scene.witnesses.close()


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("403", Fault.UNKNOWN_KEY),
        ("404", Fault.UNKNOWN_LOG),
        ("422", Fault.INCONSISTENT),
        ("400", Fault.HTTP),
        ("500", Fault.HTTP),
        ("302", Fault.HTTP),
        ("204", Fault.HTTP),
        ("409", Fault.GARBAGE),
        ("garbage", Fault.GARBAGE),
        ("endless", Fault.GARBAGE),
        ("wrong-key", Fault.GARBAGE),
    ],
)
async def test_every_other_answer_is_no_cosignature(one: StandIn, mode: str, fault: Fault) -> None:
    one.mode = mode
    scene = Scene(one)
    assert await scene.ask(3) == ([], {one.name: fault})
    await scene.witnesses.close()
    assert scene.counted == [(one.name, fault.value)]
    assert scene.members[0].problem


async def test_a_black_hole_ends_at_the_time_limit(one: StandIn) -> None:
    one.mode = "hang"
    scene = Scene(one, seconds=0.05)
    assert await scene.ask(3) == ([], {one.name: Fault.TIMEOUT})
    await scene.witnesses.close()
    assert "time limit" in scene.members[0].problem


async def test_nobody_there_is_unreachable() -> None:
    scene = Scene(StandIn(url="http://127.0.0.1:9"))
    assert await scene.ask(3) == ([], {"witness.example/w1": Fault.UNREACHABLE})
    await scene.witnesses.close()


async def test_with_a_quorum_a_black_hole_costs_little_time(one: StandIn, two: StandIn) -> None:
    two.mode = "hang"
    scene = Scene(one, two, seconds=60.0)
    async with asyncio.timeout(20):
        assert await scene.ask(3) == ([one.name], {})
    await scene.witnesses.close()
    assert sorted(scene.counted) == [(one.name, "ok"), (two.name, "late")]


async def test_who_is_slower_than_the_first_is_heard_within_the_grace(one: StandIn, two: StandIn) -> None:
    two.mode = "slow"
    scene = Scene(one, two)
    assert await scene.ask(3) == ([one.name, two.name], {})
    await scene.witnesses.close()


async def test_one_that_fails_rests_longer_each_time(one: StandIn) -> None:
    one.mode = "500"
    scene = Scene(one)
    asked = []
    for now in (0.0, FIRST_PAUSE - 1, FIRST_PAUSE, 2 * FIRST_PAUSE, 3 * FIRST_PAUSE):
        scene.now = now
        before = len(one.requests)
        await scene.ask(3)
        asked.append(len(one.requests) - before)
    assert asked == [1, 0, 1, 0, 1]
    one.mode, scene.now = "sign", 1000.0
    assert await scene.ask(3) == ([one.name], {})
    assert await scene.ask(4) == ([one.name], {})
    await scene.witnesses.close()
    assert scene.members[0].problem == ""


@pytest.mark.parametrize(
    ("kind", "answer", "size"),
    [
        ("text/x.tlog.size", b"12\n", 12),
        ("text/x.tlog.size", b"0\n", 0),
        ("text/x.tlog.size", b"012\n", None),
        ("text/x.tlog.size", b"12", None),
        ("text/x.tlog.size", b"-1\n", None),
        ("text/x.tlog.size", b"12\n\n", None),
        ("text/x.tlog.size", b"9" * 20 + b"\n", None),
        ("text/plain", b"12\n", None),
    ],
)
def test_a_conflict_names_a_size_in_the_one_form(kind: str, answer: bytes, size: int | None) -> None:
    fault = refusal(409, kind, answer)
    assert fault.size == size
    assert fault.fault is (Fault.GARBAGE if size is None else Fault.CONFLICT)


def test_more_proof_than_the_protocol_takes_is_a_defect() -> None:
    with pytest.raises(ValueError, match="64 proof lines"):
        request_body(1, [bytes(32)] * 64, b"note")
