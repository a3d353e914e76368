"""Rotation of the log key: a new version at the same provider, journaled like every key that is made.

What follows is each worker's own: its log gets a record with both keys, its next checkpoint is signed by both.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from signerd.authz.identity import Caller
from signerd.core.keys import Key
from signerd.core.names import check_ids
from signerd.engine.creation import Created, Encode
from signerd.engine.log_key import LOG_KEY, LogKey
from signerd.engine.providers import provider_named
from signerd.engine.recorder import Facts
from signerd.engine.tasks import Tasks
from signerd.providers.base import Material
from signerd.state.changes import Answer, ChangeRequest
from signerd.state.orders import LOST, PendingOrder

OPERATION: Final = "rotate-log-key"


@dataclass(frozen=True, slots=True)
class RotateCall:
    """Asks for a new log key; `lost` says that the one before can't sign any more."""

    lost: bool = False
    request_id: str = ""
    traceparent: str = ""


@dataclass(slots=True)
class LogKeyRotator:
    """Makes new versions of the log key. `now` is the clock."""

    key: LogKey
    now: Callable[[], datetime]
    tasks: Tasks[Created] = field(default_factory=Tasks)

    async def rotate(self, caller: Caller, call: RotateCall, encode: Encode) -> Created:
        """Make a new version and let it sign; goes on to its end even if the caller goes away. Raises OVERLOADED."""
        return await self.tasks.run(self._recorded(caller, call, encode))

    async def _recorded(self, caller: Caller, call: RotateCall, encode: Encode) -> Created:
        facts = Facts(OPERATION, LOG_KEY, 0, call.request_id, call.traceparent)
        async with self.key.creator.recorder.attempt(caller, facts):
            answer = await self._answer(caller, call, encode)
        return Created(answer, facts.sequence)

    async def _answer(self, caller: Caller, call: RotateCall, encode: Encode) -> bytes:
        check_ids(call.request_id, call.traceparent)
        fingerprint = sha256(b"lost" if call.lost else b"").digest()
        change = ChangeRequest(call.request_id, caller.subject, fingerprint, OPERATION)
        creator = self.key.creator
        first = await creator.store.find_change(change)
        if first is not None:
            return first.response
        order = self._order(await self.key.ensure(), call, change)
        begun = Facts(f"{OPERATION}-begun", LOG_KEY, order.version, call.request_id, call.traceparent)
        await creator.recorder.note(caller, begun)

        async def commit(material: Material) -> Answer:
            added = order.version_with(material.uri, material.public_key)
            return await creator.store.commit_rotation(added, order, encode)

        answer = await creator.carry_out(provider_named(creator.providers, order.provider), order, commit)
        await creator.keyring.reload()
        return answer

    def _order(self, key: Key, call: RotateCall, change: ChangeRequest) -> PendingOrder:
        return PendingOrder(
            tag=secrets.token_hex(8),
            key=key.name,
            version=key.versions[-1].number + 1,
            algorithm=key.algorithm,
            purpose=key.purpose,
            provider=key.provider,
            labels={LOST: "yes"} if call.lost else {},
            created=self.now(),
            change=change,
        )
