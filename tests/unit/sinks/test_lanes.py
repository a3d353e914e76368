"""What blocks in a sink blocks its thread alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from signerd.sinks.base import Entry, Unaccepted
from signerd.sinks.lanes import Threaded
from tests.unit.sinks.samples import entry, until


class Stuck:
    """A blocking sender that hangs until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls: list[str] = []

    def send(self, entries: Sequence[Entry], deadline: float) -> None:
        self.calls.append(f"send {entries[0].sequence}")
        self.go.wait(10)
        if entries[0].sequence == 13:
            raise OSError("unlucky")

    def reopen(self) -> None:
        self.calls.append("reopen")

    def close(self) -> None:
        self.calls.append("close")


async def test_the_loop_goes_on_while_a_sender_hangs() -> None:
    stuck = Stuck()
    sender = Threaded("siem", stuck, 0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await sender.send([entry(1)])
    with pytest.raises(Unaccepted, match="still hangs"):
        await sender.send([entry(2)])
    stuck.go.set()
    await until(lambda: not sender._lane._busy)
    await sender.send([entry(3)])
    assert stuck.calls == ["send 1", "send 3"]
    await sender.close()
    assert stuck.calls[-1] == "close"


async def test_errors_come_back_and_a_rotation_is_seen_to_first() -> None:
    stuck = Stuck()
    stuck.go.set()
    sender = Threaded("siem", stuck, 5)
    with pytest.raises(OSError, match="unlucky"):
        await sender.send([entry(13)])
    sender.reopen()
    await sender.send([entry(1)])
    assert stuck.calls == ["send 13", "reopen", "send 1"]
    await sender.close()


async def test_a_sender_that_hangs_does_not_hold_up_the_end() -> None:
    stuck = Stuck()
    sender = Threaded("siem", stuck, 0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await sender.send([entry(1)])
    async with asyncio.timeout(5):
        await sender.close()
    stuck.go.set()
    await asyncio.to_thread(sender._lane.join, 10)
    assert not sender._lane.is_alive()
