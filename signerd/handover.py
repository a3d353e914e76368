"""What the parent hands to a worker through a pipe: never by argument or environment, which others can read."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from signerd.config import Config


@dataclass(frozen=True, slots=True)
class Handover:
    """Configuration, the file it came from, passwords by variable, and the environment for SDKs."""

    config: Config
    source: Path | None
    worker: int
    control_fd: int
    passwords: Mapping[str, bytes] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(
            {
                "config": self.config.model_dump(mode="json"),
                "source": None if self.source is None else str(self.source),
                "worker": self.worker,
                "control_fd": self.control_fd,
                "passwords": {
                    name: base64.b64encode(value).decode() for name, value in self.passwords.items()
                },
                "environment": dict(self.environment),
            }
        ).encode()


def decode(raw: bytes) -> Handover:
    """Read what `encode` wrote."""
    data = json.loads(raw)
    source = data["source"]
    return Handover(
        config=Config.model_validate(data["config"]),
        source=None if source is None else Path(source),
        worker=int(data["worker"]),
        control_fd=int(data["control_fd"]),
        passwords={name: base64.b64decode(value) for name, value in data["passwords"].items()},
        environment=data["environment"],
    )


def receive() -> Handover:
    """Read the handover from stdin, then close that for good."""
    with os.fdopen(0, "rb", closefd=False) as pipe:
        raw = pipe.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return decode(raw)
