"""moto killed, started again and frozen while signatures are made: typed errors, and service afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material, Order
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, pinned_version
from tests.integration.providers.aws_kms.conftest import Connect
from tests.support.servers.aws import AwsServer, moto

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
EXPECTED = {None, Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT, Reason.PROVIDER_THROTTLED}


@pytest.fixture
def server() -> Iterator[AwsServer]:
    with moto() as server:
        yield server


@pytest.fixture
async def guarded(server: AwsServer, connect: Connect) -> AsyncIterator[Guarded]:
    guarded = Guarded("kms", "aws-kms", connect(server.endpoint, call=2.0), limits=Limits(call=2.0))
    yield guarded
    await guarded.close()


async def outcome(guarded: Guarded, made: Material) -> Reason | None:
    """Sign, checked by the guard; the reason where there was no signature."""
    try:
        await guarded.sign(pinned_version(made.uri, DEFAULT, made.public_key), GIVEN)
    except SignerdError as error:
        return error.reason
    return None


async def signing(guarded: Guarded, made: Material, done: asyncio.Event) -> set[Reason | None]:
    """All outcomes of signing on until `done`."""
    seen: set[Reason | None] = set()
    while not done.is_set():
        seen.add(await outcome(guarded, made))
        await asyncio.sleep(0.01)
    return seen


async def until_it_signs(guarded: Guarded, made: Material) -> None:
    async with asyncio.timeout(60):
        while await outcome(guarded, made) is not None:  # noqa: ASYNC110 - another process gets there
            await asyncio.sleep(0.1)


async def disturbed(guarded: Guarded, made: Material, disturb: asyncio.Task[None]) -> set[Reason | None]:
    done = asyncio.Event()
    disturb.add_done_callback(lambda task: done.set())
    seen = await asyncio.gather(*(signing(guarded, made, done) for _ in range(8)))
    await disturb
    return set().union(*seen)


async def test_killed_and_started_again(guarded: Guarded, server: AwsServer) -> None:
    made = await guarded.create(Order("release", 1, DEFAULT, "t1"))

    async def kill() -> None:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(1)

    seen = await disturbed(guarded, made, asyncio.ensure_future(kill()))
    assert None in seen
    assert Reason.PROVIDER_UNAVAILABLE in seen
    assert seen <= EXPECTED
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(60):
        # moto keeps nothing: it answers again, and the key is gone
        while await outcome(guarded, made) is not Reason.KEY_MATERIAL_UNREADABLE:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    again = await guarded.create(Order("release", 1, DEFAULT, "t1"))
    await until_it_signs(guarded, again)


async def test_frozen_and_thawed(guarded: Guarded, server: AwsServer) -> None:
    made = await guarded.create(Order("release", 1, DEFAULT, "t1"))

    async def freeze() -> None:
        await asyncio.sleep(0.5)
        server.send(signal.SIGSTOP)
        await asyncio.sleep(4)
        server.send(signal.SIGCONT)

    seen = await disturbed(guarded, made, asyncio.ensure_future(freeze()))
    assert Reason.PROVIDER_TIMEOUT in seen
    assert seen <= EXPECTED
    await until_it_signs(guarded, made)
