"""State URLs: two forms, and no password in anything that is shown."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.errors import Reason, SignerdError
from signerd.state.failures import unavailable
from signerd.state.location import PostgresLocation, SqliteLocation, parse_location
from tests.unit.state.contract import refused


def test_sqlite() -> None:
    location = parse_location("sqlite:////var/lib/signerd/state.db")
    assert location == SqliteLocation(Path("/var/lib/signerd/state.db"))
    assert str(location) == "sqlite:////var/lib/signerd/state.db"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://signerd@db.example:5433/state", "postgresql://signerd@db.example:5433/state"),
        ("postgresql://signerd:hush@db/state?sslmode=require", "postgresql://signerd@db/state"),
        ("postgresql://u:hu%40sh@[::1]/state", "postgresql://u@[::1]/state"),
        ("postgresql:///state?host=/run/postgresql", "postgresql:///state"),
    ],
)
def test_postgresql(url: str, shown: str) -> None:
    location = parse_location(url, lambda: "hush")
    assert isinstance(location, PostgresLocation)
    assert (location.uri, str(location)) == (url, shown)
    assert "hush" not in repr(location)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "state.db",
        "/var/lib/state.db",
        "sqlite://",
        "sqlite:///state.db",
        "sqlite:///:memory:",
        "sqlite:////state.db?mode=ro",
        "mysql://u:hush@db/state",
        "postgresql+psycopg://u:hush@db/state",
        "postgresql://u:hush@db",
        "postgresql://u:hush@db:port/state",
        "postgresql://u@db/state?password=hush",
        "postgresql://u:hush@[::1/state",
    ],
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_location(url)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert "hush" not in str(caught.value)


@given(st.text(max_size=40))
def test_no_text_crashes_it(text: str) -> None:
    for url in (text, f"sqlite:///{text}", f"postgresql://{text}"):
        with suppress(SignerdError):
            assert str(parse_location(url)).isprintable()


def test_failures_show_the_place_without_the_password() -> None:
    location = parse_location("postgresql://u:hush@db/state")
    error = unavailable(location, OSError("refused\nmore"))
    assert "postgresql://u@db/state can't be used: refused;" in error.message
    assert "hush" not in error.message
    with refused(Reason.STATE_UNAVAILABLE):
        raise error
