"""Settles orders that were left in the journal: by a process that died, or where nobody knows what became of them.

Material that was made becomes the key that was asked for, or is destroyed. While a provider can't be reached its orders
wait. Several workers may do so at once: of each order one takes care.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from signerd.authz.identity import DAEMON
from signerd.engine.canaries import prove_material
from signerd.engine.creation import Encode
from signerd.engine.discovery import managed_uris
from signerd.engine.keyring import Keyring
from signerd.engine.promotion import Promoter
from signerd.engine.providers import provider_named
from signerd.engine.recorder import Facts, Recorder
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material
from signerd.providers.guard import Guarded
from signerd.state.changes import Answer
from signerd.state.journal import Journal
from signerd.state.orders import PendingOrder
from signerd.state.store import Store

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
LATE = timedelta(seconds=30)
"""So much later than its time limit says an order may turn up: it waits for its turn, and lists lag behind."""
UNUSABLE = frozenset({Reason.PROVIDER_INTEGRITY, Reason.ALGORITHM_UNSUPPORTED, Reason.KEY_MATERIAL_DISABLED})
"""Why material that was made is no good as a key, now and later."""
logger = structlog.get_logger(__name__)
Shelf = dict[str, tuple[datetime, list[Material]]]
"""What providers hold, by name, and when they were asked, once for all orders."""


@dataclass(slots=True)
class Recovery:
    """Settles orders in the background. `answers` make a door's answer, by kind of request; `now` is the clock."""

    keyring: Keyring
    recorder: Recorder
    store: Store
    journal: Journal
    providers: Mapping[str, Guarded]
    answers: Mapping[str, Encode]
    now: Callable[[], datetime]
    promoter: Promoter
    waiting: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """There is something to settle."""
        self._woken.set()

    def warnings(self) -> Sequence[str]:
        """What an operator should know."""
        return [f"unfinished key: {problem}" for problem in self.problems.values()]

    async def run(self) -> None:
        """Settle what there is and what comes, until cancelled."""
        delay = FIRST_DELAY
        while True:
            self._woken.clear()
            try:
                await self.settle()
                self.problems.pop("", None)
            except SignerdError as error:
                self._wait("", error.message)
            idle = not self.waiting
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_DELAY if idle else delay):
                    await self._woken.wait()
            delay = FIRST_DELAY if idle or self._woken.is_set() else min(2 * delay, LONGEST_DELAY)

    async def settle(self) -> None:
        """Try once to settle every order that is to be settled; what is left is in `waiting`.

        Raises STATE_UNAVAILABLE, AUDIT_UNAVAILABLE.
        """
        shelf: Shelf = {}
        for tag in sorted({*await self.journal.unsettled(), *self.waiting} - {""}):
            self.recorder.check()
            try:
                settled = await self._settled(tag, shelf)
            except Exception as problem:  # noqa: BLE001 - one order's trouble must not hold up the others
                self._wait(tag, self.recorder.failure(problem).message)
                continue
            self.problems.pop(tag, None)
            (self.waiting.discard if settled else self.waiting.add)(tag)

    def _wait(self, tag: str, problem: str) -> None:
        self.waiting.add(tag)
        if self.problems.get(tag) != problem:
            logger.warning("an unfinished key can't be settled yet", problem=problem)
        self.problems[tag] = problem

    async def _settled(self, tag: str, shelf: Shelf) -> bool:
        order = await self.journal.claim(tag)
        if order is None:
            return True  # somebody else's by now, or gone
        provider = self._provider(order)
        found = await self._found(provider, order, shelf)
        asked, _ = shelf[provider.name]
        if not found and asked < order.created + timedelta(seconds=provider.create_seconds) + LATE:
            return False  # the provider may have made it since
        if not found:
            self._check_sure(order, shelf[provider.name][1])
        outcome = await self._outcome(provider, order, found)
        await self.journal.end(tag)
        await self._record(order, outcome)
        await self.promoter.follow(order.key)
        return True

    def _provider(self, order: PendingOrder) -> Guarded:
        try:
            return provider_named(self.providers, order.provider)
        except SignerdError as error:
            raise SignerdError(error.reason, f"key {order.key!r}: {error.message}") from None

    async def _found(self, provider: Guarded, order: PendingOrder, shelf: Shelf) -> list[Material]:
        """Material of the order that no key uses; more than one piece only where a provider made it twice."""
        if provider.name not in shelf:
            asked = self.now()
            shelf[provider.name] = asked, await provider.held()
        await self.keyring.reload()
        snapshot = self.keyring.view.snapshot
        managed = managed_uris(snapshot.keys)
        made = [one for one in shelf[provider.name][1] if made_for(one, order, snapshot.instance)]
        return sorted((one for one in made if one.uri not in managed), key=lambda one: one.uri)

    def _check_sure(self, order: PendingOrder, held: Sequence[Material]) -> None:
        """Raise PROVIDER_DENIED where material may be the order's: that nothing was made can't be told then."""
        managed = managed_uris(self.keyring.view.snapshot.keys)
        unsure = [one.uri for one in held if one.unsure and one.uri not in managed]
        if unsure:
            raise SignerdError(
                Reason.PROVIDER_DENIED,
                f"key {order.key!r} may have been made: provider {order.provider!r} does not let us read the tags of "
                f"{len(unsure)} keys, such as {unsure[0]}; allow that, and it is settled",
            )

    async def _outcome(
        self, provider: Guarded, order: PendingOrder, found: Sequence[Material]
    ) -> SignerdError | None:
        """Make the key of the first piece and destroy what is no use; why there is no key, None where there is."""
        if not found:
            return SignerdError(
                Reason.KEY_MATERIAL_UNREADABLE, f"provider {provider.name!r} made nothing for it"
            )
        for spare in found[1:]:
            await self._destroy(provider, spare.uri)
        refusal = await self._adopted(provider, order, found[0])
        if refusal is not None:
            await self._destroy(provider, found[0].uri)
        return refusal

    async def _destroy(self, provider: Guarded, uri: str) -> None:
        """Destroy material, unless somebody has adopted it meanwhile."""
        await self.keyring.reload()
        if uri not in managed_uris(self.keyring.view.snapshot.keys):
            await provider.change(uri, Change.DESTROY)

    async def _adopted(
        self, provider: Guarded, order: PendingOrder, material: Material
    ) -> SignerdError | None:
        try:
            material = await published(provider, material)
            await prove_material(provider, material.uri, order.algorithm, material.public_key)
        except SignerdError as error:
            if error.reason in UNUSABLE:
                return error
            raise
        return await self._committed(order, material)

    async def _committed(self, order: PendingOrder, material: Material) -> SignerdError | None:
        try:
            answer = await self._answered(order, material)
        except SignerdError as error:
            if error.refused:
                return error
            raise
        if answer.repeated:
            return SignerdError(
                Reason.KEY_EXISTS, f"key {order.key!r} was made by the same request, asked again"
            )
        return None

    async def _answered(self, order: PendingOrder, material: Material) -> Answer:
        encode = self._answer(order)
        if order.version > 1:
            added = order.version_with(material.uri, material.public_key)
            return await self.store.commit_rotation(added, order, encode)
        key = order.key_with(material.uri, material.public_key)
        return await self.store.commit_key(
            key, order.change, lambda revision: encode(key, revision), order.tag
        )

    def _answer(self, order: PendingOrder) -> Encode:
        try:
            return self.answers[order.change.kind]
        except KeyError:
            message = f"the order of key {order.key!r} is not understood; run the signerd that wrote it"
            raise SignerdError(Reason.STATE_UNAVAILABLE, message) from None

    async def _record(self, order: PendingOrder, error: SignerdError | None) -> None:
        facts = Facts(
            f"{order.change.kind}-recovered", order.key, order.version, order.change.request_id, error=error
        )
        await self.recorder.note(DAEMON, facts)
        if error is None:
            logger.warning("an unfinished key was completed", key=order.key, provider=order.provider)
        else:
            logger.warning("an unfinished key was given up", key=order.key, reason=error.message)
        await self.keyring.reload()


async def published(provider: Guarded, material: Material) -> Material:
    """Material with its public key: what was listed before it had one, such as while it was generated, is looked up."""
    return material if material.public_key else (await provider.find(material.uri))[0]


def made_for(material: Material, order: PendingOrder, instance: str) -> bool:
    """Whether all tags are the order's: what has only some of them is somebody else's, neither taken nor destroyed.

    Material without an instance is at a provider that is this one's alone.
    """
    wanted = {"key": order.key, "version": str(order.version), "tag": order.tag}
    return wanted.items() <= material.tags.items() and material.tags.get("instance", instance) == instance
