"""Endpoints: where a daemon listens, as people write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from signerd.core.locations import check_socket_path
from signerd.errors import Reason, SignerdError

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})\Z")
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Unix socket (`path` is set) or a TCP address (`host` and `port` are)."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def is_unix(self) -> bool:
        """Whether it is a Unix socket."""
        return bool(self.path)

    @property
    def target(self) -> str:
        """The name gRPC resolves; `dns:///` keeps a host called `unix` from being read as a scheme."""
        return f"unix:{self.path}" if self.path else f"dns:///{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Parse `unix:PATH` or `HOST:PORT` (IPv6 hosts in brackets); raises ENDPOINT_INVALID."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        return Endpoint(path=check_socket_path(path.removeprefix("//") if path.startswith("///") else path))
    found = _HOST_PORT.match(text)
    if found and 0 < int(found["port"]) <= MAX_PORT:
        return Endpoint(host=found["host"], port=int(found["port"]))
    raise SignerdError(
        Reason.ENDPOINT_INVALID, f"endpoint {text[:128]!r} is not unix:PATH or HOST:PORT", field="endpoint"
    )
