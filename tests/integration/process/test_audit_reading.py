"""The audit log of a daemon with two workers, read through either; and signerctl that follows and exports it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from signerd.auditor.inclusion import verify_inclusion
from signerd.auditor.vkeys import parse_log_keys
from signerd.client import AsyncClient, Backoff, Settings, parse_endpoint
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import BIN, Daemon, tell, until_async
from tests.support.daemons import free_port

CONFIG = "workers: 2\nlisteners: [{{name: net, tcp: '127.0.0.1:{port}', insecure_plaintext: true}}]\n"
PATIENT = Backoff(attempts=50)


@pytest.fixture
async def pair(new_daemon: NewDaemon) -> AsyncIterator[dict[str, AsyncClient]]:
    """A client for each of two workers, by the shard it writes."""
    port = free_port()
    daemon = new_daemon(CONFIG.format(port=port))
    daemon.start(wait=False)
    settings = Settings(endpoint=parse_endpoint(f"127.0.0.1:{port}"), insecure=True)
    async with AsyncExitStack() as stack:
        found: dict[str, AsyncClient] = {}
        first = await stack.enter_async_context(client_of(settings))
        made = await first.create_key("k", timeout=60)
        for _ in range(40):
            client = await stack.enter_async_context(client_of(settings))
            client.remember(made.revision)
            found.setdefault((await client.sign("k", message=b"x")).audit.shard, client)
            if len(found) == 2:
                break
        assert sorted(found) == ["worker-0", "worker-1"]
        yield found


def client_of(settings: Settings) -> AsyncClient:
    return AsyncClient(settings, pool=1, backoff=PATIENT, coalesce=False, timeout=30)


async def test_records_of_the_other_worker_are_read_while_they_are_written(
    pair: dict[str, AsyncClient],
) -> None:
    mine, theirs = pair["worker-0"], pair["worker-1"]
    seen: list[int] = []

    async def follow() -> None:
        async for message in mine.audit.tail(shard="worker-1", operation="sign"):
            seen.extend(one.position.sequence for one in message.records)

    following = asyncio.create_task(follow())
    await asyncio.sleep(1)
    signed = [(await theirs.sign("k", message=b"%d" % number)).audit for number in range(300)]
    found = await mine.audit.list_records(shard="worker-1", operation="sign", page_size=300)
    assert [one.position.sequence for one in found.records] == [one.sequence for one in signed[::-1]]
    await until_async(lambda: seen[-300:] == [one.sequence for one in signed])
    following.cancel()
    keys = parse_log_keys("".join(f"{one.vkey}\n" for one in await mine.audit.log_keys()).encode())
    assert {key.name.rpartition("/")[2] for key in keys} == {"worker-0", "worker-1"}
    proven = await mine.audit.get_proof("worker-1", signed[-1].sequence)
    verify_inclusion(proven.proof.encode(), proven.record.json.encode(), keys, None)
    exported = [message async for message in mine.audit.export(operation="sign")]
    assert {message.position.shard for message in exported} == {"worker-0", "worker-1"}
    assert {one.shard for one in await theirs.audit.checkpoints()} == {"worker-0", "worker-1"}


async def test_a_tail_keeps_up_with_a_load(pair: dict[str, AsyncClient]) -> None:
    mine = pair["worker-0"]
    seen: dict[str, list[int]] = {"worker-0": [], "worker-1": []}

    async def follow() -> None:
        async for message in mine.audit.tail(operation="sign"):
            for one in message.records:
                seen[one.position.shard].append(one.position.sequence)

    following = asyncio.create_task(follow())
    await asyncio.sleep(1)
    signed: dict[str, list[int]] = {"worker-0": [], "worker-1": []}

    async def load(client: AsyncClient) -> None:
        for _ in range(250):
            audit = (await client.sign("k", message=b"x")).audit
            signed[audit.shard].append(audit.sequence)

    await asyncio.gather(*(load(client) for client in pair.values() for _ in range(4)))
    wanted = {shard: sorted(found) for shard, found in signed.items()}
    await until_async(
        lambda: {shard: found[-len(wanted[shard]) :] for shard, found in seen.items()} == wanted
    )
    tell(
        f"a tail showed {sum(map(len, seen.values()))} records of two workers while they signed, each once, in order"
    )
    following.cancel()


def test_signerctl_follows_until_it_is_interrupted(daemon: Daemon) -> None:
    assert daemon.ctl("keys", "create", "k").returncode == 0
    command = [
        *("env", "--default-signal=INT"),  # the tests may run where it is ignored
        *signerctl(daemon),
        "audit",
        "tail",
        "--operation",
        "create-key",
        "--after",
        "worker-0/0",
        "-o",
        "json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        shown = [json.loads(tail.stdout.readline())["key"] for _ in range(2)]
        assert shown == ["signerd.audit-log", "k"]
        daemon.kill()
        daemon.start()
        assert daemon.ctl("keys", "create", "after").returncode == 0
        assert json.loads(tail.stdout.readline())["key"] == "after"
        tail.send_signal(signal.SIGINT)
        rest, told = tail.communicate(timeout=30)
    assert (tail.returncode, rest, told) == (0, "", "")


def test_an_export_that_was_stopped_goes_on(daemon: Daemon) -> None:
    for number in range(3):
        assert daemon.ctl("keys", "create", f"k{number}").returncode == 0
    path = daemon.directory / "out.csv"
    assert (
        daemon.ctl(
            "audit", "export", "--format", "csv", "--output", str(path), "--operation", "create-key"
        ).returncode
        == 0
    )
    whole = path.read_bytes()
    assert whole.count(b"\r\n") == 5
    assert [one.name for one in daemon.directory.glob("out.csv*")] == ["out.csv"]
    daemon.stop()
    assert daemon.ctl("audit", "export", "--output", str(path) + "2").returncode == 4
    assert not path.with_name("out.csv2").exists()


def signerctl(daemon: Daemon) -> list[str]:
    return [str(BIN / "signerctl"), "--endpoint", f"unix:{daemon.socket}"]
