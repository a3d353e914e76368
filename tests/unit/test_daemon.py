"""The composition root: what a worker needs, who listens, and what start and stop leave behind."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from signerd import daemon, instance, provision
from signerd.audit.reading import list_records
from signerd.authz.identity import DAEMON
from signerd.config import Config
from signerd.config_file import read
from signerd.engine.log_key import LOG_KEY
from signerd.engine.requests import CreateCall
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Setup
from signerd.providers.guard import SAMPLE_MASK
from signerd.reload import Reloaded
from signerd.rpc import listeners
from signerd.telemetry import Telemetry
from signerd.v1 import signer_pb2 as pb
from tests.support.daemons import PROVIDERS, Daemon, migrate, raw_call, serving, short_home, until
from tests.support.refusals import Refused, refused


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as made:
        yield made


def configured(home: Path, text: str = PROVIDERS) -> Config:
    return read(text.encode(), "config.yaml", home, {"SIGNERD_HOME": str(home)})


def test_a_worker_gets_what_the_files_hold(home: Path) -> None:
    config = configured(home)
    migrate(config)
    wiring = instance.prepared(config, {}, 2, 4)
    assert (wiring.worker, wiring.workers, dict(wiring.secrets)) == (2, 4, {})
    assert any("gone when the daemon stops" in warning for warning in wiring.warnings)
    again = instance.prepared(config, {}, 0, 1)
    assert again.state_key.mac(b"x") == wiring.state_key.mac(b"x")


async def test_state_without_its_key_is_refused(home: Path) -> None:
    async with serving(home) as running:
        await running.add_key("k")
    (home / "state.key").unlink()
    with pytest.raises(SignerdError) as caught:
        instance.prepared(configured(home), {}, 0, 1)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert not (home / "state.key").exists()


async def test_state_of_another_key_is_refused(home: Path) -> None:
    async with serving(home) as running:
        await running.add_key("k")
    (home / "state.key").write_text("ab" * 32)
    with pytest.raises(SignerdError) as caught:
        async with serving(home):
            pass
    assert caught.value.reason is Reason.STATE_TAMPERED


def test_listeners_of_a_worker(home: Path) -> None:
    text = PROVIDERS + (
        "listeners: [{name: a, unix: a.sock}, {name: b, tcp: '127.0.0.1:1', insecure_plaintext: true}]\n"
    )
    config = configured(home, text)
    migrate(config)
    for worker, names in ((0, ["a", "b"]), (1, ["b"])):
        wiring = instance.prepared(config, {}, worker, 2)
        assert [one.name for one in daemon.own_listeners(wiring)] == names


@pytest.mark.parametrize(
    ("interval", "number", "checks"), [("1h", 0, True), ("1h", 1, False), ("0s", 0, False)]
)
async def test_the_first_worker_checks_keys(home: Path, interval: str, number: int, checks: bool) -> None:
    config = configured(home, PROVIDERS + f"checks: {{interval: {interval}}}\n")
    migrate(config)
    wiring = replace(instance.prepared(config, {}, number, 2), warnings=())
    async with daemon.running(wiring) as worker:
        jobs = worker.jobs()
        names = [repr(job).split()[2] for job in jobs]
        for job in jobs:
            job.close()
    always = {
        "Worker.tick",
        "Watcher.run",
        "Recovery.run",
        "Promoter.run",
        "Recorder.run",
        "Checkpointer.run",
    }
    assert always <= set(names)
    assert ("CheckSchedule.run" in names) is checks


def test_orders_belong_to_a_worker_and_its_life(home: Path) -> None:
    config = configured(home)
    migrate(config)
    wirings = [instance.prepared(config, {}, number, 2) for number in (0, 0, 1)]
    first, again, other = map(provision.owner, wirings)
    assert first.worker == again.worker != other.worker
    assert len({first.life, again.life, other.life}) == 3


@pytest.mark.parametrize(("setting", "mask"), [("always", 0), ("sampled", SAMPLE_MASK)])
def test_the_guard_does_as_configured(home: Path, setting: str, mask: int) -> None:
    config = configured(home, f"providers: {{keys: {{type: memory, verify_after_sign: {setting}}}}}\n")
    made = provision.guarded(Setup("keys", config.providers["keys"]), Telemetry())
    assert (made.name, made.type, made._mask) == ("keys", "memory", mask)


def life(home: Path) -> list[tuple[str, str, str]]:
    """Operations, callers and outcomes on record, but for the log key's."""
    entries = list_records(home / "audit", page_size=100).entries[::-1]
    found = [one.record for one in entries if one.record.key != LOG_KEY]
    return [(one.operation, one.caller, one.outcome) for one in found]


async def test_start_and_stop_are_on_record(home: Path) -> None:
    async with serving(home):
        assert life(home) == [("start", "signerd", "ok")]
        assert (home / "run" / "signerd.sock").is_socket()
    assert life(home) == [("start", "signerd", "ok"), ("stop", "signerd", "ok")]
    assert not (home / "run" / "signerd.sock").exists()
    async with serving(home):
        pass
    assert [one[0] for one in life(home)] == ["start", "stop"] * 2


async def test_what_was_opened_is_closed_when_the_start_fails(home: Path) -> None:
    (home / "run").mkdir(mode=0o700)
    (home / "run" / "signerd.sock").write_text("in the way")
    with pytest.raises(SignerdError):
        async with serving(home):
            pass
    (home / "run" / "signerd.sock").unlink()
    async with serving(home) as running:
        assert running.worker.unready() == ""


def slowed(running: Daemon, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Signing that waits: it has begun, and it may go on."""
    provider = running.worker.providers["keys"]
    sign, begun, go_on = provider.sign, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> bytes:
        begun.set()
        await go_on.wait()
        return await sign(*args)

    monkeypatch.setattr(provider, "sign", slow)
    return begun, go_on


REQUEST = pb.SignRequest(key="k", message=b"x", request_id="r").SerializeToString()


async def test_requests_under_way_are_finished(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(home)
    migrate(config)
    async with grpc.aio.insecure_channel(f"unix:{home}/run/signerd.sock") as channel:
        async with daemon.running(instance.prepared(config, {}, 0, 1)) as worker:
            running = Daemon(worker, home, channel)
            await running.add_key("k")
            begun, go_on = slowed(running, monkeypatch)
            request = asyncio.create_task(raw_call(channel, "/signerd.v1.Signer/Sign", REQUEST))
            await begun.wait()
            # Longer than gRPC itself is given at the end, so that it is our own wait that counts.
            monkeypatch.setattr(listeners, "LAST_GRACE", 0.05)
            asyncio.get_running_loop().call_later(0.5, go_on.set)
        assert pb.SignResponse.FromString(await request).signature
    assert [one[0] for one in life(home)] == ["start", "create-key-begun", "create-key", "sign", "stop"]


async def test_requests_that_come_while_it_stops_are_told_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(home)
    migrate(config)

    async def late(running: Daemon, go_on: asyncio.Event) -> Refused:
        await until(lambda: running.worker.unready() == "stopping")
        try:
            return await refused(running.raw("/signerd.v1.Signer/Sign", REQUEST))
        finally:
            go_on.set()

    async with grpc.aio.insecure_channel(f"unix:{home}/run/signerd.sock") as channel:
        async with daemon.running(instance.prepared(config, {}, 0, 1)) as worker:
            running = Daemon(worker, home, channel)
            await running.add_key("k")
            begun, go_on = slowed(running, monkeypatch)
            request = asyncio.create_task(raw_call(channel, "/signerd.v1.Signer/Sign", REQUEST))
            await begun.wait()
            turned_away = asyncio.create_task(late(running, go_on))
        assert (await turned_away).reason is Reason.SHUTTING_DOWN
        assert pb.SignResponse.FromString(await request).signature
    assert [one[0] for one in life(home)] == [
        "start",
        "create-key-begun",
        "create-key",
        "sign",
        "sign",
        "stop",
    ]


async def test_a_key_whose_caller_went_away_is_on_record_before_the_stop(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(home)
    migrate(config)
    begun, go_on = asyncio.Event(), asyncio.Event()
    async with daemon.running(instance.prepared(config, {}, 0, 1)) as worker:
        creator = worker.listeners.methods.keys.creator
        commit = creator.store.commit_key

        async def slow(*args: Any) -> Any:
            begun.set()
            await go_on.wait()
            return await commit(*args)

        monkeypatch.setattr(creator.store, "commit_key", slow)
        call = CreateCall("k", request_id="r")
        request = asyncio.create_task(creator.create(DAEMON, call, lambda key, revision: b""))
        await begun.wait()
        request.cancel()
        asyncio.get_running_loop().call_later(0.5, go_on.set)
    assert [one[0] for one in life(home)] == ["start", "create-key-begun", "create-key", "stop"]


async def test_a_part_that_dies_ends_the_daemon(home: Path) -> None:
    async def dying() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):
        async with daemon.background(dying(), asyncio.Event().wait()):  # type: ignore[arg-type]
            await asyncio.Event().wait()


async def test_requests_that_do_not_end_are_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(home, PROVIDERS + "drain: 0.1s\n")
    migrate(config)
    async with grpc.aio.insecure_channel(f"unix:{home}/run/signerd.sock") as channel:
        async with daemon.running(instance.prepared(config, {}, 0, 1)) as worker:
            running = Daemon(worker, home, channel)
            await running.add_key("k")
            begun, _ = slowed(running, monkeypatch)
            request = asyncio.create_task(raw_call(channel, "/signerd.v1.Signer/Sign", REQUEST))
            await begun.wait()
        with pytest.raises(grpc.aio.AioRpcError):
            await request
    assert ("sign", "unix:local", "failed") in life(home)


def metric(text: bytes, name: str) -> float:
    (line,) = re.findall(rf"^{re.escape(name)} (\S+)$", text.decode(), re.MULTILINE)
    return float(line)


async def test_the_metrics_tell_how_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(home) as running:
        await running.add_key("k")
        begun, go_on = slowed(running, monkeypatch)
        request = asyncio.create_task(running.raw("/signerd.v1.Signer/Sign", REQUEST))
        await begun.wait()
        assert metric(running.worker.exposition(), "signerd_in_flight") == 1
        go_on.set()
        await request
        await refused(running.raw("/signerd.v1.Signer/Sign", b"\xff"))
        text = running.worker.exposition()
        for name, value in {
            "signerd_in_flight": 0,
            "signerd_audit_healthy": 1,
            "signerd_snapshot_revision": 2,
            "signerd_audit_sequence": 7,
            'signerd_provider_healthy{provider="keys"}': 1,
            'signerd_signatures_total{algorithm="ecdsa-p256-sha256",provider="keys"}': 1,
            'signerd_requests_total{operation="sign",outcome="ok",reason=""}': 1,
            'signerd_requests_total{operation="sign",outcome="refused",reason="REQUEST_MALFORMED"}': 1,
        }.items():
            assert metric(text, name) == value, name


async def test_a_change_of_another_process_is_seen(home: Path) -> None:
    async with serving(home) as one:
        config = configured(home).model_copy(
            update={"listeners": configured(home, PROVIDERS + OTHER).listeners}
        )
        wiring = instance.prepared(config, {}, 1, 2)
        async with daemon.running(wiring) as other:
            await one.add_key("k")
            await until(lambda: "k" in other.keyring.view.snapshot.keys)
            assert other.keyring.revision == one.worker.keyring.revision


OTHER = "listeners: [{name: other, unix: run/other.sock}]\n"


def newest(home: Path) -> tuple[str, str, str]:
    """Operation, outcome and detail of the newest record that is no checkpoint's."""
    record = list_records(home / "audit", page_size=1).entries[0].record
    return record.operation, record.outcome, record.detail


async def test_hangup_takes_limits_over(home: Path) -> None:
    text = PROVIDERS + "limits: {concurrent: 7, payload: 2048}\n"

    def reload(before: Config) -> Reloaded:
        return Reloaded(configured(home, text), "ok", "changed now: limits")

    async with serving(home) as running:
        loop = asyncio.get_running_loop()
        instance.on_hangup(running.worker, reload)  # type: ignore[arg-type]
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: running.worker.config.limits.concurrent == 7)
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
        assert running.worker.gate.max_in_flight == 7
        assert running.worker.parts.streams.max_payload == 2048
        await until(lambda: newest(home) == ("config-reloaded", "ok", "changed now: limits"))


async def test_a_log_that_was_removed_is_told(home: Path) -> None:
    async with serving(home) as running:
        await running.add_key("k")
        assert not any("its directory is gone" in warning for warning in running.worker.status.now().warnings)
    shutil.rmtree(home / "audit")
    async with serving(home) as running:
        assert any("its directory is gone" in warning for warning in running.worker.status.now().warnings)


async def test_an_open_audit_directory_is_refused(home: Path) -> None:
    async with serving(home):
        pass
    (home / "audit").chmod(0o755)
    with pytest.raises(SignerdError) as refused_:
        async with serving(home):
            pass
    assert refused_.value.reason is Reason.PERMISSIONS_TOO_OPEN
