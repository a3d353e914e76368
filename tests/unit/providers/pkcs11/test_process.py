"""Starting a worker again: how soon, and what is told of why there is none."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pkcs11 import TokenFlag

from signerd.config_providers import Pkcs11Provider as Section
from signerd.config_providers import Secret
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Setup
from signerd.providers.pkcs11.algorithms import UPPER_BOUND
from signerd.providers.pkcs11.channel import Broken
from signerd.providers.pkcs11.frames import Failed, Kind
from signerd.providers.pkcs11.process import pause
from signerd.providers.pkcs11.provider import Pkcs11Provider
from signerd.providers.pkcs11.spawning import Spawned
from signerd.providers.pkcs11.token import Refusal, _check_pin, failed

SECTION = Section(type="pkcs11", module=Path("/none.so"), token="t", pin=Secret(env="PIN"))


def provider() -> Pkcs11Provider:
    return Pkcs11Provider(Setup("hsm", SECTION, {"pin": lambda: b"1234"}))


def test_pauses_grow_and_stay_below_a_second_after_use() -> None:
    after_use = [pause(failures, usable=True) for failures in range(40)]
    at_start = [pause(failures, usable=False) for failures in range(40)]
    assert after_use == sorted(after_use)
    assert (after_use[0], after_use[-1]) == (0.02, 0.25)
    assert at_start == sorted(at_start)
    assert at_start[-1] == 5.0


def test_a_provider_is_built_without_a_loop_or_a_module() -> None:
    made = provider()
    assert not made.health().healthy
    assert made.capabilities.algorithms == UPPER_BOUND
    assert made.worker.pid is None
    assert "1234" not in repr(vars(made))


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("PinIncorrect", "does not take the PIN"),
        ("PinLocked", "the PIN is locked"),
        ("PinFinalTry", "only one try of the PIN is left"),
        ("PinExpired", "has expired"),
        ("UserPinNotInitialized", "has no user PIN"),
    ],
)
def test_what_is_wrong_with_the_pin_is_told(
    detail: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    reason, message = provider().worker._refused(Failed(1, Kind.PIN, f"{detail}: 1234"), "1234")
    assert reason is Reason.PROVIDER_DENIED
    assert words in message
    assert detail in caplog.text
    assert "1234" not in message + caplog.text


@pytest.mark.parametrize(
    ("flags", "detail"),
    [(TokenFlag.USER_PIN_LOCKED, "PinLocked"), (TokenFlag.USER_PIN_FINAL_TRY, "PinFinalTry")],
)
def test_the_last_try_is_not_used(flags: TokenFlag, detail: str) -> None:
    with pytest.raises(Refusal, match=detail) as caught:
        _check_pin(SimpleNamespace(flags=flags | TokenFlag.LOGIN_REQUIRED))  # type: ignore[arg-type]
    assert caught.value.kind is Kind.PIN


def test_a_few_wrong_pins_are_no_reason_to_stop() -> None:
    _check_pin(SimpleNamespace(flags=TokenFlag.USER_PIN_COUNT_LOW))  # type: ignore[arg-type]


def test_unknown_failures_end_the_worker() -> None:
    assert failed(1, RuntimeError("vendor says")) == Failed(1, Kind.UNAVAILABLE, "RuntimeError: vendor says")
    assert failed(1, Refusal(Kind.MISSING, "no key")) == Failed(1, Kind.MISSING, "no key")


def test_only_the_call_at_hand_is_not_repeated() -> None:
    """The guard repeats what has no time to come back: not the call that may have killed the worker."""
    made = provider()
    assert made._broken(Broken()).retry_after is None
    assert made._broken(Broken(first=True)).retry_after
    assert made._broken(Broken(first=True)).reason is Reason.PROVIDER_UNAVAILABLE
    assert made._broken(Broken(first=True, timed_out=True)).reason is Reason.PROVIDER_TIMEOUT


async def test_no_fault_keeps_calls_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bytes:
        raise LookupError("a defect with 1234")

    made = Pkcs11Provider(Setup("hsm", SECTION, {"pin": broken}))
    with pytest.raises(SignerdError) as caught:
        async with asyncio.timeout(20):
            await made.held()
    assert caught.value.reason is Reason.PROVIDER_UNAVAILABLE
    assert "LookupError" in caplog.text
    assert "1234" not in caplog.text + caught.value.message + made.health().detail
    await made.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "hung up"),
        (3, "ended with exit code 3"),
        (-9, "ended by SIGKILL"),
        (-40, "ended by signal 40"),
    ],
)
def test_every_ending_can_be_told(code: int | None, words: str) -> None:
    process: Any = SimpleNamespace(poll=lambda: code)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert Spawned(process, ours).ending == words


async def test_a_provider_that_was_closed_says_so() -> None:
    made = provider()
    await made.close()
    with pytest.raises(SignerdError, match="is closed"):
        await made.held()
