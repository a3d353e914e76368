"""Looking for signing keys at a provider that no key of signerd uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.core.keys import Key
from signerd.core.public_keys import usual_algorithm
from signerd.engine.directory import check_call
from signerd.engine.keyring import Keyring
from signerd.engine.providers import provider_named
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import SignerdError
from signerd.providers.base import Material
from signerd.providers.guard import Guarded


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """Key material that nobody manages; `algorithm` is empty where signerd has none for it.

    A `leftover` was made by this instance, for a key that never came to be.
    """

    material: Material
    algorithm: str
    leftover: bool


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is at a provider and not managed, by URI."""

    provider: str
    found: Sequence[Unmanaged]


@dataclass(slots=True)
class Discoverer:
    """Compares what a provider holds with what the state knows."""

    keyring: Keyring
    recorder: Recorder
    providers: Mapping[str, Guarded]
    default_provider: str

    async def discover(self, caller: Caller, call: ReadCall, provider: str) -> Discovery:
        """Keys at the provider, the default one for an empty name, that no version names."""
        facts = Facts("discover-keys", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            await self.keyring.catch_up(call.min_revision)
            asked = provider_named(self.providers, provider or self.default_provider)
            held = await asked.held()
            await self.keyring.refresh()  # what was made meanwhile is managed
            snapshot = self.keyring.view.snapshot
            return Discovery(asked.name, unmanaged(held, snapshot.keys, snapshot.instance))


def unmanaged(held: Sequence[Material], keys: Mapping[str, Key], instance: str) -> list[Unmanaged]:
    """The material that no version of the keys names, by URI."""
    managed = managed_uris(keys)
    rest = (one for one in held if one.uri not in managed and (one.public_key or not one.unsure))
    return [
        Unmanaged(material, _algorithm(material), material.tags.get("instance") == instance)
        for material in sorted(rest, key=lambda material: material.uri)
    ]


def managed_uris(keys: Mapping[str, Key]) -> dict[str, str]:
    """Names of the keys by the URIs of all their versions."""
    return {version.uri: key.name for key in keys.values() for version in key.versions}


def _algorithm(material: Material) -> str:
    if material.algorithm is not None:
        return material.algorithm.name
    try:
        return usual_algorithm(material.public_key).name
    except SignerdError:
        return ""
