"""What a provider's own test tells the suite: how to get at the provider, and what it is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import isawaitable

from signerd.providers.base import Provider

Reach = Callable[[str], Awaitable[None] | None]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider under test.

    `open` gives another one on the same material, as after a restart; `survives` says whether material outlives it.
    `unknown_uri` is a well-formed URI of this technology that names nothing. `secrets` are what it was given to log in
    with: none may show anywhere. `key_uri` turns the URI of a version into the one of its key, for technologies with
    versions of their own. `disable_outside` and `delete_outside` do it behind signerd's back, by the technology's own
    means; without them another provider on the same material does it.
    """

    type_name: str
    open: Callable[[], Provider | Awaitable[Provider]]
    unknown_uri: str
    survives: bool = True
    secrets: Sequence[bytes | str] = ()
    key_uri: Callable[[str], str] | None = None
    disable_outside: Reach | None = None
    delete_outside: Reach | None = None

    async def opened(self) -> Provider:
        """Another provider on the same material."""
        provider = self.open()
        return await provider if isawaitable(provider) else provider
