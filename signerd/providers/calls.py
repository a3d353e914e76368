"""The way out to a provider: so many calls at once, so long each, none to one that does not answer, and all counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol, TypeVar

from signerd.errors import Reason, SignerdError
from signerd.providers.breaker import Breaker, State

OK = "ok"
CANCELLED = "CANCELLED"
_REPEATABLE = frozenset({"sign", "find", "held"})
_RETRY_PAUSE = 0.02
_ANSWERLESS = (Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT)
_LEAST_WAITING = 1000
"""Calls that may wait for their turn, at least: a batch has as many."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for providers outside this process: seconds for a call and for making a key, calls under way."""

    call: float = 5.0
    create: float = 60.0
    concurrent: int = 256

    @property
    def waiting(self) -> int:
        """Calls that may wait for one under way to end."""
        return max(_LEAST_WAITING, 4 * self.concurrent)


class Meter(Protocol):
    """What counts the calls. Operations and outcomes are from fixed sets."""

    def call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """A call ended: `ok`, or the name of a reason."""

    def breaker(self, provider: str, is_open: bool) -> None:
        """The provider stopped to answer, or answers again."""

    def integrity_failure(self, provider: str) -> None:
        """The provider answered with what its pinned key does not bear out."""


class NoMeter:
    """Counts nothing."""

    def call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Ignored."""

    def breaker(self, provider: str, is_open: bool) -> None:
        """Ignored."""

    def integrity_failure(self, provider: str) -> None:
        """Ignored."""


class Calls:
    """Calls to one provider.

    Its errors pass, foreign exceptions are told by class. A call that could not be delivered is repeated once where
    that makes nothing twice, unless the provider says when to come back.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        meter: Meter,
        breaker: Breaker,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._limits = limits
        self._meter = meter
        self._breaker = breaker
        self._open = False
        self._clock = clock
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._waiting = 0

    @property
    def fault(self) -> str:
        """What keeps calls from going out, empty if nothing does."""
        return "it does not answer, and gets one call now and then" if self._open else ""

    async def run(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Let a call out when its turn comes.

        Raises PROVIDER_THROTTLED where too many wait already, PROVIDER_UNAVAILABLE at once while the provider does not
        answer, PROVIDER_TIMEOUT, and what the provider raises.
        """
        await self._take_turn()
        began, outcome = self._clock(), CANCELLED
        try:
            number = self._admit(began)
            try:
                result = await self._bounded(operation, call)
            except BaseException as error:
                self._judge(number, error)
                raise
            self._breaker.succeeded(number)
            outcome = OK
            return result
        except SignerdError as error:
            outcome = error.reason.name
            raise
        finally:
            self._slots.release()
            self._meter.call(self.name, operation, outcome, self._clock() - began)
            if (is_open := self._breaker.state is not State.CLOSED) is not self._open:
                self._show(is_open)

    async def _take_turn(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()  # does not wait
            return
        if self._waiting >= self._limits.waiting:
            raise self._overrun(f"{self._limits.concurrent} calls are under way and {self._waiting} wait")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.call):
                await self._slots.acquire()
        except TimeoutError:
            raise self._overrun(f"none of {self._limits.concurrent} calls ended in time") from None
        finally:
            self._waiting -= 1

    def _overrun(self, why: str) -> SignerdError:
        return SignerdError(
            Reason.PROVIDER_THROTTLED, f"provider {self.name!r}: {why}", retry_after=self._limits.call / 2
        )

    def _admit(self, now: float) -> int:
        number = self._breaker.admit(now)
        if number is None:
            raise SignerdError(
                Reason.PROVIDER_UNAVAILABLE,
                f"provider {self.name!r} did not answer the last calls",
                retry_after=self._breaker.wait(now),
            )
        return number

    async def _bounded(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        seconds = self._limits.create if operation in ("create", "held") else self._limits.call
        try:
            async with asyncio.timeout(seconds):
                return await self._attempt(operation, call)
        except TimeoutError:
            raise SignerdError(
                Reason.PROVIDER_TIMEOUT, f"provider {self.name!r} did not answer within {seconds:g} s"
            ) from None

    async def _attempt(self, operation: str, call: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await delivered(self.name, call)
        except SignerdError as error:
            lost = error.reason is Reason.PROVIDER_UNAVAILABLE and error.retry_after is None
            if not lost or operation not in _REPEATABLE:
                raise
        await asyncio.sleep(_RETRY_PAUSE)
        return await delivered(self.name, call)

    def _judge(self, number: int, error: BaseException) -> None:
        if not isinstance(error, SignerdError):
            self._breaker.abandoned(number, self._clock())
        elif error.reason in _ANSWERLESS:
            self._breaker.failed(number, self._clock())
        else:
            self._breaker.succeeded(number)

    def _show(self, is_open: bool) -> None:
        self._open = is_open
        self._meter.breaker(self.name, is_open)
        _log.warning("provider %s %s", self.name, "does not answer" if is_open else "answers again")


async def delivered(provider: str, call: Callable[[], Awaitable[_T]]) -> _T:
    """What a provider answers, its own errors unchanged, and any other exception as PROVIDER_UNAVAILABLE."""
    try:
        return await call()
    except SignerdError:
        raise
    except Exception as error:  # noqa: BLE001 - a vendor's exception may be anything
        raise foreign(provider, error) from None


def foreign(provider: str, error: Exception) -> SignerdError:
    """A vendor's exception that got this far. Its text may hold secrets: only its class is told."""
    kind = type(error).__name__
    _log.error("provider %s raised %s", provider, kind)
    reason = Reason.PROVIDER_TIMEOUT if isinstance(error, TimeoutError) else Reason.PROVIDER_UNAVAILABLE
    return SignerdError(reason, f"provider {provider!r} failed: {kind}")
