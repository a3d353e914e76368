"""A required sink that fails in any way stops signing within its time limit, is named, and starts it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from signerd.client import Reason, SignerdError
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import SHARD, Daemon, until_async
from tests.integration.process.load import under_load
from tests.integration.process.records import recorded, stored
from tests.integration.sinks.collector import Collector, collecting

KEY = "team-a/release"
LIMIT = 1.0
Change = Callable[[Collector], Awaitable[None]]


def configured(collector: Collector, **settings: object) -> str:
    given = {"name": "siem", "type": "http", "url": collector.url, "timeout": f"{LIMIT}s", **settings}
    shown = ", ".join(
        f"{name}: {str(value).lower() if value is True else value}" for name, value in given.items()
    )
    return f"audit:\n  sinks: [{{{shown}}}]\n"


async def hang(collector: Collector) -> None:
    collector.hung = True


async def let_go(collector: Collector) -> None:
    collector.release()


async def refuse(collector: Collector) -> None:
    collector.status = 500


async def accept(collector: Collector) -> None:
    collector.status = 204


async def stop(collector: Collector) -> None:
    await collector.stop()


async def start(collector: Collector) -> None:
    await collector.start()


FAULTS: dict[str, tuple[Change, Change]] = {
    "black hole": (hang, let_go),
    "status 500": (refuse, accept),
    "gone": (stop, start),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_nothing_is_signed_that_the_sink_does_not_have(new_daemon: NewDaemon, name: str) -> None:
    begin, mend = FAULTS[name]
    async with collecting() as collector:
        daemon = await asyncio.to_thread(new_daemon(configured(collector, required=True)).start)
        await asyncio.to_thread(create_key, daemon)
        async with under_load(daemon, KEY) as load:
            await load.reached(100)
            await begin(collector)
            began = time.monotonic()
            await until_async(lambda: len(load.refused) >= 20)
            assert time.monotonic() - began < 20 * LIMIT
            told = len(load.told)
            await asyncio.to_thread(check_stopped, daemon)
            assert len(load.told) == told
            await mend(collector)
            await load.reached(told + 50)
        assert set(load.reasons) == {"AUDIT_UNAVAILABLE"}
        assert "sink siem, which is required" in load.refused[-1].message
        signed = {one.sequence for one in load.told}
        assert signed <= collector.sequences
        assert await asyncio.to_thread(daemon.stop) == 0
        records = stored(daemon.home / "audit" / SHARD)
        assert set(load.told) <= {recorded(record) for record in records}
        assert collector.sequences == {record.sequence for record in records}


def create_key(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key(KEY)


def check_stopped(daemon: Daemon) -> None:
    """Signing is refused at once, and an operator sees why."""
    with daemon.client() as client:
        with pytest.raises(SignerdError) as caught:
            client.sign(KEY, message=b"x")
        status = client.status()
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    assert not status.serving
    assert "sink siem" in status.audit.detail
    (sink,) = status.audit.sinks
    assert (sink.name, sink.type, sink.required) == ("siem", "http", True)
    assert sink.detail
    assert sink.lag > 0
    shown = daemon.ctl("status")
    assert shown.returncode == 4
    assert "NOT OK, http, required" in shown.stdout


async def test_the_daemon_starts_without_its_sink_and_signs_when_it_is_there(new_daemon: NewDaemon) -> None:
    async with collecting() as collector:
        await collector.stop()
        daemon = await asyncio.to_thread(new_daemon(configured(collector, required=True)).start, wait=False)
        await until_async(lambda: daemon.health() == "NOT_SERVING")
        await collector.start()
        await until_async(lambda: daemon.health() == "SERVING")
        await asyncio.to_thread(create_key, daemon)
        assert await asyncio.to_thread(daemon.stop) == 0
        records = stored(daemon.home / "audit" / SHARD)
        assert "start" in {record.operation for record in records}
        assert collector.sequences == {record.sequence for record in records}


async def test_an_optional_sink_that_hangs_stops_nothing(new_daemon: NewDaemon) -> None:
    async with collecting() as collector:
        collector.hung = True
        daemon = await asyncio.to_thread(new_daemon(configured(collector)).start)
        await asyncio.to_thread(create_key, daemon)
        async with under_load(daemon, KEY) as load:
            await load.reached(1000)
        assert load.refused == []
        assert collector.records == []
        collector.release()
        await until_async(lambda: len(load.told) <= len(collector.sequences))
        assert await asyncio.to_thread(daemon.stop) == 0
        records = stored(daemon.home / "audit" / SHARD)
        assert collector.sequences == {record.sequence for record in records}
