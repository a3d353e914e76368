"""The circuit breaker: a provider that does not answer is asked by one call now and then. Pure; told the time."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """CLOSED: calls go out. OPEN: none do. HALF_OPEN: one has gone out, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after so many failures in a row, and lets a probe out after a pause that doubles up to the longest one.

    A probe that has not ended after `patience` gets another one beside it: the first outcome counts. Times are in
    seconds of any clock that does not go back. The pauses are short, since a probe costs one call, and whoever waits
    for the provider should not wait for the breaker.
    """

    def __init__(
        self, failures: int = 5, pause: float = 0.1, longest: float = 0.25, patience: float = 5.0
    ) -> None:
        self.state = State.CLOSED
        self._patience = patience
        self._limit, self._shortest, self._longest = failures, pause, longest
        self._failures = 0
        self._pause = pause
        self._until = 0.0
        self._era = 0

    def admit(self, now: float) -> int | None:
        """Let a call out, None for no. Its number goes with its outcome, which counts while the state is the same."""
        if self.state is State.CLOSED:
            return self._era
        if now < self._until:
            return None
        # A probe that makes a key may take a minute: the others don't wait for it as long.
        self._until = now + self._patience
        if self.state is State.OPEN:
            self._enter(State.HALF_OPEN)
        return self._era

    def wait(self, now: float) -> float:
        """Seconds until it is worth asking again."""
        if self.state is State.CLOSED:
            return 0.0
        return self._pause if self.state is State.HALF_OPEN else max(self._until - now, 0.0)

    def succeeded(self, call: int) -> None:
        """The provider answered, if only with a refusal."""
        if call != self._era:
            return
        self._failures = 0
        if self.state is State.HALF_OPEN:
            self._pause = self._shortest
            self._enter(State.CLOSED)

    def failed(self, call: int, now: float) -> None:
        """The provider did not answer."""
        if call != self._era:
            return
        if self.state is State.HALF_OPEN:
            self._open(now, min(self._pause * 2, self._longest))
            return
        self._failures += 1
        if self._failures >= self._limit:
            self._open(now, self._shortest)

    def abandoned(self, call: int, now: float) -> None:
        """The caller left before there was an answer: another probe may go out at once."""
        if call == self._era and self.state is State.HALF_OPEN:
            self._until = now
            self._enter(State.OPEN)

    def _open(self, now: float, pause: float) -> None:
        self._failures, self._pause, self._until = 0, pause, now + pause
        self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self.state = state
        self._era += 1
