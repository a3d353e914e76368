"""Joined unlocking, remembered failures, and destruction while a key is being unlocked."""

import asyncio
import logging
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from signerd.core.private_keys import PrivateKey
from signerd.errors import Reason, SignerdError
from signerd.providers.unlocked_keys import HOLD_FAILURE, UnlockedKeys

KEY = ec.derive_private_key(7, ec.SECP256R1())


class Opener:
    """Opens keys, or fails as told; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False
        self.go = threading.Event()
        self.go.set()

    def __call__(self, uri: str) -> PrivateKey:
        self.asked.append(uri)
        self.go.wait(10)
        if self.fails:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is damaged")
        return KEY


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_those_who_want_the_same_key_share_the_work() -> None:
    opener = Opener()
    keys = UnlockedKeys(opener)
    assert await asyncio.gather(*(keys.get("a") for _ in range(20))) == [KEY] * 20
    assert await keys.get("a") is KEY
    assert opener.asked == ["a"]
    assert len(keys) == 1
    assert "a" in keys


async def test_a_failure_is_remembered_for_a_while() -> None:
    opener, clock = Opener(), Clock()
    keys = UnlockedKeys(opener, clock)
    opener.fails = True
    for _ in range(5):
        with pytest.raises(SignerdError, match="a is damaged"):
            await keys.get("a")
    assert opener.asked == ["a"]
    assert keys.failures == ["a is damaged"]
    clock.now = HOLD_FAILURE
    opener.fails = False
    assert await keys.get("a") is KEY
    assert keys.failures == []


async def test_a_failure_is_logged_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    opener, clock = Opener(), Clock()
    keys = UnlockedKeys(opener, clock)
    for fails in (True, True, False, True):
        opener.fails = fails
        await asyncio.gather(*(keys.get("a") for _ in range(3)), return_exceptions=True)
        clock.now += HOLD_FAILURE
        if not fails:
            keys.drop("a")
    lines = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert lines == [(logging.ERROR, "KEY_MATERIAL_UNREADABLE: a is damaged")] * 2


async def test_a_caller_who_leaves_spoils_nothing_for_the_others() -> None:
    opener = Opener()
    opener.go.clear()
    keys = UnlockedKeys(opener)
    leaving, staying = asyncio.create_task(keys.get("a")), asyncio.create_task(keys.get("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    opener.go.set()
    assert await staying is KEY
    assert leaving.cancelled()
    assert opener.asked == ["a"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_key_destroyed_while_it_is_unlocked_is_not_kept(
    fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    opener = Opener()
    opener.go.clear()
    keys = UnlockedKeys(opener)
    waiting = asyncio.create_task(keys.get("a"))
    await asyncio.sleep(0)
    keys.destroy("a")
    opener.fails = fails
    opener.go.set()
    with pytest.raises(SignerdError, match="damaged" if fails else "destroyed"):
        await waiting
    assert not keys.failures
    assert not caplog.records
    keys.keep("a", KEY)
    assert "a" not in keys
    with pytest.raises(SignerdError, match="destroyed"):
        await keys.get("a")


async def test_a_dropped_key_is_opened_again() -> None:
    opener = Opener()
    keys = UnlockedKeys(opener)
    await keys.get("a")
    keys.drop("a")
    keys.drop("a")
    assert "a" not in keys
    assert await keys.get("a") is KEY
    assert opener.asked == ["a", "a"]


async def test_a_rejected_key_is_a_failure_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    opener, clock = Opener(), Clock()
    keys = UnlockedKeys(opener, clock)
    await keys.get("a")
    keys.reject("a", SignerdError(Reason.KEY_MATERIAL_UNREADABLE, "a is another key"))
    assert "a" not in keys
    assert keys.failures == ["a is another key"]
    assert caplog.messages == ["KEY_MATERIAL_UNREADABLE: a is another key"]
    with pytest.raises(SignerdError, match="another key") as caught:
        await keys.get("a")
    assert caught.value.retry_after == HOLD_FAILURE
    clock.now = HOLD_FAILURE
    assert await keys.get("a") is KEY
    assert keys.failures == []


async def test_a_key_rejected_again_and_again_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    keys = UnlockedKeys(Opener(), clock)
    error = SignerdError(Reason.KEY_MATERIAL_UNREADABLE, "a is another key")

    async def reject() -> None:
        clock.now += HOLD_FAILURE
        await keys.get("a")
        keys.reject("a", error)

    await reject()
    await reject()
    assert len(caplog.records) == 1
    clock.now += HOLD_FAILURE
    assert keys.accept("a", await keys.get("a"))
    await reject()
    assert len(caplog.records) == 2


async def test_a_key_is_accepted_only_while_it_is_the_one_that_is_kept() -> None:
    keys = UnlockedKeys(Opener())
    await keys.get("a")
    other = ec.derive_private_key(8, ec.SECP256R1())
    assert keys.accept("a", KEY)
    assert not keys.accept("a", other)
    keys.drop("a")
    assert not keys.accept("a", KEY)
