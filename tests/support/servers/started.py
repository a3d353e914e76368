"""Servers of the tests that run for as long as a `with` lasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Started(ABC):
    """A server in another process: started on the way in, killed on the way out."""

    @abstractmethod
    def start(self) -> None:
        """Start, or start again on the same port, and wait until it answers."""

    @abstractmethod
    def kill(self) -> None:
        """End at once; once is enough."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
