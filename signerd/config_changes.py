"""What a new configuration changes, and which of that a running daemon takes over (SIGHUP). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from signerd.config import Config

# The contents of TLS files are read again at any time; other paths for them need a restart.
RELOADABLE = frozenset({"log.level", "limits.payload", "limits.concurrent", "drain"})


class Changes(NamedTuple):
    """Paths of changed settings: those that take effect now, and those that wait for a restart."""

    reloadable: tuple[str, ...]
    needs_restart: tuple[str, ...]


def changes(old: Config, new: Config) -> Changes:
    """Compare two configurations."""
    before, after = _flat(old), _flat(new)
    different = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    now = tuple(path for path in different if path in RELOADABLE)
    return Changes(now, tuple(path for path in different if path not in now))


def reloaded(old: Config, new: Config) -> Config:
    """The configuration that a running daemon works with after a reload: only what can be taken over is new."""
    taken = {"payload": new.limits.payload, "concurrent": new.limits.concurrent}
    return old.model_copy(
        update={
            "log": old.log.model_copy(update={"level": new.log.level}),
            "limits": old.limits.model_copy(update=taken),
            "drain": new.drain,
        }
    )


def _flat(config: Config) -> dict[str, object]:
    data = config.model_dump(mode="json")
    data["listeners"] = {listener["name"]: listener for listener in data["listeners"]}
    return dict(_leaves(data, ""))


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, value
