"""Adopting keys: material that exists at a provider, made by others, comes under signerd with its version history.

Nothing is changed at the provider, whatever comes of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from signerd.authz.identity import Caller
from signerd.core.algorithms import Algorithm
from signerd.core.keys import CALLABLE, Key, KeyVersion, State, check_callable
from signerd.core.names import check_ids, check_key_name, check_unreserved
from signerd.engine.canaries import prove_material
from signerd.engine.creation import Created, Encode, check_labels
from signerd.engine.discovery import managed_uris
from signerd.engine.histories import check_one_algorithm, chosen_algorithm, newest_enabled, versions_of
from signerd.engine.keyring import Keyring
from signerd.engine.providers import provider_for
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import AdoptCall
from signerd.engine.tasks import Tasks
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from signerd.providers.guard import Guarded
from signerd.state.changes import Answer, ChangeRequest
from signerd.state.store import Store

OPERATION = "adopt-key"


@dataclass(slots=True)
class Adopter:
    """Adopts keys. `now` is the clock."""

    keyring: Keyring
    recorder: Recorder
    store: Store
    providers: Mapping[str, Guarded]
    now: Callable[[], datetime]
    tasks: Tasks[Created] = field(default_factory=Tasks)

    async def adopt(self, caller: Caller, call: AdoptCall, encode: Encode) -> Created:
        """Make a key of material that exists; goes on to its end even if the caller goes away. Raises OVERLOADED."""
        return await self.tasks.run(self._recorded(caller, call, encode))

    async def _recorded(self, caller: Caller, call: AdoptCall, encode: Encode) -> Created:
        facts = Facts(OPERATION, call.name, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            answer = await self._answer(caller, call, encode)
        return Created(answer, facts.sequence)

    async def _answer(self, caller: Caller, call: AdoptCall, encode: Encode) -> bytes:
        check_ids(call.request_id, call.traceparent)
        check_adoptable(call)
        change = ChangeRequest(
            request_id=call.request_id,
            caller=caller.subject,
            request_hash=fingerprint(call),
            kind=OPERATION,
        )
        first = await self.store.find_change(change)
        if first is not None:
            return first.response
        await self.keyring.refresh()
        answer = await self._taken(caller, call, change, encode)
        await self.keyring.reload()
        return answer.response

    async def _taken(self, caller: Caller, call: AdoptCall, change: ChangeRequest, encode: Encode) -> Answer:
        provider = provider_for(self.providers, call.uri, call.provider)
        keys = self.keyring.view.snapshot.keys
        existing = keys.get(call.name)
        if existing is not None and not call.public_only:
            raise SignerdError(Reason.KEY_EXISTS, f"key {call.name!r} exists", field="name")
        found = await provider.find(call.uri)
        check_unmanaged(found, keys, call.uri)
        begun = Facts(f"{OPERATION}-begun", call.name, 0, call.request_id, call.traceparent)
        if existing is not None:
            check_place(provider, self.providers, existing)
            added = self._retired(call, existing, found[-1])
            await self.recorder.note(caller, begun)
            return await self.store.commit_version(added, change, encode)
        key = await self._key(caller, call, provider, found)
        # Whatever happens from here on, there is no key that the log knows nothing of.
        await self.recorder.note(caller, begun)
        return await self.store.commit_key(key, change, lambda revision: encode(key, revision))

    def _retired(self, call: AdoptCall, key: Key, material: Material) -> KeyVersion:
        """A version of a key that exists; its number is the state's to give."""
        check_callable(key)
        check_joins(call, key, material)
        return KeyVersion(key.name, 1, State.VERIFY_ONLY, material.uri, material.public_key, self.now())

    async def _key(
        self, caller: Caller, call: AdoptCall, provider: Guarded, found: Sequence[Material]
    ) -> Key:
        signing = found[-1] if call.public_only else newest_enabled(found, call.uri)
        algorithm = chosen_algorithm(signing, call.algorithm)
        if call.public_only:
            state, taken = State.VERIFY_ONLY, [signing]
        else:
            state, taken = State.ACTIVE, list(found)
            check_one_algorithm(found, algorithm)
            check_offered(provider, algorithm)
            await prove_material(provider, signing.uri, algorithm, signing.public_key)
        now = self.now()
        versions = versions_of(call.name, taken, {signing.uri: state}, now)
        return Key(
            name=call.name,
            algorithm=algorithm,
            purpose=call.purpose,
            provider=provider.name,
            primary=next(one.number for one in versions if one.uri == signing.uri),
            versions=tuple(versions),
            created=now,
            created_by=caller.subject,
            labels=dict(call.labels),
        )


def check_adoptable(call: AdoptCall) -> None:
    """Raise KEY_NAME_INVALID, LABELS_INVALID or KEY_PURPOSE."""
    check_key_name(call.name, field="name")
    check_unreserved(call.name)
    check_labels(call.labels)
    if call.purpose not in CALLABLE:
        raise SignerdError(
            Reason.KEY_PURPOSE,
            f"a key of purpose {call.purpose.value} can't be adopted: others may use its private half",
            field="purpose",
        )


def check_unmanaged(found: Sequence[Material], keys: Mapping[str, Key], uri: str) -> None:
    """Raise KEY_EXISTS where a version of a key has any of the material, KEY_MATERIAL_UNREADABLE for none at all."""
    if not found:
        raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"there is no key at {uri}", field="uri")
    managed = managed_uris(keys)
    for material in found:
        if material.uri in managed:
            raise SignerdError(
                Reason.KEY_EXISTS,
                f"{material.uri} is managed already: it belongs to key {managed[material.uri]!r}",
                field="uri",
            )


def check_joins(call: AdoptCall, key: Key, material: Material) -> None:
    """Raise REQUEST_MALFORMED for labels, ALGORITHM_UNSUPPORTED unless the material is of the key's algorithm."""
    if call.labels:
        raise SignerdError(
            Reason.REQUEST_MALFORMED,
            f"key {key.name!r} exists and keeps its labels; leave labels out",
            field="labels",
        )
    algorithm = chosen_algorithm(
        material, call.algorithm or ("" if material.algorithm else key.algorithm.name)
    )
    if algorithm is not key.algorithm:
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED,
            f"key {key.name!r} is of {key.algorithm}, {material.uri} is of {algorithm}",
            field="algorithm",
        )


def check_place(provider: Guarded, providers: Mapping[str, Guarded], key: Key) -> None:
    """Raise KEY_URI_INVALID where the key is at another provider of the same type: a URI does not tell them apart."""
    own = providers.get(key.provider)
    if own is not None and own is not provider and own.type == provider.type:
        raise SignerdError(
            Reason.KEY_URI_INVALID,
            f"key {key.name!r} is at provider {key.provider!r}, of the same type as {provider.name!r}: a URI does not "
            "tell them apart; adopt it under another name",
            field="provider",
        )


def check_offered(provider: Guarded, algorithm: Algorithm) -> None:
    """Raise ALGORITHM_UNSUPPORTED unless the provider signs with the algorithm."""
    offered = provider.capabilities.algorithms
    if algorithm not in offered:
        raise SignerdError(
            Reason.ALGORITHM_UNSUPPORTED,
            f"provider {provider.name!r} does not sign with {algorithm}, only with {', '.join(map(str, offered))}",
            field="algorithm",
        )


def fingerprint(call: AdoptCall) -> bytes:
    """SHA-256 that tells one request from another."""
    labels = sorted(call.labels.items())
    parts = [call.name, call.uri, call.provider, call.algorithm, call.public_only, call.purpose.value, labels]
    return hashlib.sha256(msgspec.json.encode(parts)).digest()
