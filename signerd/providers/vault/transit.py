"""What is done to keys of one transit mount, signatures apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signerd.config_providers import VaultProvider as Section
from signerd.errors import Reason, SignerdError
from signerd.providers.vault.admin import Admin, Client
from signerd.providers.vault.answers import Answer, Reader
from signerd.providers.vault.imports import wrapped_text
from signerd.providers.vault.keys import Key
from signerd.providers.vault.tokens import Tokens


class _ShownAnswer(msgspec.Struct):
    data: dict[str, Any]


class _Names(msgspec.Struct):
    keys: list[str]


class _NamesAnswer(msgspec.Struct):
    data: _Names


class _Wrapping(msgspec.Struct):
    public_key: str


class _WrappingAnswer(msgspec.Struct):
    data: _Wrapping


class Transit:
    """Reads, lists, makes, imports and deletes keys."""

    def __init__(self, section: Section, admin: Admin, tokens: Tokens, reader: Reader) -> None:
        self._section = section
        self._admin = admin
        self._tokens = tokens
        self._reader = reader

    async def read(self, name: str, *, insist: bool = True) -> Key | None:
        """The key of that name, None where there is none, or one that may not be read and nobody insists on.

        Raises PROVIDER_INTEGRITY for one that is shown as no key is known to be.
        """
        what = f"read key {name}"
        answer = await self._send(lambda api, at: api.read_key(name, mount_point=at), what, insist=insist)
        if answer.absent or (answer.denied and not insist):
            return None
        shown = self._reader.data(self._reader.checked(answer, what), _ShownAnswer, what).data
        try:
            return msgspec.convert(shown, Key)
        except msgspec.ValidationError as error:
            raise self._reader.strange(str(error), what) from None

    async def names(self) -> list[str]:
        """Names of all keys; an empty engine has none to list."""
        what = "list keys"
        answer = await self._send(lambda api, at: api.list_keys(mount_point=at), what)
        if answer.absent:
            return []
        names = self._reader.data(self._reader.checked(answer, what), _NamesAnswer, what).data.keys
        return [name for name in names if not name.endswith("/")]  # the wrapping key's folder

    async def make(self, name: str, key_type: str) -> None:
        """Make a key that can't be exported; transit is content with one of that name that is there."""
        what = f"make key {name}"
        answer = await self._send(
            lambda api, at: api.create_key(
                name, key_type=key_type, exportable=False, allow_plaintext_backup=False, mount_point=at
            ),
            what,
            self._section.create,
        )
        self._reader.checked(answer, what)

    async def take_in(self, name: str, key_type: str, private_key: bytes) -> None:
        """Import a private key, PKCS#8 DER, that can be neither exported nor rotated; raises KEY_EXISTS."""
        what = f"import key {name}"
        path = f"/v1/{self._section.mount}"
        # Transit makes its wrapping key when it is first asked for: that takes as long as making any.
        seconds = self._section.create
        answer = await self._request(lambda client: client.adapter.get(f"{path}/wrapping_key"), what, seconds)
        wrapping_key = self._reader.data(
            self._reader.checked(answer, what), _WrappingAnswer, what
        ).data.public_key
        try:
            ciphertext = wrapped_text(wrapping_key, private_key)
        except ValueError as error:
            raise self._reader.unreadable(str(error), what) from None
        content = {
            "type": key_type,
            "ciphertext": ciphertext,
            "hash_function": "SHA256",
            "allow_rotation": False,
            "exportable": False,
        }
        answer = await self._request(
            lambda client: client.adapter.post(f"{path}/keys/{name}/import", json=content),
            what,
            seconds,
        )
        self._reader.checked(answer, what)

    async def delete(self, name: str) -> None:
        """Allow the deletion of a key, and delete it; one that is gone is no error."""
        what = f"delete key {name}"
        answer = await self._send(
            lambda api, at: api.update_key_configuration(name, deletion_allowed=True, mount_point=at), what
        )
        if _gone(answer):
            return
        self._reader.checked(answer, what)
        answer = await self._send(lambda api, at: api.delete_key(name, mount_point=at), what)
        if not _gone(answer):
            self._reader.checked(answer, what)

    async def _send(
        self, call: Callable[[Any, str], Any], what: str, seconds: float | None = None, *, insist: bool = True
    ) -> Answer:
        mount = self._section.mount
        return await self._request(
            lambda client: call(client.secrets.transit, mount), what, seconds, insist=insist
        )

    async def _request(
        self,
        request: Callable[[Client], Any],
        what: str,
        seconds: float | None = None,
        *,
        insist: bool = True,
    ) -> Answer:
        return await self._tokens.send(
            lambda token: self._admin.call(request, what, token, seconds), insist=insist
        )


def exists(name: str) -> SignerdError:
    """The error for a name that is taken."""
    return SignerdError(Reason.KEY_EXISTS, f"there is a key {name} already")


def _gone(answer: Answer) -> bool:
    texts = " ".join(answer.errors)
    return "no existing key named" in texts or "could not delete key; not found" in texts
