"""Private keys that were unlocked, and the unlocking of others: one at a time, joined, failures remembered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from signerd.core.private_keys import PrivateKey
from signerd.errors import Reason, SignerdError

HOLD_FAILURE = 1.0
"""Seconds in which a failed unlock is not tried again."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = logging.getLogger(__name__)
# One thread for the process: each scrypt takes 64 MiB.
_ALONE = ThreadPoolExecutor(1, thread_name_prefix="scrypt")


async def run_alone(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run in the one thread of the process that may use scrypt."""
    return await asyncio.get_running_loop().run_in_executor(_ALONE, lambda: function(*args, **kwargs))


@dataclass(frozen=True, slots=True)
class _Failure:
    # Not the exception: its traceback would keep what was being decrypted in memory.
    reason: Reason
    message: str
    until: float


class UnlockedKeys:
    """Keys in memory by URI. `unlock` opens one, in a thread, and raises SignerdError only."""

    def __init__(
        self, unlock: Callable[[str], PrivateKey], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._unlock = unlock
        self._clock = clock
        self._keys: dict[str, PrivateKey] = {}
        self._failures: dict[str, _Failure] = {}
        self._running: dict[str, asyncio.Task[PrivateKey]] = {}
        self._rejected: dict[str, str] = {}
        self._destroyed: set[str] = set()
        self.opened = False
        """Whether any key was ever unlocked or made here: the password has shown that it is the right one."""

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, uri: str) -> bool:
        return uri in self._keys

    @property
    def failures(self) -> list[str]:
        """What was wrong with the files that could not be opened."""
        return [failure.message for failure in self._failures.values()]

    async def get(self, uri: str) -> PrivateKey:
        """Give the key, unlocked if need be; callers who want the same one share the work."""
        held = self._keys.get(uri)
        if held is not None:
            return held
        self._check_hopeless(uri)
        task = self._running.get(uri)
        if task is None:
            task = self._running[uri] = asyncio.create_task(self._unlocked(uri))
            task.add_done_callback(_retrieve)
        return await asyncio.shield(task)

    def keep(self, uri: str, private_key: PrivateKey) -> None:
        """Take a key that is unlocked already; a destroyed one is not taken."""
        self.opened = True
        self._failures.pop(uri, None)
        if uri not in self._destroyed:
            self._keys[uri] = private_key

    def accept(self, uri: str, private_key: PrivateKey) -> bool:
        """Note that a key has shown that it can be used; False if it is not the one that is kept any more."""
        self._rejected.pop(uri, None)
        return self._keys.get(uri) is private_key

    def reject(self, uri: str, error: SignerdError) -> None:
        """Drop a key that opens but can't be used, as if it had not opened."""
        self._keys.pop(uri, None)
        known = self._rejected.get(uri) == error.message
        self._rejected[uri] = error.message
        self._fail(uri, error, silent=known)

    def drop(self, uri: str) -> None:
        """Drop a key; it is unlocked again when it is wanted."""
        self._keys.pop(uri, None)

    def destroy(self, uri: str) -> None:
        """Drop a key that was destroyed, for ever."""
        self._destroyed.add(uri)
        for held in (self._keys, self._failures, self._rejected):
            held.pop(uri, None)

    async def _unlocked(self, uri: str) -> PrivateKey:
        try:
            private_key = await run_alone(self._unlock, uri)
        except SignerdError as error:
            self._fail(uri, error)
            raise
        finally:
            del self._running[uri]
        self.keep(uri, private_key)
        self._check_hopeless(uri)
        return private_key

    def _fail(self, uri: str, error: SignerdError, silent: bool = False) -> None:
        """Remember a failure; a log line is written when it begins, not each time it shows again."""
        if uri in self._destroyed:
            return
        before = self._failures.get(uri)
        if not silent and (before is None or before.message != error.message):
            _log.error("%s: %s", error.reason.name, error.message)
        self._failures[uri] = _Failure(error.reason, error.message, self._clock() + HOLD_FAILURE)

    def _check_hopeless(self, uri: str) -> None:
        if uri in self._destroyed:
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} was destroyed")
        failure = self._failures.get(uri)
        if failure is not None and self._clock() < failure.until:
            raise SignerdError(failure.reason, failure.message, retry_after=HOLD_FAILURE)


def _retrieve(task: asyncio.Task[PrivateKey]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
