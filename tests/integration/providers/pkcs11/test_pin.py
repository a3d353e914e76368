"""The PIN: a wrong one is never tried twice, and the right one shows nowhere."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.failures import spellings
from signerd.providers.pkcs11.provider import Pkcs11Provider
from tests.support.servers.softhsm import PIN, SoftHsm

Open = Callable[..., Pkcs11Provider]


class Source:
    """Where the PIN comes from; counts how often it was asked for."""

    def __init__(self, pin: str) -> None:
        self.pin = pin
        self.asked = 0

    def __call__(self) -> bytes:
        self.asked += 1
        return self.pin.encode()


def read(provider: Pkcs11Provider, name: str) -> str:
    return Path(f"/proc/{provider.worker.pid}/{name}").read_bytes().decode(errors="replace")


async def until(state: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not state():  # noqa: ASYNC110 - nothing tells when it changes
            await asyncio.sleep(0.01)


async def refused(provider: Pkcs11Provider) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        await provider.held()
    return caught.value


async def test_a_wrong_pin_is_tried_once(hsm: SoftHsm, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signerd.providers.pkcs11.process._PIN_SECONDS", 0.01)
    source = Source("wrong-pin")
    provider = opened(source)
    assert (await refused(provider)).reason is Reason.PROVIDER_DENIED
    pid = provider.worker.pid
    await until(lambda: source.asked >= 10)
    error = await refused(provider)
    assert provider.worker.pid == pid, "another worker would have tried it again"
    assert "not tried again" in error.message
    assert "wrong-pin" not in f"{error!r}{provider.health()}"
    assert not provider.health().healthy
    source.pin = hsm.pin
    await until(lambda: provider.health().healthy)
    assert await provider.held() == []


async def test_a_pin_that_is_no_text_is_refused(opened: Open) -> None:
    provider = opened(lambda: b"\xff\xfe")
    error = await refused(provider)
    assert (error.reason, provider.worker.pid) == (Reason.PROVIDER_DENIED, None)


async def test_a_source_without_a_pin_is_told(opened: Open) -> None:
    def source() -> bytes:
        raise SignerdError(Reason.CONFIG_INVALID, "the password in FILE is empty")

    provider = opened(source)
    assert (await refused(provider)).message == "the password in FILE is empty"
    assert "FILE" in provider.health().detail


async def test_the_pin_shows_nowhere(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = opened()
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    await provider.sign(made.uri, DEFAULT, prepare(DEFAULT, Message(b"some bytes")))
    error = await refused(opened(PIN[:-1].encode))
    shown = [read(provider, name) for name in ("cmdline", "environ")]
    shown += [caplog.text, repr(error), repr(provider), repr(vars(provider)), repr(vars(provider.worker))]
    for spelling in [*spellings(PIN), *spellings(PIN[:-1])]:
        assert spelling not in "".join(shown)


async def test_the_worker_is_hardened(opened: Open) -> None:
    provider = opened()
    await provider.held()
    status = dict(line.split(":\t", 1) for line in read(provider, "status").splitlines() if ":\t" in line)
    assert (status["NoNewPrivs"], status["Threads"], status["Umask"]) == ("1", "1", "0077")
    assert re.search(r"Max core file size +0 +0", read(provider, "limits"))


async def test_the_environment_of_the_module(
    hsm: SoftHsm, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for modules")
    provider = opened()
    await provider.held()
    given = read(provider, "environ").split("\0")
    assert f"SOFTHSM2_CONF={hsm.conf}" in given
    assert not any("not for modules" in one for one in given)


PARENT = """
import asyncio, pathlib, sys
from signerd.providers.base import Setup
from signerd.providers.pkcs11.provider import Pkcs11Provider
from signerd.config_providers import Pkcs11Provider as Section

async def main():
    section = Section(type="pkcs11", module=pathlib.Path(sys.argv[1]), token=sys.argv[2], pin={"env": "X"},
                      environment={"SOFTHSM2_CONF": sys.argv[3]})
    provider = Pkcs11Provider(Setup("hsm", section, {"pin": sys.stdin.readline().strip().encode}))
    await provider.held()
    print(provider.worker.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("frozen", [False, True])
async def test_the_worker_ends_with_its_parent(hsm: SoftHsm, frozen: bool) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(hsm.module), hsm.label, str(hsm.conf)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdin
    assert parent.stdout
    parent.stdin.write(f"{hsm.pin}\n".encode())
    worker = int(await parent.stdout.readline())
    if frozen:
        os.kill(worker, 19)
    parent.kill()
    await parent.wait()
    await until(lambda: not running(worker))


def running(pid: int) -> bool:
    """Whether the process is there and not just waiting to be reaped."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def test_signals_for_the_group_leave_the_worker_alone(opened: Open) -> None:
    provider = opened()
    await provider.held()
    pid = provider.worker.pid
    assert pid
    for number in (2, 15):
        os.kill(pid, number)
    assert await provider.held() == []
    assert provider.worker.pid == pid


async def test_closing_ends_the_worker(opened: Open) -> None:
    provider = opened()
    await provider.held()
    pid = provider.worker.pid
    assert pid
    await provider.close()
    assert not running(pid)
    assert (await refused(provider)).reason is Reason.PROVIDER_UNAVAILABLE
