"""Checks on a schedule: when they are made, and what they tell."""

from __future__ import annotations

import asyncio

import pytest

from signerd.engine.checking import Checker
from signerd.engine.schedule import CheckSchedule
from signerd.providers.base import Change
from tests.unit.engine.checks import checker, disable, uri_of
from tests.unit.engine.parts import Engine

__all__ = ["checker"]


class Sleep:
    """Sleeps that take no time; the schedule ends after so many."""

    def __init__(self, naps: int) -> None:
        self.naps: list[float] = []
        self._most = naps

    async def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)
        if len(self.naps) >= self._most:
            raise asyncio.CancelledError


async def test_the_schedule_is_jittered_and_spread(engine: Engine, checker: Checker) -> None:
    for name in ("a", "b"):
        await engine.add_key(name, provider="far")
    sleep = Sleep(6)
    with pytest.raises(asyncio.CancelledError):
        await CheckSchedule(checker, 1000.0, sleep).run()
    first, *pauses = sleep.naps
    assert 50 <= first <= 150
    assert 900 <= pauses.pop(2) <= 1100
    assert pauses == [1.0] * 4
    operations = [(record.operation, record.caller) for record in engine.records()]
    assert operations[:3] == [("canary", "signerd"), ("canary", "signerd"), ("check-keys", "signerd")]


async def test_many_keys_take_half_the_interval(engine: Engine, checker: Checker) -> None:
    for number in range(10):
        await engine.add_key(f"k{number}")
    sleep = Sleep(11)
    await CheckSchedule(checker, 10.0, sleep).check_all()
    assert sleep.naps == [0.5] * 10


async def test_the_schedule_tells_once_and_goes_on(
    engine: Engine, checker: Checker, capsys: pytest.CaptureFixture[str]
) -> None:
    await engine.add_key("k", provider="far")
    await disable(engine)
    schedule = CheckSchedule(checker, 10.0, Sleep(100))
    await schedule.check_all()
    await schedule.check_all()
    assert capsys.readouterr().out.count("key check failed") == 1
    await engine.far.change(uri_of(engine, "k"), Change.ENABLE)
    await schedule.check_all()
    assert "passes again" in capsys.readouterr().out
    assert checker.failing == {}


async def test_without_its_log_the_schedule_waits(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k", provider="far")
    engine.log.healthy = False
    engine.far.most_waiting = 0
    sleep = Sleep(3)
    with pytest.raises(asyncio.CancelledError):
        await CheckSchedule(checker, 10.0, sleep).run()
    engine.log.healthy = True
    assert (len(sleep.naps), engine.far.most_waiting) == (3, 0)
