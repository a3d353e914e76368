"""Ways to log in to Vault: a token, AppRole, a Kubernetes service account, a JWT."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from signerd.config_providers import VaultProvider as Section
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed
from signerd.providers.vault.admin import Admin, Client
from signerd.providers.vault.answers import Answer, Reader

_log = logging.getLogger(__name__)
_MAX_JWT = 64 * 1024
# Login methods answer 400 to wrong credentials.
_REFUSED = (400, 401, 403)
# Vault says so of tokens that are none (documentation, Tokens, "Error responses"); OpenBao does not.
_ENDED = "invalid token"


@dataclass(frozen=True, slots=True)
class Token:
    """A token; `lease` in seconds, 0: it does not end. `ours`: made by a login, so it is ours to revoke."""

    value: str = field(repr=False)
    lease: float = 0
    renewable: bool = False
    ours: bool = False


class _Auth(msgspec.Struct):
    client_token: str
    lease_duration: float = 0
    renewable: bool = False


class _AuthAnswer(msgspec.Struct):
    auth: _Auth


class _Self(msgspec.Struct):
    ttl: float = 0
    renewable: bool = False


class _SelfAnswer(msgspec.Struct):
    data: _Self


class Logins:
    """Logs in with the method of the section. Credentials are read anew each time, and never kept."""

    def __init__(
        self,
        name: str,
        section: Section,
        secrets: Mapping[str, Callable[[], bytes]],
        admin: Admin,
        reader: Reader,
    ) -> None:
        self._name = name
        self._section = section
        self._secrets = secrets
        self._admin = admin
        self._reader = reader
        self._what = f"log-in by {section.method}"
        self._alive = b""
        """Hash of the given token that has looked itself up: when it can't any more, it has ended."""

    async def login(self) -> Token:
        """A token; raises PROVIDER_DENIED where the credentials are refused or can't be read."""
        if self._section.method == "token":
            return await self._given()
        credentials = await self._admin.in_pool(self._credentials)
        answer = await self._admin.call(
            lambda client: _LOGINS[self._section.method](client, credentials), self._what
        )
        if answer.status in _REFUSED:
            raise self._denied("; ".join(answer.errors), list(credentials.values()))
        auth = self._data(answer, _AuthAnswer).auth
        return Token(auth.client_token, auth.lease_duration, auth.renewable, ours=True)

    async def refresh(self, token: Token) -> Token:
        """The token with a new lease; another one where it can't have one, or where another one was written down."""
        if not token.ours:
            found = await self.login()
            if found.value != token.value or not found.renewable:
                return found
        if not token.renewable:
            return await self.login()
        answer = await self._admin.call(
            lambda client: client.auth.token.renew_self(), self._what, token.value
        )
        if answer.status in _REFUSED:
            return await self.login()
        auth = self._data(answer, _AuthAnswer).auth
        if token.ours and auth.lease_duration < token.lease / 2:
            return await self.login()  # its longest life is nearly over: leases get shorter and shorter
        return Token(token.value, auth.lease_duration, auth.renewable, token.ours)

    async def revoke(self, token: Token) -> None:
        """Revoke a token that a login made; if that fails, its lease ends anyway."""
        if not token.ours:
            return
        try:
            await self._admin.call(lambda client: client.auth.token.revoke_self(), "revoke", token.value)
        except SignerdError:
            _log.info("provider %s: a token was left to end by itself", self._name)

    async def _given(self) -> Token:
        """The token of the configuration. Where it may not look itself up, its lease is unknown and not renewed.

        Raises PROVIDER_DENIED for one that is known to have ended.
        """
        value = (await self._admin.in_pool(lambda: self._secret("token"))).strip()
        answer = await self._admin.call(lambda client: client.auth.token.lookup_self(), self._what, value)
        hashed = hashlib.sha256(value.encode()).digest()
        if answer.denied:
            said = "; ".join(answer.errors)
            if hashed == self._alive or _ENDED in said:
                raise self._denied(f"the token has ended or was revoked: {said}", [value])
            return Token(value)
        found = self._data(answer, _SelfAnswer).data
        self._alive = hashed
        return Token(value, found.ttl, found.renewable)

    def _data(self, answer: Answer, type_: type[Any]) -> Any:
        return self._reader.data(self._reader.checked(answer, self._what), type_, self._what)

    def _credentials(self) -> dict[str, str]:
        """What the login sends, by hvac's names."""
        section = self._section
        mount = section.auth_mount or section.method
        if section.method == "approle":
            ids = {name: self._secret(name) for name in ("role_id", "secret_id")}
            return {**ids, "mount_point": mount}
        return {"role": section.role or "", "jwt": self._jwt(), "mount_point": mount}

    def _secret(self, name: str) -> str:
        try:
            value = self._secrets[name]().decode("ascii").strip()
        except SignerdError as error:
            raise self._denied(error.message, ()) from None
        except UnicodeDecodeError:
            raise self._denied(f"{name} is not ASCII", ()) from None
        if not value.isprintable():
            raise self._denied(f"{name} has control characters", ())
        return value

    def _jwt(self) -> str:
        """The JWT in the file: a kubelet writes it anew, so it is read at each login."""
        path: Path = self._section.jwt_file
        try:
            with path.open("rb") as file:
                return file.read(_MAX_JWT).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._denied(f"{path} can't be read: {type(error).__name__}", ()) from None

    def _denied(self, said: str, secrets: list[str] | tuple[()]) -> SignerdError:
        what = f"{self._what}: refused; see the daemon's log"
        return failed(_log, self._name, Reason.PROVIDER_DENIED, said, secrets=secrets, what=what)


def _approle(client: Client, given: Mapping[str, str]) -> Any:
    return client.auth.approle.login(**given, use_token=False)


def _kubernetes(client: Client, given: Mapping[str, str]) -> Any:
    return client.auth.kubernetes.login(**given, use_token=False)


def _jwt(client: Client, given: Mapping[str, str]) -> Any:
    return client.auth.jwt.jwt_login(given["role"], given["jwt"], use_token=False, path=given["mount_point"])


_LOGINS: dict[str, Callable[[Client, Mapping[str, str]], Any]] = {
    "approle": _approle,
    "kubernetes": _kubernetes,
    "jwt": _jwt,
}
