"""Standard health and reflection."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from signerd.providers.base import Health
from tests.support.daemons import Daemon, serving, short_home

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = [f"signerd.v1.{name}" for name in ("Admin", "Audit", "Keys", "Providers", "Signer")]


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    with short_home() as home:
        async with serving(home) as daemon:
            yield daemon


def health(daemon: Daemon) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(daemon.channel)
    return stub


async def check(daemon: Daemon, name: str) -> int:
    answer = await health(daemon).Check(health_pb2.HealthCheckRequest(service=name), timeout=30)
    status: int = answer.status
    return status


@pytest.mark.parametrize("name", ["", *SERVICES, "provider/keys"])
async def test_health_by_name(daemon: Daemon, name: str) -> None:
    assert await check(daemon, name) == SERVING


async def test_health_of_what_is_not_there(daemon: Daemon) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(daemon, "provider/nowhere")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_watchers_hear_of_an_unhealthy_provider(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = health(daemon).Watch(health_pb2.HealthCheckRequest(service="provider/keys"), timeout=60)
    assert (await watch.read()).status == SERVING
    monkeypatch.setattr(
        daemon.worker.providers["keys"], "health", lambda: Health(healthy=False, detail="lost")
    )
    assert (await watch.read()).status == NOT_SERVING
    assert await check(daemon, "") == SERVING
    monkeypatch.undo()
    assert (await watch.read()).status == SERVING
    watch.cancel()


async def test_watchers_hear_of_the_end(daemon: Daemon) -> None:
    watch = health(daemon).Watch(health_pb2.HealthCheckRequest(), timeout=60)
    assert (await watch.read()).status == SERVING
    daemon.worker.status.draining = True
    assert (await watch.read()).status == NOT_SERVING
    assert await check(daemon, "signerd.v1.Signer") == NOT_SERVING


async def test_reflection_lists_the_services(daemon: Daemon) -> None:
    answer = await reflect(daemon, reflection_pb2.ServerReflectionRequest(list_services=""))
    names = [service.name for service in answer.list_services_response.service]
    assert sorted(names) == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        *SERVICES,
    ]


async def test_reflection_knows_the_messages(daemon: Daemon) -> None:
    symbol = reflection_pb2.ServerReflectionRequest(file_containing_symbol="signerd.v1.Signer")
    answer = await reflect(daemon, symbol)
    assert b"signerd/v1/signer.proto" in answer.file_descriptor_response.file_descriptor_proto[0]


async def reflect(daemon: Daemon, request: Any) -> Any:
    new_stub: Any = reflection_pb2_grpc.ServerReflectionStub
    call = new_stub(daemon.channel).ServerReflectionInfo(iter([request]), timeout=30)
    return await call.read()


LAZY = """
import asyncio, sys
from tests.support.daemons import raw_call, serving, short_home

async def main() -> None:
    with short_home() as home:
        async with serving(home) as daemon:
            await raw_call(daemon.channel, "/signerd.v1.Admin/GetStatus", b"")
            await raw_call(daemon.channel, "/grpc.health.v1.Health/Check", b"")
            print("grpc_reflection.v1alpha.reflection" in sys.modules)
            path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
            async for _ in daemon.channel.stream_stream(path)(iter([bytes.fromhex("3a00")])):
                break
            print("grpc_reflection.v1alpha.reflection" in sys.modules)

asyncio.run(main())
"""


async def test_reflection_is_imported_for_the_first_who_asks() -> None:
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LAZY],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=90,
    )
    assert done.stdout.split() == ["False", "True"], done.stderr
