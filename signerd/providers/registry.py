"""Which provider types there are; their modules, and the SDKs behind them, are imported on first use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Provider, Setup


@dataclass(frozen=True, slots=True)
class ProviderType:
    """A row of the table: the module, the scheme of its key URIs, and the extra whose packages it needs."""

    module: str
    scheme: str
    extra: str = ""
    packages: tuple[str, ...] = ()


TYPES = {
    "local": ProviderType("signerd.providers.local.provider", "local"),
    "memory": ProviderType("signerd.providers.memory", "memory"),
    "k8s-secret": ProviderType(
        "signerd.providers.k8s_secret.provider", "k8s-secret", "kubernetes", ("kubernetes",)
    ),
    "aws-kms": ProviderType("signerd.providers.aws_kms.provider", "aws-kms", "aws", ("boto3",)),
    "gcp-kms": ProviderType("signerd.providers.gcp_kms.provider", "gcp-kms", "gcp", ("google.cloud.kms",)),
    "vault-transit": ProviderType(
        "signerd.providers.vault.provider", "vault-transit", "vault", ("hvac", "aiohttp")
    ),
    "pkcs11": ProviderType("signerd.providers.pkcs11.provider", "pkcs11", "pkcs11", ("pkcs11",)),
}


def build(type_name: str, setup: Setup) -> Provider:
    """Build a provider.

    Raises CONFIG_INVALID for an unknown type or a missing extra, and what the provider raises if it can't be used.
    """
    try:
        row = TYPES[type_name]
    except KeyError:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"unknown provider type {type_name!r}; known: {', '.join(TYPES)}",
            field="providers.type",
        ) from None
    for package in row.packages:
        check_installed(setup.name, package, row.extra)
    provider: Provider = import_module(row.module).build(setup)
    return provider


def check_installed(provider: str, package: str, extra: str) -> None:
    """Raise CONFIG_INVALID naming the extra unless the package can be imported; nothing is imported."""
    from importlib.util import find_spec

    try:
        found = find_spec(package)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"provider {provider!r} needs the package {package}: pip install 'signerd[{extra}]'",
            field=f"providers.{provider}.type",
        )
