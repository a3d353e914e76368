"""All configured witnesses: asked at once, those that fail again and again only now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signerd.witnesses.cosignatures import Cosignature
from signerd.witnesses.faults import Fault, WitnessFault
from signerd.witnesses.witness import Prove, Submission, Witness, within

if TYPE_CHECKING:
    from aiohttp import ClientSession

GRACE: Final = 0.5
"""Seconds that the rest gets once there is a quorum."""
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
CUT: Final = frozenset({Fault.CONFLICT, Fault.INCONSISTENT})
"""After these a witness has seen another log than the one it is shown."""


@dataclass(slots=True)
class Round:
    """What came of asking for one checkpoint: cosignatures, and the faults by witness."""

    cosignatures: list[Cosignature] = field(default_factory=list)
    faults: dict[str, WitnessFault] = field(default_factory=dict)

    def disowned(self, size: int) -> str:
        """Why a log of this size can't be the one that witnesses saw; empty where none says so."""
        for name, fault in sorted(self.faults.items()):
            if fault.fault in CUT and (fault.size is None or fault.size > size):
                return f"witness {name} {fault.message}"
        return ""


class Witnesses:
    """The witnesses of an instance. `quorum`: how many cosignatures a checkpoint needs; `seconds` limit each call."""

    def __init__(
        self,
        members: Sequence[Witness],
        quorum: int,
        seconds: float,
        *,
        required: bool = False,
        count: Callable[[str, str], None] = lambda witness, result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.members = tuple(members)
        self.quorum = quorum
        self.required = required
        self._seconds = seconds
        self._count = count
        self._clock = clock
        self._session: ClientSession | None = None
        self._resting: dict[str, tuple[float, float]] = {}

    async def cosign(self, asked: Submission, prove: Prove) -> Round:
        """Ask all that are not resting; returns when all answered, or a quorum did and the rest had half a second."""
        done = Round()
        awake = [one for one in self.members if self._resting.get(one.name, (0.0, 0.0))[0] <= self._clock()]
        if not awake:
            return done
        calls = {asyncio.create_task(self._call(one, asked, prove, done)) for one in awake}
        try:
            await self._gathered(calls, done)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        return done

    async def _gathered(self, calls: set[asyncio.Task[None]], done: Round) -> None:
        pending = calls
        while pending and len(done.cosignatures) < self.quorum:
            ended, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for call in ended:
                call.result()
        if pending:
            ended, _ = await asyncio.wait(pending, timeout=GRACE)
            for call in ended:
                call.result()

    async def _call(self, one: Witness, asked: Submission, prove: Prove, done: Round) -> None:
        try:
            found = await within(self._seconds, one.cosign(self._open(), asked, prove), one)
        except WitnessFault as fault:
            done.faults[one.name] = fault
            self._count(one.name, fault.fault.value)
            self._rest(one.name)
        except asyncio.CancelledError:
            one.problem = "is slower than the quorum"
            self._count(one.name, "late")
            self._rest(one.name)
            raise
        else:
            done.cosignatures.append(found)
            self._count(one.name, "ok")
            self._resting.pop(one.name, None)

    def _rest(self, name: str) -> None:
        pause = min(2 * self._resting.get(name, (0.0, FIRST_PAUSE / 2))[1], LONGEST_PAUSE)
        self._resting[name] = self._clock() + pause, pause

    def _open(self) -> ClientSession:
        if self._session is None:
            from aiohttp import ClientSession

            self._session = ClientSession()
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
