"""The worker is killed, frozen and crashed while it signs: nothing wrong comes out, and service is back at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, PinnedVersion, pinned_version
from signerd.providers.local.provider import LocalProvider
from signerd.providers.pkcs11.provider import Pkcs11Provider
from tests.support.patience import in_the_end
from tests.support.servers.softhsm import SoftHsm

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
TYPED = {Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT}
CALLERS = 32
CALL = 2.0
BACK = 1.0
"""Seconds after the worker's end in which service is back."""

Open = Callable[..., Pkcs11Provider]


@dataclass
class Storm:
    """Many callers who sign; what they saw, and how long nobody got a signature after each blow."""

    wanted: int
    signed: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)
    local: int = 0
    outages: list[float] = field(default_factory=list)
    last: float = 0.0

    async def call(self, guarded: Guarded, pinned: PinnedVersion) -> None:
        while self.signed < self.wanted:
            try:
                pinned.verify(GIVEN, await guarded.sign(pinned, GIVEN))
            except SignerdError as error:
                self.refused[error.reason] += 1
                await asyncio.sleep(error.retry_after or 0.02)
            else:
                self.signed += 1
                self.last = monotonic()

    async def call_locally(self, guarded: Guarded, pinned: PinnedVersion) -> None:
        while self.signed < self.wanted:
            pinned.verify(GIVEN, await guarded.sign(pinned, GIVEN))
            self.local += 1
            await asyncio.sleep(0.001)

    async def strike(self, provider: Pkcs11Provider, number: signal.Signals, blows: int) -> None:
        for blow in range(1, blows + 1):
            await until(partial(self._reached, self.wanted * blow // (blows + 1)))
            pid = provider.worker.pid
            assert pid
            os.kill(pid, number)
            struck = monotonic()
            await until(partial(_replaced, provider, pid))
            await until(partial(self._signed_since, monotonic()))
            self.outages.append(monotonic() - struck)

    def _reached(self, number: int) -> bool:
        return self.signed >= number

    def _signed_since(self, time: float) -> bool:
        return self.last > time


def _replaced(provider: Pkcs11Provider, pid: int) -> bool:
    return provider.worker.pid != pid and provider.health().healthy


@asynccontextmanager
async def signing_key(guarded: Guarded) -> AsyncIterator[PinnedVersion]:
    made = await guarded.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    yield pinned_version(made.uri, DEFAULT, made.public_key)
    await guarded.close()


async def storm(
    provider: Pkcs11Provider, home: Path, number: signal.Signals, wanted: int, blows: int
) -> Storm:
    seen = Storm(wanted)
    remote = Guarded("hsm", "pkcs11", provider, limits=Limits(CALL, 60.0))
    local = Guarded("files", "local", LocalProvider(home, lambda: b"password"))
    async with signing_key(remote) as far, signing_key(local) as near, asyncio.TaskGroup() as group:
        group.create_task(seen.strike(provider, number, blows))
        group.create_task(seen.call_locally(local, near))
        for _ in range(CALLERS):
            group.create_task(seen.call(remote, far))
    assert set(seen.refused) <= TYPED
    return seen


BLOWS = pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV], ids=lambda one: one.name
)


@BLOWS
async def test_a_lost_worker_is_replaced(opened: Open, tmp_path: Path, number: signal.Signals) -> None:
    seen = await storm(opened(call=CALL), tmp_path / "keys", number, wanted=400, blows=2)
    assert seen.signed >= 400
    assert seen.local
    assert len(seen.outages) == 2


@pytest.mark.soak
@BLOWS
async def test_ten_thousand_signatures(
    opened: Open, tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = await storm(opened(call=CALL), tmp_path / "keys", number, wanted=10_000, blows=10)
    with capsys.disabled():
        refused = {reason.name: count for reason, count in seen.refused.items()}
        outages = ", ".join(f"{one:.2f}" for one in seen.outages)
        sys.stdout.write(
            f"\n{number.name}: {seen.signed} signed, {refused} refused, {seen.local} signed locally meanwhile; "
            f"seconds until service was back: {outages}\n"
        )
    frozen = CALL if number is signal.SIGSTOP else 0.0
    assert max(seen.outages) < frozen + BACK


async def test_a_frozen_worker_is_told_as_a_time_out(opened: Open) -> None:
    provider = opened(call=0.3)
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    pid = provider.worker.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    calls = [asyncio.ensure_future(provider.sign(made.uri, DEFAULT, GIVEN)) for _ in range(3)]
    failures = await asyncio.gather(*calls, return_exceptions=True)
    reasons = [one.reason for one in failures if isinstance(one, SignerdError)]
    assert reasons == [Reason.PROVIDER_TIMEOUT, *2 * [Reason.PROVIDER_UNAVAILABLE]]
    assert await in_the_end(lambda: provider.sign(made.uri, DEFAULT, GIVEN))
    assert provider.worker.pid != pid


async def test_making_a_key_has_its_own_time_limit(opened: Open) -> None:
    provider = opened(call=0.2)
    await in_the_end(provider.held)
    pid = provider.worker.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    order = asyncio.ensure_future(provider.create(Order("k", 1, DEFAULT, "t1", instance="i")))
    done, _ = await asyncio.wait([order], timeout=0.6)
    assert not done
    os.kill(pid, signal.SIGCONT)
    assert (await order).tags["tag"] == "t1"
    assert provider.worker.pid == pid


async def test_a_worker_that_cannot_be_started_says_so(opened: Open, tmp_path: Path) -> None:
    broken = tmp_path / "module.so"
    broken.write_bytes(b"no module")
    provider = opened(module=broken)
    with pytest.raises(SignerdError, match="the module can't be loaded") as caught:
        await provider.held()
    assert caught.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert not provider.health().healthy


async def test_the_token_may_come_later(hsm: SoftHsm, opened: Open) -> None:
    hsm.remove()
    provider = opened()
    with pytest.raises(SignerdError, match="no slot has it") as caught:
        await provider.held()
    assert caught.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert "no slot has it" in provider.health().detail
    hsm.put_back()
    await until(lambda: provider.health().healthy)
    assert await provider.held() == []


async def test_a_token_is_pulled_and_put_back(hsm: SoftHsm, opened: Open) -> None:
    provider = opened()
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    hsm.remove()
    for call in (provider.sign(made.uri, DEFAULT, GIVEN), provider.held(), provider.find(made.uri)):
        with pytest.raises(SignerdError) as caught:
            await call
        assert caught.value.reason is Reason.PROVIDER_UNAVAILABLE
    hsm.put_back()
    await until(lambda: provider.health().healthy)
    assert await provider.sign(made.uri, DEFAULT, GIVEN)
    assert [one.uri for one in await provider.held()] == [made.uri]


async def until(state: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not state():  # noqa: ASYNC110 - nothing tells when it changes
            await asyncio.sleep(0.001)
