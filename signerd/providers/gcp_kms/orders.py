"""Making versions at Cloud KMS: one CryptoKey for each key, a version of it for each order, marked on the way."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from time import time
from typing import Any
from weakref import WeakValueDictionary

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.failures import failed
from signerd.providers.gcp_kms.algorithms import name_of
from signerd.providers.gcp_kms.calls import Calls
from signerd.providers.gcp_kms.failures import unusable
from signerd.providers.gcp_kms.marks import (
    Made,
    Mark,
    check_tag,
    labels_with,
    marks_in,
    owner_labels,
    owner_of,
    settle,
    unclaimed,
    with_mark,
)
from signerd.providers.gcp_kms.names import key_id, number_of, numbered

_log = logging.getLogger(__name__)
_UNSURE = "%s: order %s may have made one of the versions %s, but none surely: adopt them or destroy them"
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.05, 2.0, 1.6


class Orders:
    """Carries out orders in one key ring."""

    def __init__(self, calls: Calls, key_ring: str, protection: str, destroy_delay: timedelta) -> None:
        self._calls = calls
        self._messages = calls.messages
        self._key_ring = key_ring
        self._protection = protection
        self._destroy_delay = destroy_delay
        self._seconds = 2 * calls.seconds  # to write the mark and to make the version
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def carry_out(self, order: Order) -> str:
        """Make a version and wait until it can be used; gives its resource name. Raises KEY_EXISTS for a known tag."""
        check_tag(order.tag)
        wanted = key_id(order.instance, order.key, order.algorithm, self._protection)
        lock = self._locks.setdefault(wanted, asyncio.Lock())
        async with lock:
            name = await self._first_version(order, wanted) or await self._next_version(order, wanted)
        await self._wait_for(name)
        return name

    async def versions(self, key: str) -> list[Any]:
        """All versions of a CryptoKey, oldest first."""
        request = self._messages.ListCryptoKeyVersionsRequest(parent=key)
        rows = [
            row async for row in self._calls.rows("ListCryptoKeyVersions", request, "crypto_key_versions")
        ]
        return sorted(rows, key=lambda row: number_of(row.name))

    def tags(self, key: Any, versions: list[Any]) -> dict[int, dict[str, str]]:
        """Tags of the orders that a CryptoKey's versions were made for, by number; `versions` are all it has."""
        owner = owner_of(key.labels)
        if owner is None:
            return {}
        made = [_made(version) for version in versions]
        settled = settle(marks_in(key.labels), made, self._seconds)
        for mark in settled:
            if not mark.number and (
                newer := [one.number for one in unclaimed(settled, made) if one.number > mark.after]
            ):
                _log.warning(_UNSURE, key.name, mark.tag, newer)
        return {
            mark.number: {
                "instance": owner[0],
                "key": owner[1],
                "version": str(mark.version),
                "tag": mark.tag,
            }
            for mark in settled
            if mark.number
        }

    async def _first_version(self, order: Order, wanted: str) -> str | None:
        """Make the CryptoKey with its first version and its mark, all at once; None if there is one."""
        kinds = self._messages.CryptoKeyVersion.CryptoKeyVersionAlgorithm
        key = self._messages.CryptoKey(
            purpose=self._messages.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN,
            version_template={
                "algorithm": kinds[name_of(order.algorithm)],
                "protection_level": self._messages.ProtectionLevel[self._protection.upper()],
            },
            labels=labels_with(owner_labels(order), [Mark(order.tag, order.version, 1, number=1)]),
            destroy_scheduled_duration=self._destroy_delay,
        )
        request = self._messages.CreateCryptoKeyRequest(
            parent=self._key_ring, crypto_key_id=wanted, crypto_key=key
        )
        try:
            made = await self._calls.call("CreateCryptoKey", request, "parent")
        except SignerdError as error:
            if error.reason is Reason.KEY_EXISTS:
                return None
            if error.reason is Reason.KEY_MATERIAL_UNREADABLE:
                raise self._no_ring() from None
            raise
        return numbered(made.name, 1)

    async def _next_version(self, order: Order, wanted: str) -> str:
        """Mark the order, make a version, mark which one it is."""
        key = await self._key(f"{self._key_ring}/cryptoKeys/{wanted}", order)
        versions = await self.versions(key.name)
        gone = [number_of(row.name) for row in versions if self._is_gone(row)]
        known = marks_in(key.labels)
        marks = with_mark(known, order, map(_made, versions), time(), self._seconds)
        await self._write(key, marks, gone)
        request = self._messages.CreateCryptoKeyVersionRequest(parent=key.name)
        made = await self._calls.call("CreateCryptoKeyVersion", request, "parent")
        await self._confirm(key.name, order, number_of(made.name), gone)
        return str(made.name)

    async def _confirm(self, key: str, order: Order, number: int, gone: list[int]) -> None:
        """Mark the number; if that fails the first mark still leads to the version."""
        try:
            held = await self._key(key, order)
            others = [mark for mark in marks_in(held.labels) if mark.tag != order.tag]
            place = max((mark.place for mark in others), default=0) + 1
            await self._write(held, [*others, Mark(order.tag, order.version, place, number=number)], gone)
        except SignerdError as error:
            _log.warning("%s: version %d is not marked as made: %s", key, number, error.reason.name)

    async def _key(self, name: str, order: Order) -> Any:
        request = self._messages.GetCryptoKeyRequest(name=name)
        key = await self._calls.call("GetCryptoKey", request, "name")
        if owner_of(key.labels) != (order.instance, order.key):
            raise SignerdError(
                Reason.PROVIDER_REFUSED,
                f"{name} exists and its labels do not say that it is signerd's key {order.key}",
            )
        return key

    async def _write(self, key: Any, marks: list[Mark], gone: list[int]) -> None:
        labels = labels_with(key.labels, marks, gone)
        request = self._messages.UpdateCryptoKeyRequest(
            crypto_key={"name": key.name, "labels": labels}, update_mask="labels"
        )
        await self._calls.call("UpdateCryptoKey", request, "crypto_key.name")

    async def _wait_for(self, name: str) -> None:
        """Ask until the version is made; the time limit is the caller's."""
        states = self._messages.CryptoKeyVersion.CryptoKeyVersionState
        pause = _FIRST_PAUSE
        while True:
            request = self._messages.GetCryptoKeyVersionRequest(name=name)
            version = await self._calls.call("GetCryptoKeyVersion", request, "name")
            if version.state == states.ENABLED:
                return
            if version.state != states.PENDING_GENERATION:
                raise self._not_made(version, states(version.state).name)
            await asyncio.sleep(pause)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)

    def _not_made(self, version: Any, state: str) -> SignerdError:
        if not version.generation_failure_reason:
            return unusable(self._calls.name, state)
        what = "the new version could not be generated"
        vendor = version.generation_failure_reason
        return failed(_log, self._calls.name, Reason.PROVIDER_UNAVAILABLE, vendor, what=what)

    def _no_ring(self) -> SignerdError:
        return SignerdError(Reason.PROVIDER_REFUSED, f"there is no key ring {self._key_ring}; make it first")

    def _is_gone(self, version: Any) -> bool:
        states = self._messages.CryptoKeyVersion.CryptoKeyVersionState
        return bool(version.state == states.DESTROYED)


def _made(version: Any) -> Made:
    generated = not version.import_job and not version.HasField("import_time")
    return Made(number_of(version.name), version.create_time.ToMicroseconds() / 1e6, generated)
