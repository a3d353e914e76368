"""Names at providers that follow the primaries of keys, such as the aliases of AWS KMS.

The state says which version is primary: a name is moved after the state has it, and looked after from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from signerd.authz.identity import DAEMON
from signerd.core.keys import SIGNS
from signerd.engine.keyring import Keyring
from signerd.engine.recorder import Facts, Recorder
from signerd.errors import SignerdError
from signerd.providers.guard import Guarded

OPERATION = "promote-key"
PAUSE = 0.1
"""Seconds between two keys when many are looked at: providers have quotas that signatures need."""
RETRY = 60.0
SHOWN = 10
logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Promoter:
    """Lets names follow primaries; `failing` is what could not be done, by key, and is tried again by `run`."""

    keyring: Keyring
    recorder: Recorder
    providers: Mapping[str, Guarded]
    failing: dict[str, str] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def promote(self, name: str) -> bool:
        """Let the name of a key lead to its primary, as the keyring knows it; whether it did not.

        Nothing happens where providers have no such names, or the primary does not sign. Raises what the provider does.
        """
        snapshot = self.keyring.view.snapshot
        key = snapshot.keys.get(name)
        provider = self.providers.get(key.provider) if key else None
        if key is None or provider is None or not provider.follows:
            return False
        primary = key.version(key.primary)
        if primary.state not in SIGNS:
            return False
        moved = await provider.promote(primary.uri, key.name, snapshot.instance)
        self.failing.pop(name, None)
        return moved

    async def restore(self, name: str) -> None:
        """As `promote`, for a name that should lead there already: if it did not, that is on record. Raises as that."""
        self.recorder.check()
        if await self.promote(name):
            logger.warning("the name at the provider led elsewhere and was put right", key=name)
            await self.recorder.note(DAEMON, Facts(OPERATION, name))

    async def follow(self, name: str) -> None:
        """As `promote`, once the state has a new primary: what fails is told, and tried again later."""
        try:
            await self.promote(name)
        except SignerdError as error:
            self._failed(name, error)

    def _failed(self, name: str, error: SignerdError) -> None:
        if self.failing.get(name) != error.message:
            logger.warning("the name at the provider does not follow", key=name, error=error.message)
        self.failing[name] = error.message
        self._woken.set()

    async def run(self, *, everything: bool) -> None:
        """Look after all keys once if asked to, and try again what failed, until cancelled."""
        if everything:
            await self._look_after(self._followed())
        while True:
            if self.failing:
                await asyncio.sleep(RETRY)
            else:
                self._woken.clear()
                await self._woken.wait()
            await self._look_after(sorted(self.failing))

    def _followed(self) -> list[str]:
        keys = self.keyring.view.snapshot.keys.values()
        named = {name for name, provider in self.providers.items() if provider.follows}
        return sorted(key.name for key in keys if key.provider in named)

    async def _look_after(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                await self.keyring.refresh()  # another worker may have made another version the primary
                await self.restore(name)
            except SignerdError as error:
                self._failed(name, error)
            await asyncio.sleep(PAUSE)

    def warnings(self) -> Sequence[str]:
        """What an operator should know: the first few keys whose names do not follow."""
        shown = [
            f"the name of key {name} at its provider: {why}" for name, why in sorted(self.failing.items())
        ]
        return [*shown[:SHOWN], *([f"{len(shown) - SHOWN} more names"] if len(shown) > SHOWN else [])]
