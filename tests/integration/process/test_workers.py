"""Several workers on one TCP port with mTLS: one daemon to those who call, whatever happens to a worker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from signerd.client import AsyncClient, Backoff, Client, SignerdError, sign_request
from tests.integration.process.certificates import Authority
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, http, tell, until, until_async
from tests.integration.process.records import stored
from tests.support.daemons import free_port

KEY = "team-a/release"
WORKERS = 3
CLIENTS = 12
PATIENT = Backoff(attempts=50)


class Cluster:
    """A daemon with workers, and how to reach it."""

    def __init__(self, daemon: Daemon, authority: Authority, port: int, http_port: int) -> None:
        self.daemon, self.authority, self.port, self.http_port = daemon, authority, port, http_port

    def client(self, name: str = "ci", backoff: Backoff = PATIENT) -> AsyncClient:
        """A client with a connection of its own, which some worker takes."""
        settings = self.authority.settings(name, self.port)
        return AsyncClient(settings, pool=1, backoff=backoff, coalesce=False, timeout=30)

    @asynccontextmanager
    async def clients(self, count: int) -> AsyncIterator[list[AsyncClient]]:
        made = [self.client() for _ in range(count)]
        yield made
        for client in made:
            await client.close()

    def metric(self, pattern: str) -> float:
        """Sum of all samples that match."""
        lines = http(self.http_port, "/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(pattern, line))


def configuration(authority: Authority, port: int, http_port: int, more: str = "") -> str:
    return (
        f"workers: {WORKERS}\ndrain: 30s\nhttp: {{listen: '127.0.0.1:{http_port}'}}\n"
        f"listeners: [{{name: net, tcp: '127.0.0.1:{port}', tls: {authority.tls()}}}]\n{more}"
    )


@pytest.fixture
def cluster(new_daemon: NewDaemon) -> Cluster:
    daemon = new_daemon()
    authority = Authority(daemon.directory)
    for name in ("server", "ci"):
        authority.issue(name)
    port, http_port = free_port(), free_port()
    daemon.file.write_text(configuration(authority, port, http_port))
    daemon.start(wait=False)
    until(lambda: ready(daemon, http_port))
    return Cluster(daemon, authority, port, http_port)


def ready(daemon: Daemon, http_port: int) -> bool:
    assert daemon.alive, daemon.text()
    try:
        return http(http_port, "/readyz")[0] == 200
    except OSError:
        return False


async def test_a_new_key_signs_on_every_worker_at_once(cluster: Cluster) -> None:
    async with cluster.clients(CLIENTS) as clients:
        shards: set[str] = set()
        for number in range(3):
            made = await clients[0].create_key(f"keys/k{number}")
            for client in clients:
                client.remember(made.revision)
            answers = await asyncio.gather(*(c.sign(f"keys/k{number}", message=b"x") for c in clients))
            assert {answer.key_id for answer in answers} == {made.key.versions[0].key_id}
            shards |= {answer.audit.shard for answer in answers}
    tell(f"{len(shards)} of {WORKERS} workers signed with a key that another one had just made")
    assert len(shards) > 1


async def test_figures_are_joined_and_each_worker_has_its_own_log(cluster: Cluster) -> None:
    async with cluster.clients(CLIENTS) as clients:
        await clients[0].create_key(KEY)
        answers = [await client.sign(KEY, message=b"x") for client in clients for _ in range(5)]
        with pytest.raises(SignerdError):
            await clients[0].sign("none", message=b"x")
    signed = cluster.metric(r'signerd_requests_total\{.*operation="sign".*outcome="ok"')
    assert signed == len(answers) == CLIENTS * 5
    assert cluster.metric(r'signerd_requests_total\{.*operation="sign".*outcome="refused"') == 1
    assert cluster.daemon.stop() == 0
    shards = sorted((cluster.daemon.home / "audit").glob("worker-*"))
    assert [shard.name for shard in shards] == [f"worker-{number}" for number in range(WORKERS)]
    records = {shard.name: stored(shard) for shard in shards}
    for answer in answers:
        record = records[answer.audit.shard][answer.audit.sequence - 1]
        assert (record.operation, record.caller, record.proof) == ("sign", "spiffe://test/ci", "mtls")


async def test_a_worker_that_is_killed_comes_back_and_no_call_fails_for_good(cluster: Cluster) -> None:
    daemon = cluster.daemon
    async with cluster.clients(CLIENTS) as clients:
        await clients[0].create_key(KEY)
        done = 0

        async def sign_for_ever(client: AsyncClient) -> None:
            nonlocal done
            while True:
                await client.sign(KEY, message=b"x")
                done += 1
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(sign_for_ever(client)) for client in clients]
        await until_async(lambda: done > 100)
        before = set(daemon.workers().values())
        os.kill(min(before), signal.SIGKILL)
        others = before - {min(before)}
        await until_async(lambda: len(set(daemon.workers().values()) - {min(before)}) == WORKERS)
        await asyncio.to_thread(until, lambda: ready(daemon, cluster.http_port))
        seen = done
        await until_async(lambda: done > seen + 100)
        assert others <= set(daemon.workers().values())
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert daemon.stop() == 0
    for shard in (daemon.home / "audit").glob("worker-*"):
        stored(shard)
    tell(f"a worker killed among {WORKERS}: {done} signatures, every call answered")


async def test_requests_under_way_finish_after_sigterm(cluster: Cluster) -> None:
    daemon = cluster.daemon
    async with cluster.client() as client:
        await client.create_key("team-a/slow", algorithm="rsa-pkcs1-4096-sha256")
        await client.sign("team-a/slow", message=b"unlock")
        items = [sign_request("team-a/slow", message=b"%d" % number) for number in range(300)]
        batch = asyncio.create_task(client.sign_batch(items, timeout=60))
        await until_async(lambda: cluster.metric("signerd_in_flight") > 0)
        os.kill(daemon.pid, signal.SIGTERM)
        answers = await batch
    assert not [answer for answer in answers if isinstance(answer, SignerdError)]
    assert daemon.process is not None
    assert await asyncio.to_thread(daemon.process.wait, 60) == 0
    assert not daemon.workers_left()


async def test_a_reload_takes_limits_log_level_and_certificates(cluster: Cluster) -> None:
    daemon, authority = cluster.daemon, cluster.authority
    async with cluster.client(backoff=Backoff(attempts=1)) as client:
        await client.create_key(KEY, algorithm="ed25519")
    before = authority.ca.read_bytes()
    renewed = Authority(daemon.directory)
    for name in ("server", "ci"):
        renewed.issue(name)
    more = "limits: {payload: 2KiB}\nlog: {level: debug}\n"
    daemon.file.write_text(configuration(renewed, cluster.port, cluster.http_port, more))
    os.kill(daemon.pid, signal.SIGHUP)
    until(lambda: "config reloaded" in daemon.text())
    async with cluster.client() as client:
        with pytest.raises(SignerdError) as caught:
            await until_refused(client)
        assert caught.value.reason.name == "REQUEST_TOO_LARGE"
    (daemon.directory / "old.crt").write_bytes(before)
    assert not await asyncio.to_thread(trusts, cluster, str(daemon.directory / "old.crt"))


def trusts(cluster: Cluster, ca: str) -> bool:
    """Whether the server's certificate is one of that CA."""
    good = cluster.authority.settings("ci", cluster.port)
    settings = type(good)(endpoint=good.endpoint, ca=ca, cert=good.cert, key_file=good.key_file)
    with Client(settings, timeout=5, backoff=Backoff(attempts=1)) as client:
        try:
            client.status()
        except SignerdError:
            return False
    return True


async def until_refused(client: AsyncClient) -> None:
    """A stream of 3 KiB by pure Ed25519, until it is more than limits.payload allows."""
    async with asyncio.timeout(30):
        while True:
            await client.sign_stream(KEY, [bytes(3072)], length=3072)
            await asyncio.sleep(0.05)


async def test_a_caller_without_a_certificate_of_the_ca_gets_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    stranger.issue("ci")
    good = cluster.authority.settings("ci", cluster.port)
    theirs = stranger.settings("ci", cluster.port)
    settings = type(good)(endpoint=good.endpoint, ca=good.ca, cert=theirs.cert, key_file=theirs.key_file)
    async with AsyncClient(settings, timeout=5, backoff=Backoff(attempts=1)) as client:
        with pytest.raises(SignerdError) as caught:
            await client.status()
    assert caught.value.reason.name == "DAEMON_UNREACHABLE"
