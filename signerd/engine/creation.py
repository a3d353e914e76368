"""Making and importing keys: material at the provider first, then state, then the answer; repeatable by request id."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import structlog

from signerd.authz.identity import Caller
from signerd.core import private_keys
from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.keys import CALLABLE, Key, KeyVersion, Purpose, State
from signerd.core.names import check_ids, check_key_name
from signerd.engine.keyring import Keyring
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import CreateCall
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material, Order
from signerd.providers.guard import Guarded
from signerd.state.changes import ChangeRequest
from signerd.state.store import Store

LABEL_NAME = re.compile(r"[a-z0-9._/-]{1,63}\Z")
LABEL_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,255}\Z")
MAX_LABELS = 64
MOST_UNDER_WAY = 32
logger = structlog.get_logger(__name__)
Encode = Callable[[Key, int], bytes]
"""Makes the door's answer from the key and the state revision that has it."""


@dataclass(frozen=True, slots=True)
class Created:
    """The answer, byte for byte the first one when the request came before."""

    answer: bytes
    sequence: int


@dataclass(slots=True)
class Creator:
    """Makes keys. `now` is the clock."""

    keyring: Keyring
    recorder: Recorder
    store: Store
    providers: Mapping[str, Guarded]
    default_provider: str
    now: Callable[[], datetime]
    under_way: set[asyncio.Task[Created]] = field(default_factory=set)

    async def create(self, caller: Caller, call: CreateCall, encode: Encode) -> Created:
        """Make or import a key; goes on to its end even if the caller goes away. Raises OVERLOADED."""
        if len(self.under_way) >= MOST_UNDER_WAY:
            raise SignerdError(Reason.OVERLOADED, "too many keys are being made", retry_after=1.0)
        task = asyncio.create_task(self._recorded(caller, call, encode))
        self.under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Created]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # on record; the caller may be gone

    async def settle(self) -> None:
        """Wait for the changes whose callers went away."""
        if self.under_way:
            await asyncio.wait(self.under_way)

    async def _recorded(self, caller: Caller, call: CreateCall, encode: Encode) -> Created:
        operation = "create-key" if call.private_key is None else "import-key"
        facts = Facts(operation, call.name, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            answer = await self._answer(caller, call, operation, encode)
        return Created(answer, facts.sequence)

    async def _answer(self, caller: Caller, call: CreateCall, operation: str, encode: Encode) -> bytes:
        check_ids(call.request_id, call.traceparent)
        check_key_name(call.name, field="name")
        check_labels(call.labels)
        change = ChangeRequest(
            request_id=call.request_id, caller=caller.subject, request_hash=fingerprint(call), kind=operation
        )
        first = await self.store.find_change(change)
        if first is not None:
            return first.response
        answer = await self._made(caller, call, change, encode)
        await self.keyring.reload()
        return answer

    async def _made(self, caller: Caller, call: CreateCall, change: ChangeRequest, encode: Encode) -> bytes:
        if call.name in self.keyring.view.snapshot.keys:
            raise SignerdError(Reason.KEY_EXISTS, f"key {call.name!r} exists", field="name")
        provider_name = call.provider or self.default_provider
        provider = self._provider(provider_name)
        algorithm, private_key = await asyncio.to_thread(chosen, call)
        # Whatever happens from here on, there is no key that the log knows nothing of.
        await self.recorder.note(
            caller, Facts(f"{change.kind}-begun", call.name, 0, call.request_id, call.traceparent)
        )
        instance = self.keyring.view.snapshot.instance
        order = Order(call.name, 1, algorithm, secrets.token_hex(8), private_key, instance)
        material = await provider.create(order)
        key = self._key(caller, call, algorithm, provider_name, material)
        try:
            answer = await self.store.commit_key(key, change, lambda revision: encode(key, revision))
        except SignerdError as error:
            if error.refused:
                await discard(provider, material)
            raise
        if answer.repeated:
            await discard(provider, material)
        return answer.response

    def _provider(self, name: str) -> Guarded:
        try:
            return self.providers[name]
        except KeyError:
            known = ", ".join(sorted(self.providers))
            raise SignerdError(
                Reason.PROVIDER_UNKNOWN,
                f"no provider {name[:64]!r} is configured; known: {known}",
                field="provider",
            ) from None

    def _key(
        self, caller: Caller, call: CreateCall, algorithm: Algorithm, provider: str, material: Material
    ) -> Key:
        now = self.now()
        version = KeyVersion(call.name, 1, State.ACTIVE, material.uri, material.public_key, now)
        return Key(
            name=call.name,
            algorithm=algorithm,
            purpose=call.purpose,
            provider=provider,
            primary=1,
            versions=(version,),
            created=now,
            created_by=caller.subject,
            labels=dict(call.labels),
        )


async def discard(provider: Guarded, material: Material) -> None:
    """Destroy material that no key will use; a failure is logged, since the request has its own outcome."""
    try:
        await provider.change(material.uri, Change.DESTROY)
    except SignerdError as error:
        logger.error("material is left behind", uri=material.uri, provider=provider.name, error=error.message)


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
