"""What every sink is: something that takes records in order, or says why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """A record: its number in the shard, from 1, and its canonical JSON as it stands in the log."""

    sequence: int
    json: bytes


class Origin(NamedTuple):
    """Where records come from: the state database's id and the shard. As text: the name of the shard's log."""

    instance: str
    shard: str

    def __str__(self) -> str:
        return f"{self.instance}/{self.shard}"


class Unaccepted(Exception):
    """A sink has not taken records. `retry_after`: seconds that it wants to be left alone."""

    def __init__(self, detail: str, retry_after: float = 0.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooLarge(Unaccepted):
    """The sink takes fewer or smaller records in one delivery."""


class Sender(Protocol):
    """Delivers records; connects when it has to. It may be cancelled at any time, and used again."""

    async def send(self, entries: Sequence[Entry]) -> None:
        """Return once the sink has them all. Raises OSError or Unaccepted; then it may have some."""

    def reopen(self) -> None:
        """Begin anew with the next delivery: a file was rotated."""

    async def close(self) -> None:
        """Give connections and files free."""
