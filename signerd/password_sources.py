"""Which password source each configured provider has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from signerd.config import Config, LocalProvider
from signerd.passwords import (
    Chosen,
    FilePassword,
    PasswordSource,
    choose_default,
    from_credential,
    from_variable,
)


class Sources(NamedTuple):
    """Sources by provider name, and what an operator should know about them."""

    by_provider: dict[str, PasswordSource]
    warnings: tuple[str, ...]


def choose(config: Config, taken: Mapping[str, bytes], environ: Mapping[str, str]) -> Sources:
    """Sources of all providers that have one; `taken` is what passwords.capture gave.

    May make HOME/password. Raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN.
    """
    chosen = {
        name: _chosen(provider, config, taken, environ)
        for name, provider in config.providers.items()
        if isinstance(provider, LocalProvider)
    }
    warnings = dict.fromkeys(one.warning for one in chosen.values() if one.warning)
    return Sources({name: one.source for name, one in chosen.items()}, tuple(warnings))


def _chosen(
    provider: LocalProvider, config: Config, taken: Mapping[str, bytes], environ: Mapping[str, str]
) -> Chosen:
    if provider.password_file is not None:
        return Chosen(FilePassword(provider.password_file))
    if provider.password_env is not None:
        return Chosen(from_variable(provider.password_env, taken))
    if provider.password_credential is not None:
        return Chosen(from_credential(provider.password_credential, environ))
    return choose_default(config.home, taken, environ)
