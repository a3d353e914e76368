"""The journal on SQLite."""

from __future__ import annotations

from tests.unit.state.contract import store
from tests.unit.state.journal_contract import JournalContract, clock, journals

__all__ = ["clock", "journals", "store"]


class TestJournal(JournalContract):
    pass
