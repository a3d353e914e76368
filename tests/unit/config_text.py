"""Configurations from text."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from signerd.config_values import Section

ENV = {"SIGNERD_HOME": "/srv/signerd"}
BASE = Path("/etc/signerd")


def sections() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = list(Section.__subclasses__())
    return [
        section
        for section in found
        if section.__name__ not in ("MemoryProvider", "ProviderSection", "Secret")
    ]
