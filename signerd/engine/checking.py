"""Checking keys: whether each is at its provider as it was, may be used there, and signs as its pinned key says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

from signerd.authz.identity import Caller
from signerd.core.keys import SIGNS, VERIFIES, Key, KeyVersion
from signerd.core.names import check_key_name
from signerd.engine.canaries import prove
from signerd.engine.directory import check_call
from signerd.engine.keyring import Keyring
from signerd.engine.promotion import Promoter
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError

AT_ONCE = 8
SHOWN = 10
ELSEWHERE = frozenset({Reason.KEY_MATERIAL_UNREADABLE, Reason.KEY_URI_INVALID})
"""The material is gone, or at another technology: a public key that was adopted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one version is: `ok`, or the reason code and what is wrong. `milliseconds` is what finding out took."""

    key: str
    version: int
    provider: str
    ok: bool
    reason: str
    message: str
    milliseconds: int


@dataclass(slots=True)
class Checker:
    """Checks keys; `failing` is what was wrong when it was last looked at, by key and version.

    A canary signature is on record where it was made outside this process, or failed.
    """

    keyring: Keyring
    recorder: Recorder
    promoter: Promoter
    failing: dict[tuple[str, int], Finding] = field(default_factory=dict)

    async def check(
        self, caller: Caller, names: Sequence[str], call: ReadCall | None = None
    ) -> list[Finding]:
        """Check every version that signs or verifies, of all keys for no names; by key and version.

        Raises KEY_NAME_INVALID, KEY_NOT_FOUND and what ReadCall's fields give cause for.
        """
        call = call or ReadCall()
        facts = Facts("check-keys", names[0] if len(names) == 1 else "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            await self.keyring.catch_up(call.min_revision)
            slots = asyncio.Semaphore(AT_ONCE)
            wanted = await self._wanted(names)
            return await asyncio.gather(*(self._checked(caller, slots, *one) for one in wanted))

    async def _wanted(self, names: Sequence[str]) -> list[tuple[Key, KeyVersion]]:
        if not names:
            return self.checkable()
        keys = [await self.keyring.find_key(check_key_name(name), 0) for name in sorted(set(names))]
        return versions_to_check(keys)

    async def _checked(
        self, caller: Caller, slots: asyncio.Semaphore, key: Key, version: KeyVersion
    ) -> Finding:
        async with slots:
            return await self.examine(caller, key, version)

    def checkable(self) -> list[tuple[Key, KeyVersion]]:
        """All versions that sign or verify; what is no longer among them is no longer failing."""
        keys = self.keyring.view.snapshot.keys
        found = versions_to_check(keys[name] for name in sorted(keys))
        there = {(key.name, version.number) for key, version in found}
        self.failing = {one: finding for one, finding in self.failing.items() if one in there}
        return found

    async def examine(self, caller: Caller, key: Key, version: KeyVersion) -> Finding:
        """Look at one version."""
        started = perf_counter_ns()
        facts = Facts("canary", key.name, version.number)
        try:
            await self._look(key, version, facts)
        except Exception as problem:  # noqa: BLE001 - one key's trouble must not hide the others
            facts.error = self.recorder.failure(problem)
        if facts.error is not None or (facts.signature and facts.by and not facts.by.provider.in_process):
            await self.recorder.append(caller, (facts,), started)
        return self._noted(key, version, facts.error, started)

    async def _look(self, key: Key, version: KeyVersion, facts: Facts) -> None:
        found = facts.by = self.keyring.derive(key, version)
        signs = version.state in SIGNS
        try:
            material = await found.provider.compare_public_key(version.uri, version.public_key)
        except SignerdError as error:
            if error.reason in ELSEWHERE and not signs:
                return  # the pinned public key is all that verifying takes
            raise
        if not signs:
            return
        if not material.enabled:
            raise SignerdError(
                Reason.KEY_MATERIAL_DISABLED, f"{version.uri} is disabled, or waits there to be destroyed"
            )
        facts.signed, facts.signature = await prove(found.provider, found.pinned)
        if version.number == key.primary:
            await self.promoter.restore(key.name)

    def _noted(self, key: Key, version: KeyVersion, error: SignerdError | None, started: int) -> Finding:
        finding = Finding(
            key.name,
            version.number,
            key.provider,
            ok=error is None,
            reason=error.reason.name if error else "",
            message=error.message if error else "",
            milliseconds=(perf_counter_ns() - started) // 1_000_000,
        )
        if finding.ok:
            self.failing.pop((key.name, version.number), None)
        else:
            self.failing[key.name, version.number] = finding
        return finding

    def warnings(self) -> Sequence[str]:
        """What an operator should know: the first few keys that fail."""
        failing = sorted(self.failing.items())
        shown = [f"{key} version {number}: {one.message}" for (key, number), one in failing[:SHOWN]]
        return [*shown, *([f"{len(failing) - SHOWN} more versions fail"] if len(failing) > SHOWN else [])]


def versions_to_check(keys: Iterable[Key]) -> list[tuple[Key, KeyVersion]]:
    """Versions that sign or verify, by key and number."""
    return [(key, version) for key in keys for version in key.versions if version.state in VERIFIES | SIGNS]
