"""Which provider types there are; their modules are imported on first use."""

from __future__ import annotations

from importlib import import_module

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Provider

MODULES = {"local": "signerd.providers.local", "memory": "signerd.providers.memory"}


def build(type_name: str, options: object) -> Provider:
    """Build a provider from the options dataclass of its module (LocalOptions, MemoryOptions).

    Raises CONFIG_INVALID for an unknown type, and what the provider raises if it can't be used.
    """
    if type_name not in MODULES:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"unknown provider type {type_name!r}; known: {', '.join(MODULES)}",
            field="providers.type",
        )
    provider: Provider = import_module(MODULES[type_name]).build(options)
    return provider
