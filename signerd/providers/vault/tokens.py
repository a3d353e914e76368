"""Keeps one token good: log-in on first use, renewal ahead of its end, and another log-in when it was lost."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from signerd.errors import SignerdError
from signerd.providers.vault.answers import Answer
from signerd.providers.vault.login import Token

_log = logging.getLogger(__name__)
_RENEW_AT = 2 / 3
"""Part of a lease after which it is renewed."""
_SHORTEST = 1.0
_LONGEST = 3600.0
_BETWEEN_LOSSES = 5.0
"""Seconds in which a refusal is believed: one log-in for many of them, when permissions are missing for good."""
_BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


class LogsIn(Protocol):
    """What tokens come from."""

    async def login(self) -> Token:
        """A new token, or the one that the configuration names."""

    async def refresh(self, token: Token) -> Token:
        """The token with a new lease, or another one."""

    async def revoke(self, token: Token) -> None:
        """Give a token back."""


class Tokens:
    """The token of one provider. `trouble` says why there is none, or why it could not be renewed."""

    def __init__(
        self,
        name: str,
        logins: LogsIn,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._logins = logins
        self._clock = clock
        self._sleep = sleep
        self._token: Token | None = None
        self._login: asyncio.Task[Token] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._lost_at = float("-inf")
        self.trouble = ""
        self._doubted = False

    async def send(self, request: Callable[[str], Awaitable[Answer]], *, insist: bool = True) -> Answer:
        """Make a request with the token; if that is refused, once more with another one where there is one.

        Without `insist` a refusal is an answer like any other.
        """
        token = (self._token or await self._logged_in()).value
        answer = await request(token)
        if answer.denied and insist and (other := await self._replaced(token)) is not None:
            return await request(other)
        if self._doubted and not answer.denied:
            self._doubted, self.trouble = False, ""  # the token is taken again
        return answer

    async def close(self) -> None:
        """Stop renewing, and revoke a token that a log-in made."""
        for task in (self._renewal, self._login):
            if task is not None:
                task.cancel()
        token, self._token = self._token, None
        if token is not None:
            await self._logins.revoke(token)

    async def _logged_in(self) -> Token:
        """One log-in for all who wait; it goes on when one of them goes away."""
        if self._login is None:
            self._login = asyncio.create_task(self._log_in(), name=f"vault-login-{self._name}")
            self._login.add_done_callback(self._login_ended)
        return await asyncio.shield(self._login)

    def _login_ended(self, task: asyncio.Task[Token]) -> None:
        self._login = None
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left

    async def _log_in(self) -> Token:
        try:
            token = await self._logins.login()
        except SignerdError as error:
            self.trouble, self._doubted = error.message, self._token is not None
            raise
        await self._take(token)
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(), name=f"vault-renewal-{self._name}")
        return token

    async def _take(self, token: Token) -> None:
        before, self._token, self.trouble, self._doubted = self._token, token, "", False
        if before is not None and before.value != token.value:
            await self._logins.revoke(before)

    async def _replaced(self, refused: str) -> str | None:
        """Another token than the refused one; None where there is none, or was a log-in for a refusal just now."""
        if self._token is not None and self._token.value != refused:
            return self._token.value
        if self._login is None:
            if self._clock() - self._lost_at < _BETWEEN_LOSSES:
                return None
            self._lost_at = self._clock()
        token = await self._logged_in()
        return None if token.value == refused else token.value

    async def _renew(self) -> None:
        """Renew as long as the provider lives; no failure ends it."""
        failures = 0
        while True:
            await self._sleep(_BACKOFF[min(failures, len(_BACKOFF)) - 1] if failures else self._wait())
            try:
                await self._refresh()
                failures = 0
            except SignerdError as error:
                failures += 1
                self.trouble = error.message
            except Exception as error:  # noqa: BLE001 - the task must outlive whatever happens
                failures += 1
                self.trouble = f"the token was not renewed: {type(error).__name__}"
                _log.error("provider %s: %s", self._name, self.trouble)

    async def _refresh(self) -> None:
        before = self._token
        if before is None:
            return
        after = await self._logins.refresh(before)
        if self._token is before:
            await self._take(after)
        elif after.value != before.value:  # a log-in was faster
            await self._logins.revoke(after)

    def _wait(self) -> float:
        lease = self._token.lease if self._token is not None else 0
        if not lease:
            return _LONGEST  # a token file is read now and then even so
        # Workers that logged in together need not renew together.
        return max(_SHORTEST, min(lease * _RENEW_AT * random.uniform(0.9, 1.0), _LONGEST))  # noqa: S311
