"""Which sources of secrets each configured provider has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from signerd.config import Config
from signerd.config_providers import LocalProvider, ProviderSection, Secret
from signerd.passwords import (
    Chosen,
    FilePassword,
    PasswordSource,
    choose_default,
    from_credential,
    from_variable,
)


class Sources(NamedTuple):
    """Sources by provider and by the name of the secret there, and what an operator should know about them."""

    by_provider: dict[str, dict[str, PasswordSource]]
    warnings: tuple[str, ...]


def choose(config: Config, taken: Mapping[str, bytes], environ: Mapping[str, str]) -> Sources:
    """Sources of all providers; `taken` is what passwords.capture gave.

    May make HOME/password. Raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN.
    """
    by_provider: dict[str, dict[str, PasswordSource]] = {}
    warnings: dict[str, None] = {}
    for name, section in config.providers.items():
        if isinstance(section, LocalProvider):
            chosen = _chosen(section, config, taken, environ)
            by_provider[name] = {"password": chosen.source}
            if chosen.warning:
                warnings[chosen.warning] = None
        elif isinstance(section, ProviderSection):
            by_provider[name] = _named(section, taken, environ)
    return Sources(by_provider, tuple(warnings))


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


def _named(
    section: ProviderSection, taken: Mapping[str, bytes], environ: Mapping[str, str]
) -> dict[str, PasswordSource]:
    """The secrets of a section by field, and those variables of its SDK that were set by their own names."""
    found = {name: _source(secret, taken, environ) for name, secret in section.secrets().items()}
    own = {secret.env for secret in section.secrets().values()}
    for variable in section.variables():
        if variable in taken and variable not in own:
            found[variable] = from_variable(variable, taken)
    return found


def _source(secret: Secret, taken: Mapping[str, bytes], environ: Mapping[str, str]) -> PasswordSource:
    if secret.file is not None:
        return FilePassword(secret.file)
    if secret.env is not None:
        return from_variable(secret.env, taken)
    return from_credential(str(secret.credential), environ)
