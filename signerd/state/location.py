"""Where the state is: the URL forms that signerd takes, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from signerd.errors import Reason, SignerdError

SQLITE = "sqlite:///"
POSTGRESQL = "postgresql://"


@dataclass(frozen=True, slots=True)
class SqliteLocation:
    """A SQLite file, absolute path."""

    path: Path

    def __str__(self) -> str:
        return f"{SQLITE}{self.path}"


@dataclass(frozen=True, slots=True)
class PostgresLocation:
    """A PostgreSQL database as a libpq URI; `password` is asked at every connection, None for what the URI has."""

    uri: str = field(repr=False)
    password: Callable[[], str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.uri)
        place = parts.netloc.rpartition("@")[2]
        user = f"{parts.username}@" if parts.username else ""
        return f"{POSTGRESQL}{user}{place}{parts.path}"


Location = SqliteLocation | PostgresLocation


def parse_location(url: str, password: Callable[[], str] | None = None) -> Location:
    """Parse `sqlite:////ABSOLUTE/PATH` or `postgresql://USER@HOST/DATABASE`; raises CONFIG_INVALID."""
    if not url.isprintable():
        raise _invalid("the state URL has control characters; percent-encode them")
    if url.startswith(SQLITE):
        return _sqlite(url.removeprefix(SQLITE))
    if url.startswith(POSTGRESQL):
        return _postgres(url, password)
    # The rest of the URL may hold a password.
    scheme = url.partition(":")[0][:32]
    raise _invalid(
        f"{scheme!r} is no scheme of a state URL; use {SQLITE}/PATH or {POSTGRESQL}USER@HOST/DATABASE"
    )


def _sqlite(path: str) -> SqliteLocation:
    if not path.startswith("/") or any(mark in path for mark in "?#"):
        raise _invalid(
            f"{SQLITE}{path} needs an absolute path without `?` and `#`: {SQLITE}/var/lib/signerd/state.db"
        )
    return SqliteLocation(Path(path))


def _postgres(url: str, password: Callable[[], str] | None) -> PostgresLocation:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _invalid(f"the host or port of the {POSTGRESQL} URL is malformed") from None
    if not parts.path.strip("/"):
        raise _invalid(f"the {POSTGRESQL} URL names no database; end it with /DATABASE")
    if "password" in parse_qs(parts.query, keep_blank_values=True):
        raise _invalid(
            "the state URL has its password in a parameter, where it can't be hidden; use a password file"
        )
    return PostgresLocation(url, password)


def _invalid(message: str) -> SignerdError:
    return SignerdError(Reason.CONFIG_INVALID, message, field="state.url")
