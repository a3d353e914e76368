"""Settings of the Vault provider, what it loads, and that it takes nothing from the environment."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from signerd.config_providers import VaultProvider as Section
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Setup
from signerd.providers.vault.keys import Key, Version
from signerd.providers.vault.provider import VaultProvider

BASE: dict[str, Any] = {"type": "vault-transit", "address": "https://vault.example.org:8200"}
TOKEN = {"token": {"env": "T"}}
APPROLE = {"method": "approle", "role_id": {"env": "R"}, "secret_id": {"env": "S"}}


@pytest.mark.parametrize(
    "settings",
    [
        TOKEN,
        APPROLE,
        {"method": "kubernetes", "role": "signerd"},
        {"method": "jwt", "role": "signerd", "jwt_file": Path("/run/jwt"), "auth_mount": "team/jwt"},
        {**TOKEN, "address": "http://127.0.0.1:8200"},
        {**TOKEN, "address": "http://localhost:8200/vault"},
        {**TOKEN, "address": "http://[::1]:8200"},
        {**TOKEN, "address": "http://vault:8200", "insecure_plaintext": True},
        {**TOKEN, "mount": "team-a/transit", "namespace": "admin/team-a"},
        {**TOKEN, "cert": Path("/c"), "key": Path("/k"), "ca": Path("/ca")},
    ],
)
def test_settings(settings: dict[str, Any]) -> None:
    Section.model_validate({**BASE, **settings})


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "token"),
        ({"method": "approle", "role_id": {"env": "R"}}, "secret_id"),
        ({"method": "kubernetes"}, "role"),
        ({"method": "jwt"}, "role"),
        ({**APPROLE, **TOKEN}, "token"),
        ({**TOKEN, "role": "signerd"}, "role"),
        ({**TOKEN, "cert": Path("/c")}, "cert"),
        ({**TOKEN, "address": "http://vault:8200"}, "address"),
        ({**TOKEN, "address": "http://127.0.0.1.example.org:8200"}, "address"),
        ({**TOKEN, "address": "https://user:password@vault:8200"}, "address"),
        ({**TOKEN, "mount": "/transit"}, "mount"),
        ({**TOKEN, "mount": "transit/"}, "mount"),
        ({**TOKEN, "mount": "a//b"}, "mount"),
        ({**TOKEN, "namespace": "a\nb"}, "namespace"),
        ({**TOKEN, "tokn": "x"}, "tokn"),
    ],
)
def test_settings_that_contradict(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Section.model_validate({**BASE, **settings})
    (error,) = refused.value.errors()
    assert field in (*error["loc"], error.get("ctx", {}).get("field"))


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("junk")
    for ca in (tmp_path / "ca", tmp_path / "missing"):
        section = Section.model_validate({**BASE, **TOKEN, "ca": ca})
        with pytest.raises(SignerdError) as refused:
            VaultProvider(Setup("v", section))
        assert refused.value.reason is Reason.CONFIG_INVALID


def test_the_module_loads_no_sdk() -> None:
    code = (
        "import sys, signerd.providers.vault.provider; "
        "found = {'hvac', 'aiohttp', 'requests'} & set(sys.modules); sys.exit(str(found) if found else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "s.tokenOfTheEnvironment000")
    monkeypatch.setenv("VAULT_NAMESPACE", "theirs")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org")
    provider = VaultProvider(Setup("v", Section.model_validate({**BASE, **TOKEN})))
    client = provider._admin._client("", 1.0)
    assert not client.token
    assert client.adapter.namespace is None
    assert not client.allow_redirects
    assert not client.session.trust_env


class Keys:
    """Transit with one key of Ed25519 and one of a type that signerd does not know."""

    def __init__(self, unknown: str) -> None:
        known, strange = (base64.b64encode(bytes([9]) * size).decode() for size in (32, 1312))
        self.keys = {
            "known": Key("ed25519", 1, {"1": Version(known)}, supports_signing=True),
            unknown: Key("ml-dsa", 1, {"1": Version(strange)}, supports_signing=True),
        }

    async def names(self) -> list[str]:
        return list(self.keys)

    async def read(self, name: str, *, insist: bool = True) -> Key | None:
        return self.keys[name]


def provider_of(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> VaultProvider:
    section = Section.model_validate({**BASE, **TOKEN})
    provider = VaultProvider(Setup("v", section, {"token": lambda: b"t"}))
    monkeypatch.setattr(provider, "_transit", keys)
    return provider


async def test_a_foreign_key_of_an_unknown_kind_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = provider_of(Keys("others"), monkeypatch)
    assert [one.uri for one in await provider.held()] == ["vault-transit://transit/known?version=1"]


async def test_a_key_of_ours_that_can_not_be_understood_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SignerdError) as caught:
        await provider_of(Keys("signerd-i-k-1-t"), monkeypatch).held()
    assert caught.value.reason is Reason.PROVIDER_INTEGRITY
