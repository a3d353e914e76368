"""Making and importing keys, repeatable by request id: journal, material at the provider, state, answer.

Whatever stops this on the way, `recovery` finds the order in the journal and settles it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import structlog

from signerd.authz.identity import DAEMON, Caller
from signerd.core import private_keys
from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.keys import CALLABLE, Key, Purpose
from signerd.core.names import check_ids, check_key_name, check_unreserved
from signerd.engine.discovery import managed_uris
from signerd.engine.keyring import Keyring
from signerd.engine.promotion import Promoter
from signerd.engine.providers import provider_named
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import CreateCall
from signerd.engine.tasks import Tasks
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material, Order
from signerd.providers.guard import Guarded
from signerd.state.changes import Answer, ChangeRequest
from signerd.state.journal import Journal
from signerd.state.orders import PendingOrder
from signerd.state.store import Store

LABEL_NAME = re.compile(r"[a-z0-9._/-]{1,63}\Z")
LABEL_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,255}\Z")
MAX_LABELS = 64
DOUBTFUL = frozenset({Reason.PROVIDER_INTEGRITY, Reason.PROVIDER_UNAVAILABLE})
"""After these even a provider in this process may hold what it was asked to make."""
logger = structlog.get_logger(__name__)
Encode = Callable[[Key, int], bytes]
"""Makes the door's answer from the key and the state revision that has it."""
Commit = Callable[[Material], Awaitable[Answer]]
"""Writes to the state what material becomes."""


@dataclass(frozen=True, slots=True)
class Created:
    """The answer, byte for byte the first one when the request came before."""

    answer: bytes
    sequence: int


@dataclass(slots=True)
class Creator:
    """Makes keys. `now` is the clock; `given_up` is told when an order is left to the recovery."""

    keyring: Keyring
    recorder: Recorder
    store: Store
    journal: Journal
    providers: Mapping[str, Guarded]
    default_provider: str
    now: Callable[[], datetime]
    promoter: Promoter
    given_up: Callable[[], None] = lambda: None
    tasks: Tasks[Created] = field(default_factory=Tasks)

    async def create(self, caller: Caller, call: CreateCall, encode: Encode) -> Created:
        """Make or import a key; goes on to its end even if the caller goes away. Raises OVERLOADED."""
        return await self.tasks.run(self._recorded(caller, call, encode))

    async def settle(self) -> None:
        """Wait for the changes whose callers went away."""
        await self.tasks.settle()

    async def _recorded(self, caller: Caller, call: CreateCall, encode: Encode) -> Created:
        operation = "create-key" if call.private_key is None else "import-key"
        facts = Facts(operation, call.name, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            answer = await self._answer(caller, call, operation, encode)
        return Created(answer, facts.sequence)

    async def _answer(self, caller: Caller, call: CreateCall, operation: str, encode: Encode) -> bytes:
        check_ids(call.request_id, call.traceparent)
        check_key_name(call.name, field="name")
        if caller is not DAEMON:
            check_unreserved(call.name)
        check_labels(call.labels)
        change = ChangeRequest(
            request_id=call.request_id, caller=caller.subject, request_hash=fingerprint(call), kind=operation
        )
        first = await self.store.find_change(change)
        if first is not None:
            return first.response
        answer = await self._made(caller, call, change, encode)
        await self.keyring.reload()
        await self.promoter.follow(call.name)
        return answer

    async def _made(self, caller: Caller, call: CreateCall, change: ChangeRequest, encode: Encode) -> bytes:
        if call.name in self.keyring.view.snapshot.keys:
            raise SignerdError(Reason.KEY_EXISTS, f"key {call.name!r} exists", field="name")
        provider = provider_named(self.providers, call.provider or self.default_provider)
        algorithm, private_key = await asyncio.to_thread(chosen, call)
        # Whatever happens from here on, there is no key that the log knows nothing of.
        await self.recorder.note(
            caller, Facts(f"{change.kind}-begun", call.name, 0, call.request_id, call.traceparent)
        )
        order = PendingOrder(
            tag=secrets.token_hex(8),
            key=call.name,
            version=1,
            algorithm=algorithm,
            purpose=call.purpose,
            provider=provider.name,
            labels=dict(call.labels),
            created=self.now(),
            change=change,
        )

        async def commit(material: Material) -> Answer:
            key = order.key_with(material.uri, material.public_key)
            return await self.store.commit_key(
                key, order.change, lambda revision: encode(key, revision), order.tag
            )

        return await self.carry_out(provider, order, commit, private_key)

    async def carry_out(
        self, provider: Guarded, order: PendingOrder, commit: Commit, private_key: bytes | None = None
    ) -> bytes:
        """Have material made and commit what comes of it, with the order in the journal meanwhile; gives the answer.

        Material that is refused is destroyed again.
        """
        # No material that nobody knows of.
        await self.journal.begin(order)
        material = await self._material(provider, order, private_key)
        return await self._committed(provider, order, material, commit)

    async def _material(self, provider: Guarded, order: PendingOrder, private_key: bytes | None) -> Material:
        instance = self.keyring.view.snapshot.instance
        try:
            return await provider.create(
                Order(order.key, order.version, order.algorithm, order.tag, private_key, instance)
            )
        except SignerdError as error:
            await self._close(order, made=error.reason in DOUBTFUL or provider.create_seconds > 0)
            raise

    async def _committed(
        self, provider: Guarded, order: PendingOrder, material: Material, commit: Commit
    ) -> bytes:
        try:
            answer = await commit(material)
        except SignerdError as error:
            if error.refused:
                await self._undo(provider, order, material)
            else:
                await self._doubt(provider, order, material)
            raise
        if answer.repeated:
            await self._undo(provider, order, material)
        return answer.response

    async def _undo(self, provider: Guarded, order: PendingOrder, material: Material) -> None:
        """Destroy material that is refused a key, and end its order; where that fails it is left to the recovery."""
        left = not await discard(self.keyring, provider, material.uri)
        await self._close(order, made=left)

    async def _doubt(self, provider: Guarded, order: PendingOrder, material: Material) -> None:
        """Nobody knows whether the key was added: if not, and the order is settled, the material is destroyed."""
        if not await self._close(order, made=True):
            await discard(self.keyring, provider, material.uri)

    async def _close(self, order: PendingOrder, *, made: bool) -> bool:
        """End the order, or give it up where material may have been made; whether it may still be there."""
        try:
            if not made:
                return not await self.journal.end(order.tag)
            there = await self.journal.release(order.tag)
        except SignerdError as error:
            # Silent for long enough, it is settled all the same.
            logger.error("order is left in the journal", key=order.key, error=error.message)
            return True
        self.given_up()
        return there


async def discard(keyring: Keyring, provider: Guarded, uri: str) -> bool:
    """Destroy material unless a key uses it; False if that failed, which is logged: the request has its own outcome."""
    try:
        await keyring.reload()
        if uri not in managed_uris(keyring.view.snapshot.keys):
            await provider.change(uri, Change.DESTROY)
    except SignerdError as error:
        logger.error("material is left behind", uri=uri, provider=provider.name, error=error.message)
        return False
    return True


def chosen(call: CreateCall) -> tuple[Algorithm, bytes | None]:
    """The algorithm, and an import's private key as PKCS#8 DER; raises PRIVATE_KEY_*, ALGORITHM_*, KEY_PURPOSE."""
    if call.private_key is None:
        return algorithm_named(call.algorithm), None
    if call.purpose not in CALLABLE:
        raise SignerdError(
            Reason.KEY_PURPOSE,
            f"a key of purpose {call.purpose.value} can't be imported: somebody else has its private half",
            field="purpose",
        )
    named = algorithm_named(call.algorithm) if call.algorithm else None
    return private_keys.read(call.private_key, call.password, named)


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise LABELS_INVALID unless there are at most 64, with proper names and values."""
    if len(labels) > MAX_LABELS:
        raise SignerdError(
            Reason.LABELS_INVALID, f"{len(labels)} labels, at most {MAX_LABELS} are taken", field="labels"
        )
    for name, value in labels.items():
        if not LABEL_NAME.match(name) or not LABEL_VALUE.match(value):
            raise SignerdError(
                Reason.LABELS_INVALID,
                f"label {name[:63]!r} has a name or value that is not allowed; {Reason.LABELS_INVALID.value.remedy}",
                field="labels",
            )


def fingerprint(call: CreateCall) -> bytes:
    """SHA-256 that tells one request from another; the private key goes in as its own hash."""
    secret = hashlib.sha256(call.private_key).hexdigest() if call.private_key is not None else None
    purpose: Purpose = call.purpose
    parts = [call.name, call.algorithm, purpose.value, call.provider, sorted(call.labels.items()), secret]
    return hashlib.sha256(msgspec.json.encode(parts)).digest()
