"""Groups of records that are durable, and wait until the required sinks have them as well."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from signerd.errors import Reason, SignerdError
from signerd.sinks.delivery import Delivery
from signerd.sinks.stream import MOST_RECORDS


class Group(Protocol):
    """As signerd.audit.groups.Group."""

    first: int
    last: int
    bodies: list[bytes]

    def release(self) -> None:
        """Wake those who wait."""

    def fail(self, error: Callable[[], SignerdError]) -> None:
        """Turn away those who wait."""


class _Held(NamedTuple):
    group: Group
    deadline: float


class Holding:
    """Releases groups in order. After one's time is over it turns all away, until the sinks have nearly everything."""

    def __init__(self, required: Sequence[Delivery], hold: Callable[[str], None]) -> None:
        self._required = required
        self._seconds = max(sink.section.timeout for sink in required)
        self._hold = hold
        self._held: deque[_Held] = deque()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._why = ""

    def add(self, group: Group) -> None:
        """Take the group that has become durable."""
        if self._why:
            group.fail(self._refusal)
            return
        self._held.append(_Held(group, self._loop.time() + self._seconds))
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def moved(self) -> None:
        """A required sink has more."""
        reached = min(sink.position for sink in self._required)
        while self._held and self._held[0].group.last <= reached:
            self._held.popleft().group.release()
        if self._why and all(not sink.detail and sink.lag < MOST_RECORDS for sink in self._required):
            self._why = ""
            self._hold("")

    def _look(self) -> None:
        self._timer = None
        if not self._held:
            return
        left = self._held[0].deadline - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self.give_up()

    def give_up(self) -> None:
        """Turn away all who wait, and whoever comes, until the sinks have caught up."""
        late = [sink for sink in self._required if self._held and sink.position < self._held[0].group.last]
        self._why = "; ".join(map(_problem, late)) or "the daemon stops"
        self._hold(self._why)
        while self._held:
            self._held.popleft().group.fail(self._refusal)

    def _refusal(self) -> SignerdError:
        return SignerdError(Reason.AUDIT_UNAVAILABLE, self._why, retry_after=1.0)


def _problem(sink: Delivery) -> str:
    detail = sink.detail or f"it has not taken them within {sink.section.timeout:g} s"
    return f"sink {sink.section.name}, which is required, does not take audit records: {detail}"
