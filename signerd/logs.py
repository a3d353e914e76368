"""The daemon's log: structlog, JSON or console, one chain for our events and for those of libraries. Never secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, TextIO

import msgspec

# structlog takes rich for its tracebacks if it finds it: 5 MB and 0.1 s that a daemon has no use for.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402
from structlog.typing import EventDict, Processor, WrappedLogger  # noqa: E402

del sys.modules["rich"]
if _rich:
    sys.modules["rich"] = _rich

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "critical": 50, "exception": 40}
_SECRETS = frozenset(
    {
        "password",
        "passphrase",
        "passwd",
        "pin",
        "token",
        "secret",
        "payload",
        "authorization",
        "credential",
        "private",
    }
)
_HARMLESS_ENDS = frozenset({"file", "path", "env", "name", "type", "count", "length", "size", "directory"})
_WORDS = re.compile(r"[a-z0-9]+")
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^/@\s:]*:[^/@\s]*(?=@)"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]+",
    re.DOTALL,
)
REDACTED = "[redacted]"
_DEPTH = 6

# Libraries talk about their own affairs at info.
_LIBRARIES = ("uvicorn", "grpc", "asyncio", "alembic", "sqlalchemy", "aiosqlite", "asyncpg")


class Threshold:
    """The level below which events are dropped; can be changed while the daemon runs."""

    def __init__(self, level: Level) -> None:
        self.set(level)

    def set(self, level: Level) -> None:
        """Apply a level to our events and the libraries'."""
        self._value = _LEVELS[level]
        for name in _LIBRARIES:
            logging.getLogger(name).setLevel(max(self._value, logging.WARNING))
        logging.getLogger().setLevel(self._value)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Drop what is below (a structlog processor)."""
        if _LEVELS.get(method, logging.ERROR) < self._value:
            raise structlog.DropEvent
        return event


def configure(level: Level = "info", format: Format = "auto", stream: TextIO | None = None) -> Threshold:  # noqa: A002
    """Set up structlog and the standard library's logging; gives the handle that changes the level."""
    out = stream or sys.stderr
    threshold = Threshold(level)
    console = format == "console" or (format == "auto" and out.isatty())
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        stamp,
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [redact, _console() if console else _json()]
    structlog.configure(
        processors=[threshold, *shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _route_libraries(out, shared, last)
    return threshold


def _route_libraries(out: TextIO, shared: Sequence[Processor], last: Sequence[Processor]) -> None:
    handler = logging.StreamHandler(out)
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared], processors=[drop, *last]
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True


def _json() -> Processor:
    encode = msgspec.json.Encoder(enc_hook=str).encode

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        try:
            return encode(event).decode()
        except (TypeError, ValueError, RecursionError):
            return encode({_plain(name): _plain(value) for name, value in event.items()}).decode()

    return render


def _plain(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace what could be a secret: values of telling names, private keys and passwords within text."""
    return {name: _clean(name, value, 0) for name, value in event.items()}


def secret_name(name: str) -> bool:
    """Whether values of that name are kept out of the log: `token`, `db_password`; not `token_file`."""
    words = _WORDS.findall(name.lower())
    return bool(_SECRETS.intersection(words)) and words[-1] not in _HARMLESS_ENDS


def _clean(name: str, value: object, depth: int) -> object:
    if secret_name(name):
        return REDACTED
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, str | BaseException):
        return _SECRET_TEXT.sub(REDACTED, str(value))
    return _clean_inside(value, depth + 1) if depth < _DEPTH else REDACTED


def _clean_inside(value: object, depth: int) -> object:
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", item, depth) for item in value]
    return value
