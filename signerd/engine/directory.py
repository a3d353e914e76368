"""Reading keys: public keys for verifiers, keys and their versions for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.core.keys import Key
from signerd.core.names import RESERVED, check_ids, check_key_name
from signerd.engine.keyring import Keyring, SigningVersion
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError

MAX_PAGE = 1000
DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Versions whose public keys were asked for, the primary first, then newest first."""

    versions: Sequence[SigningVersion]
    sequence: int


@dataclass(frozen=True, slots=True)
class Page:
    """Keys by name; `next_name` begins the next page, empty on the last."""

    keys: Sequence[Key]
    next_name: str
    revision: int


@dataclass(slots=True)
class Directory:
    """Shows keys to callers."""

    keyring: Keyring
    recorder: Recorder

    async def public_keys(self, caller: Caller, call: ReadCall, every: bool) -> PublicKeys:
        """Public key of one version (0: the primary), or of every version that verifies."""
        facts = Facts("public-key", call.key, call.version, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            found = await self._versions(call, every)
            facts.by = found[0] if found else None
        return PublicKeys(found, facts.sequence)

    async def _versions(self, call: ReadCall, every: bool) -> list[SigningVersion]:
        if every:
            if call.version:
                raise SignerdError(
                    Reason.VERSION_INVALID,
                    "version must be 0 when all versions are asked for",
                    field="version",
                )
            return await self.keyring.find_verifying(call.key, 0, call.min_revision)
        return [await self.keyring.find_any(call.key, call.version, call.min_revision)]

    async def key(self, caller: Caller, call: ReadCall) -> Key:
        """One key with its versions."""
        facts = Facts("get-key", call.key, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            return await self.keyring.find_key(call.key, call.min_revision)

    async def page(self, caller: Caller, call: ReadCall, size: int, after: str) -> Page:
        """Keys by name from `after` on, without the daemon's own; size 0 is 100, at most 1,000."""
        facts = Facts("list-keys", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            check_page_size(size, MAX_PAGE)
            check_page_token(after)
            await self.keyring.catch_up(call.min_revision)
            snapshot = self.keyring.view.snapshot
            names = sorted(name for name in snapshot.keys if name >= after and not name.startswith(RESERVED))
            shown = names[: size or DEFAULT_PAGE]
            rest = names[len(shown) :]
            return Page([snapshot.keys[name] for name in shown], rest[0] if rest else "", snapshot.revision)


def check_call(call: ReadCall) -> None:
    """Raise REQUEST_ID_INVALID or TRACEPARENT_INVALID."""
    check_ids(call.request_id, call.traceparent)


def check_page_size(size: int, most: int) -> None:
    """Raise PAGE_INVALID unless the size is between 0 and the most."""
    if not 0 <= size <= most:
        raise SignerdError(
            Reason.PAGE_INVALID, f"page_size is {size}, 0 to {most} are taken", field="page_size"
        )


def check_page_token(token: str) -> None:
    """Raise PAGE_INVALID unless the token is empty or a key name, which is what we make them of."""
    try:
        if token:
            check_key_name(token)
    except SignerdError:
        raise SignerdError(
            Reason.PAGE_INVALID,
            "page_token was not made by this daemon; use next_page_token of the page before",
            field="page_token",
        ) from None
