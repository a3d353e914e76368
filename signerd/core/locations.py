"""Where things are by default: the home directory and the daemon's socket; daemon and client ask here."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from signerd.errors import Reason, SignerdError

SOCKET_PATH_MAX = 107  # sun_path of unix(7) has 108 bytes, one of them the final NUL


def home(env: Mapping[str, str]) -> str:
    """Home directory: `$SIGNERD_HOME`, else `$XDG_DATA_HOME/signerd`, else `~/.local/share/signerd`.

    A relative `$XDG_DATA_HOME` is ignored (XDG Base Directory Specification). Raises CONFIG_INVALID where
    nothing in `env` says where that is.
    """
    if own := env.get("SIGNERD_HOME"):
        return own
    data = env.get("XDG_DATA_HOME", "")
    if data.startswith("/"):
        return posixpath.join(data, "signerd")
    if user := env.get("HOME"):
        return posixpath.join(user, ".local/share/signerd")
    raise SignerdError(Reason.CONFIG_INVALID, "no home directory: set SIGNERD_HOME (HOME is not set either)")


def default_socket(home: str) -> str:
    """Path of the daemon's Unix socket under its home directory."""
    return posixpath.join(home, "run", "signerd.sock")


def check_socket_path(path: str, field: str = "endpoint") -> str:
    """Give the path back if a Unix socket can have it; raises ENDPOINT_INVALID."""
    size = len(path.encode("utf-8", "surrogateescape"))
    if "\0" in path or not 0 < size <= SOCKET_PATH_MAX:
        raise SignerdError(
            Reason.ENDPOINT_INVALID,
            f"socket path {path[:SOCKET_PATH_MAX]!r} has {size} bytes; a Unix socket takes 1 to "
            f"{SOCKET_PATH_MAX}: choose a shorter directory",
            field=field,
        )
    return path
