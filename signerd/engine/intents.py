"""Intents without a result: what a crash cut off between the call to a provider outside this process and its answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from signerd.audit.reading import entries
from signerd.audit.records import Record
from signerd.authz.identity import DAEMON
from signerd.engine.facts import INTENT

UNFINISHED: Final = "sign-unfinished"
MOST: Final = 1_000_000
"""Records that are looked at: what is further back than that had its result long ago."""
FIRST_LOOK: Final = 1024
SHOWN: Final = 20


class _Entry(msgspec.Struct):
    sequence: int
    intent: int = 0


_decode = msgspec.json.Decoder(_Entry).decode
# In a string the quotes would be escaped: these are members.
_ASKED: Final = b'"operation":"%s"' % INTENT.encode()
_ANSWERED: Final = b'"intent":'
_RUNS: Final = (b'"operation":"start"', b'"operation":"stop"')


class _Look:
    """What a stretch of a log says; later stretches go in first."""

    def __init__(self) -> None:
        self.answered: set[int] = set()
        self.unanswered: set[int] = set()

    def take(self, bodies: Iterable[bytes]) -> bool:
        """Look at records in their order; whether a run of the daemon begins or ends among them."""
        asked: set[int] = set()
        begins = False
        for body in bodies:
            if _ASKED in body:
                asked.add(_decode(body).sequence)
            elif _ANSWERED in body:
                self.answered.add(_decode(body).intent)
            elif _RUNS[0] in body or _RUNS[1] in body:
                begins = True
                asked.clear()
        self.unanswered |= asked - self.answered
        return begins


def unfinished(directory: Path, size: int) -> list[int]:
    """Sequences of intents without a result, ascending, in a shard of so many records; as far back as the last start.

    Blocking; raises as `entries` does.
    """
    look, high, step = _Look(), size, FIRST_LOOK
    while high > max(0, size - MOST):
        low = max(0, high - step)
        if look.take(entries(directory, low, high - 1)):
            break
        high, step = low, step * 4
    return sorted(look.unanswered)


def unfinished_record(sequences: list[int], revision: int) -> Record:
    """What goes on record of them."""
    shown = ", ".join(map(str, sequences[:SHOWN])) + (", …" if len(sequences) > SHOWN else "")
    return Record(
        caller=DAEMON.subject,
        count=len(sequences),
        detail=f"intents without a result: {shown}; their providers may have signed, nothing was released",
        operation=UNFINISHED,
        outcome="failed",
        proof=DAEMON.proof,
        revision=revision,
    )
