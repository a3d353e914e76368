"""The store against a simple model: whatever the order, it holds what was committed and nothing else."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Table

from signerd.core.keys import Key
from signerd.errors import Reason, SignerdError
from signerd.state.database import open_database
from signerd.state.location import SqliteLocation
from signerd.state.schema import KEYS, VERSIONS
from signerd.state.store import Store
from tests.unit.state.samples import (
    NOW,
    SECRET,
    SqliteIntruder,
    edit_first_row,
    respond,
    sample_change,
    sample_key,
)

T = TypeVar("T")
NAMES = st.sampled_from(["a", "b", "team/c", "d.e-f"])
IDS = st.sampled_from(["", "r-1", "r-2", "r-3"])


class StoreMachine(RuleBasedStateMachine):
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp())
        self.location = SqliteLocation(Path(shutil.copy(self.template, self.directory / "state.db")))
        self.keys: dict[str, Key] = {}
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.revision = 0
        self.begin()

    def begin(self) -> None:
        self.database = open_database(self.location)
        self.store = Store(self.database, SECRET, clock=lambda: NOW)
        self.run(self.store.open(self.revision))

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    def outcome(self, work: Callable[[], bytes]) -> bytes | Reason:
        try:
            return work()
        except SignerdError as error:
            return error.reason

    @rule(name=NAMES, request_id=IDS, versions=st.integers(1, 3))
    def create(self, name: str, request_id: str, versions: int) -> None:
        key = sample_key(name, versions)
        change = sample_change(request_id, of=name)
        got = self.outcome(lambda: self.run(self.store.commit_key(key, change, respond)).response)
        assert got == self.expected(name, key, request_id)

    def expected(self, name: str, key: Key, request_id: str) -> bytes | Reason:
        if request_id in self.answers:
            first_name, answer = self.answers[request_id]
            return answer if first_name == name else Reason.REQUEST_ID_REUSED
        if name in self.keys:
            return Reason.KEY_EXISTS
        self.revision += 1
        self.keys[name] = key
        if request_id:
            self.answers[request_id] = (name, respond(self.revision))
        return respond(self.revision)

    @rule()
    def reopen(self) -> None:
        self.run(self.database.close())
        self.begin()

    @precondition(lambda self: self.keys)
    @rule(
        edit=st.one_of(
            st.tuples(st.just(KEYS), st.sampled_from(list(KEYS.columns.keys()))),
            st.tuples(st.just(VERSIONS), st.sampled_from(list(VERSIONS.columns.keys()))),
        )
    )
    def tamper(self, edit: tuple[Table, str]) -> None:
        table, column = edit
        self.run(self.database.close())
        copy = shutil.copy(self.location.path, self.directory / "copy.db")
        self.run(SqliteIntruder(self.location).run(edit_first_row(table, column)))
        with pytest.raises(SignerdError) as caught:
            self.begin()
        assert caught.value.reason is Reason.STATE_TAMPERED
        self.run(self.database.close())
        shutil.copy(copy, self.location.path)
        self.begin()

    @invariant()
    def holds_what_was_committed(self) -> None:
        snapshot = self.run(self.store.load())
        assert (snapshot.revision, dict(snapshot.keys)) == (self.revision, self.keys)

    @invariant()
    def answers_what_was_answered(self) -> None:
        for request_id, (name, answer) in self.answers.items():
            found = self.run(self.store.find_change(sample_change(request_id, of=name)))
            assert found is not None
            assert found.response == answer

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        shutil.rmtree(self.directory)


def test_store_against_the_model(template: Path) -> None:
    StoreMachine.template = template
    case = StoreMachine.TestCase
    case.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
    case("runTest").runTest()
