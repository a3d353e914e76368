from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.config_file import embedded
from signerd.control import METRICS, READY, WORKERS, Answers, Channel, ChannelBroken, serve_control
from signerd.errors import Reason, SignerdError
from signerd.exits import code_of, explain, guarded
from signerd.handover import Handover, decode
from signerd.supervisor import pause


@asynccontextmanager
async def connected(
    metrics: bytes = b"m 1\n", ready: str = "", share: Callable[[int], None] = lambda workers: None
) -> AsyncIterator[tuple[Channel, asyncio.Task[None]]]:
    ours, theirs = socket.socketpair()
    serving = asyncio.create_task(
        serve_control(theirs.detach(), Answers(lambda: metrics, lambda: ready, share))
    )
    channel = Channel(ours)
    yield channel, serving
    await channel.close()
    await serving


@pytest.mark.parametrize("metrics", [b"", b"m 1\n", b"\n\n5\n", b"x" * 3_000_000])
async def test_a_worker_answers(metrics: bytes) -> None:
    async with connected(metrics, "audit: no disk\nat all") as (channel, _):
        assert await channel.ask(METRICS) == metrics
        assert await channel.ask(READY) == b"audit: no disk\nat all"


async def test_a_worker_learns_how_many_live() -> None:
    told: list[int] = []
    async with connected(share=told.append) as (channel, _):
        assert await channel.ask(WORKERS + b"3") == b""
        assert await channel.ask(WORKERS + b"12") == b""
        assert await channel.ask(METRICS) == b"m 1\n"
    assert told == [3, 12]


async def test_questions_at_the_same_time_get_their_own_answers() -> None:
    async with connected(b"metrics", "reason") as (channel, _):
        answers = await asyncio.gather(*(channel.ask(q) for q in (METRICS, READY, METRICS, READY)))
    assert answers == [b"metrics", b"reason", b"metrics", b"reason"]


async def test_first_questions_at_the_same_time_open_one_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = 0
    real = asyncio.open_connection

    async def counted(**options: Any) -> Any:
        nonlocal opened
        opened += 1
        return await real(**options)

    async with connected() as (channel, _):
        await asyncio.sleep(0.05)  # the worker's end is open
        monkeypatch.setattr(asyncio, "open_connection", counted)
        await asyncio.gather(*(channel.ask(READY) for _ in range(3)))
    assert opened == 1


async def test_a_worker_learns_that_its_parent_is_gone() -> None:
    async with connected() as (channel, serving):
        await channel.ask(READY)
        await channel.close()
        async with asyncio.timeout(10):
            await serving


async def test_a_worker_that_is_gone() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with pytest.raises(ChannelBroken):
        await Channel(ours).ask(READY)


async def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    for _ in range(3):
        with pytest.raises(ChannelBroken, match="in time"):
            await channel.ask(METRICS, 0.02)
    # The worker starts to answer only now, the three that were given up first.
    serving = asyncio.create_task(
        serve_control(theirs.detach(), Answers(lambda: b"late", lambda: "now", print))
    )
    assert await channel.ask(READY, 10) == b"now"
    await channel.close()
    await serving


@pytest.mark.parametrize(
    "answer", [b"abc\n", b"1 99999999999\n", b"1 -1\n", b"1\n", b"1 5\nab", b"x" * 100_000]
)
async def test_answers_that_make_no_sense(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        channel = Channel(ours)
        with pytest.raises(ChannelBroken):
            await channel.ask(READY)
        await channel.close()


@given(st.dictionaries(st.text(min_size=1), st.binary()), st.dictionaries(st.text(min_size=1), st.text()))
def test_a_handover_arrives_as_it_was_sent(passwords: dict[str, bytes], environment: dict[str, str]) -> None:
    sent = Handover(embedded({"SIGNERD_HOME": "/h"}), Path("/c.yaml"), 3, 7, passwords, environment)
    assert decode(sent.encode()) == sent


def test_a_handover_shows_no_secrets() -> None:
    sent = Handover(embedded({"SIGNERD_HOME": "/h"}), None, 0, 7, {"P": b"hunter2"}, {"TOKEN": "hunter2"})
    assert "hunter2" not in repr(sent)
    assert decode(sent.encode()).source is None


@given(st.integers(0, 10_000))
def test_a_crashing_worker_is_started_ever_more_slowly(failures: int) -> None:
    assert 0.25 <= pause(failures) <= pause(failures + 1) <= 30.0


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.CONFIG_INVALID, 2),
        (Reason.PERMISSIONS_TOO_OPEN, 3),
        (Reason.HOME_IN_USE, 3),
        (Reason.STATE_UNAVAILABLE, 4),
        (Reason.AUDIT_CORRUPT, 4),
    ],
)
def test_exit_codes(reason: Reason, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise SignerdError(reason, "it broke")

    assert code_of(SignerdError(reason)) == code == guarded(fail)
    shown = capsys.readouterr().err
    assert shown == f"signerd: it broke. {reason.value.remedy}\n"
    assert explain(SignerdError(reason, reason.value.remedy)) == reason.value.remedy


def test_errors_of_the_system_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: int(Path("/nowhere/at/all").read_text())) == 4
    assert capsys.readouterr().err == "signerd: can't start: /nowhere/at/all No such file or directory\n"
    assert guarded(lambda: 7) == 7
