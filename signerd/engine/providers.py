"""The configured providers: which one a name or a URI means, and what callers are told of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.engine.directory import check_call
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Health
from signerd.providers.guard import Guarded
from signerd.providers.registry import TYPES

LONGEST_URI = 1024


@dataclass(frozen=True, slots=True)
class Description:
    """One provider; `settings` are those that are no secrets, as text."""

    name: str
    type: str
    scheme: str
    is_default: bool
    health: Health
    capabilities: Capabilities
    settings: Mapping[str, str]


@dataclass(slots=True)
class ProviderReader:
    """Tells of providers from memory; `settings` are by provider."""

    recorder: Recorder
    providers: Mapping[str, Guarded]
    default_provider: str
    settings: Mapping[str, Mapping[str, str]]

    async def all(self, caller: Caller, call: ReadCall) -> list[Description]:
        """All providers by name."""
        facts = Facts("list-providers", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            return [self._described(provider) for _, provider in sorted(self.providers.items())]

    async def one(self, caller: Caller, call: ReadCall, name: str) -> Description:
        """One provider; raises PROVIDER_UNKNOWN."""
        facts = Facts("get-provider", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            return self._described(provider_named(self.providers, name, field="name"))

    def _described(self, provider: Guarded) -> Description:
        return Description(
            provider.name,
            provider.type,
            TYPES[provider.type].scheme,
            provider.name == self.default_provider,
            provider.health(),
            provider.capabilities,
            self.settings.get(provider.name, {}),
        )


def provider_named(providers: Mapping[str, Guarded], name: str, field: str = "provider") -> Guarded:
    """The provider of that name; raises PROVIDER_UNKNOWN."""
    try:
        return providers[name]
    except KeyError:
        known = ", ".join(sorted(providers))
        raise SignerdError(
            Reason.PROVIDER_UNKNOWN,
            f"no provider {name[:64]!r} is configured; known: {known}",
            field=field,
        ) from None


def provider_for(providers: Mapping[str, Guarded], uri: str, name: str = "") -> Guarded:
    """The provider that a key URI belongs to: the one named, else the only one of the type that its scheme tells.

    Raises KEY_URI_INVALID or PROVIDER_UNKNOWN.
    """
    type_name = type_of(uri)
    if name:
        provider = provider_named(providers, name)
        if provider.type != type_name:
            message = f"provider {name!r} is of type {provider.type}, the URI is one of {type_name}"
            raise SignerdError(Reason.KEY_URI_INVALID, message, field="uri")
        return provider
    fitting = sorted(one.name for one in providers.values() if one.type == type_name)
    if len(fitting) == 1:
        return providers[fitting[0]]
    several = f"several providers of type {type_name} are configured, name one: {', '.join(fitting)}"
    none = f"the URI is one of {type_name}, and no provider of that type is configured"
    raise SignerdError(Reason.PROVIDER_UNKNOWN, several if fitting else none, field="provider")


def type_of(uri: str) -> str:
    """Type of the provider that a key URI belongs to, by its scheme; raises KEY_URI_INVALID."""
    scheme, colon, rest = uri.partition(":")
    if colon and rest and len(uri) <= LONGEST_URI and uri.isprintable():
        for name, row in TYPES.items():
            if row.scheme == scheme:
                return name
    known = ", ".join(f"{row.scheme}:" for row in TYPES.values())
    raise SignerdError(
        Reason.KEY_URI_INVALID,
        f"{uri[:128]!r} is no key URI; it begins with one of {known} and has at most {LONGEST_URI} characters",
        field="uri",
    )
