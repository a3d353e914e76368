"""Which refused requests get a record of their own, and the counts of those that don't. Pure; no clock.

The first ones of a peer or an identity in a minute are put on record in full, the others counted: a flood of them makes
one record a minute.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from signerd.authz.identity import UNKNOWN, Caller
from signerd.errors import Reason, SignerdError

MINUTE: Final = 60.0
PEER_LIMIT: Final = 10
MOST_PEERS: Final = 256
MOST_IDENTITIES: Final = 1024
PATIENCE: Final = 10
"""So many times the limit of refused items in a minute, and an identity gets no batches for the rest of it."""
COUNTED: Final = "refusals-counted"
OTHERS: Final = Caller("others", "none", "")
"""Who stands for all identities beyond the most that are told apart."""


@dataclass(slots=True)
class Window:
    """A minute of refusals of one peer or identity; `first` and `last` are seconds since 1970."""

    caller: Caller
    begun: float
    seen: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    first: float = 0.0
    last: float = 0.0

    @property
    def count(self) -> int:
        """How many were not put on record in full."""
        return self.counts.total()

    @property
    def detail(self) -> str:
        """From when to when, and how many for which reason, most frequent first."""
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.counts.most_common())
        return f"first {_shown(self.first)}, last {_shown(self.last)}: {reasons}"


class Windows:
    """A window for each name, at most `most` of them; beyond, all share the window of `others`."""

    def __init__(self, limit: int, most: int, others: Caller) -> None:
        self.limit = limit
        self._most = most
        self._others = others
        self._open: dict[str, Window] = {}
        self._over: list[Window] = []

    def take(self, name: str, caller: Caller, reason: str, now: float) -> bool:
        """Whether a refusal gets a record of its own; else it is counted."""
        window = self._window(name, caller, now)
        window.seen += 1
        if window.seen <= self.limit:
            return True
        window.first = window.first or now
        window.last = now
        window.counts[reason] += 1
        return False

    def is_flooded(self, name: str, now: float) -> bool:
        """Whether there were far too many refusals in this minute."""
        window = self._open.get(name)
        return window is not None and window.seen > self.limit * PATIENCE and now - window.begun < MINUTE

    def _window(self, name: str, caller: Caller, now: float) -> Window:
        window = self._open.get(name)
        if window is None and len(self._open) >= self._most:
            self._close(now, MINUTE)
            if len(self._open) >= self._most:
                name, caller = "", self._others
                window = self._open.get(name)
        if window is not None and now - window.begun >= MINUTE:
            self._end(name, window)
            window = None
        if window is None:
            window = self._open[name] = Window(caller, now)
        return window

    def _close(self, now: float, age: float) -> None:
        for name, window in list(self._open.items()):
            # A clock that was set back ends the minute too.
            if not 0 <= now - window.begun < age:
                self._end(name, window)

    def _end(self, name: str, window: Window) -> None:
        del self._open[name]
        if window.count:
            self._over.append(window)

    def keep(self, windows: Iterable[Window]) -> None:
        """Give back what could not be told."""
        self._over += windows

    def ended(self, now: float, age: float) -> Iterable[Window]:
        """Those that are over and counted something, once."""
        self._close(now, age)
        over, self._over = self._over, []
        return over


class Refusals:
    """Refusals of peers that proved nothing, and of identities; `limit` is what an identity has in full a minute."""

    def __init__(self, limit: int) -> None:
        self._peers = Windows(PEER_LIMIT, MOST_PEERS, UNKNOWN)
        self._identities = Windows(limit, MOST_IDENTITIES, OTHERS)

    def take(self, caller: Caller, reason: Reason, now: float) -> bool:
        """Whether a refusal gets a record of its own; else it is counted. `now` in seconds since 1970."""
        if caller.subject == UNKNOWN.subject:
            peer = host(caller)
            return self._peers.take(peer, replace(caller, peer=peer), reason.name, now)
        return self._identities.take(caller.subject, replace(caller, peer=""), reason.name, now)

    def check_batch(self, caller: Caller, now: float) -> None:
        """Raise RATE_LIMITED for an identity whose batches are nothing but refusals: each is work for a thousand."""
        if self._identities.is_flooded(caller.subject, now):
            raise SignerdError(
                Reason.RATE_LIMITED,
                f"more than {self._identities.limit * PATIENCE} requests of this identity were refused in a minute; "
                "it gets no batches for a while",
                retry_after=MINUTE / 2,
            )

    def keep(self, windows: Iterable[Window]) -> None:
        """Give back what could not be told."""
        self._identities.keep(windows)

    def ended(self, now: float, *, all_of_them: bool = False) -> list[Window]:
        """Counts of the minutes that are over, or of all: each is told once."""
        age = 0.0 if all_of_them else MINUTE
        return [*self._peers.ended(now, age), *self._identities.ended(now, age)]


def host(caller: Caller) -> str:
    """What tells peers apart: `ipv4:ADDRESS`, `ipv6:PREFIX/64`, else the listener."""
    kind, _, rest = caller.peer.partition(":")
    address = rest.rpartition(":")[0]
    if kind == "ipv4":
        return f"ipv4:{address}"
    if kind != "ipv6":
        return caller.listener
    plain = address.replace("%5B", "").replace("%5D", "").strip("[]").partition("%")[0]
    try:
        prefix = socket.inet_pton(socket.AF_INET6, plain)[:8]
    except OSError:
        return f"ipv6:{plain}"
    return f"ipv6:{socket.inet_ntop(socket.AF_INET6, prefix + bytes(8))}/64"


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
