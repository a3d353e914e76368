"""Batches that a daemon does not take whole."""

from __future__ import annotations

import asyncio

import pytest

from signerd.client.coalescing import Coalescer, Outcome
from signerd.errors import Reason, SignerdError
from signerd.v1.signer_pb2 import SignRequest, SignResponse

LIMIT = 1000


class SmallDaemon:
    """Takes requests of at most LIMIT bytes, and refuses keys called `bad`."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def sign(self, request: SignRequest, timeout: float) -> SignResponse:
        await asyncio.sleep(0)
        if request.ByteSize() > LIMIT:
            raise SignerdError(Reason.REQUEST_TOO_LARGE)
        if request.key == "bad":
            raise SignerdError(Reason.KEY_NOT_FOUND)
        return SignResponse(signature=request.message)

    async def sign_batch(self, requests: list[SignRequest], timeout: float) -> list[Outcome]:
        await asyncio.sleep(0)
        self.batches.append(len(requests))
        if sum(request.ByteSize() for request in requests) > LIMIT:
            raise SignerdError(Reason.REQUEST_TOO_LARGE)
        return [SignResponse(signature=request.message) for request in requests]


async def outcomes(daemon: SmallDaemon, requests: list[SignRequest]) -> list[SignResponse | BaseException]:
    coalescer = Coalescer(daemon.sign, daemon.sign_batch)
    return await asyncio.gather(
        *(coalescer.sign(request, 5.0) for request in requests), return_exceptions=True
    )


async def test_calls_that_fit_by_themselves_do_not_spoil_each_other() -> None:
    requests = [SignRequest(key="k", message=b"%03d" % number + bytes(297)) for number in range(40)]
    found = await outcomes(SmallDaemon(), requests)
    assert [one.signature for one in found if isinstance(one, SignResponse)] == [
        request.message for request in requests
    ]


async def test_one_that_never_fits_is_refused_alone() -> None:
    requests = [SignRequest(key="k", message=bytes(10)) for _ in range(20)]
    requests[7] = SignRequest(key="k", message=bytes(LIMIT))
    found = await outcomes(SmallDaemon(), requests)
    errors = [number for number, one in enumerate(found) if isinstance(one, SignerdError)]
    assert errors == [7]


async def test_the_daemon_is_asked_for_smaller_batches_afterwards() -> None:
    daemon = SmallDaemon()
    coalescer = Coalescer(daemon.sign, daemon.sign_batch)
    for _ in range(8):
        requests = [SignRequest(key="k", message=bytes(297)) for _ in range(20)]
        await asyncio.gather(*(coalescer.sign(request, 5.0) for request in requests))
    before = len(daemon.batches)
    await asyncio.gather(*(coalescer.sign(request, 5.0) for request in requests))
    assert max(daemon.batches[before:], default=1) * 300 <= 2 * LIMIT


@pytest.mark.parametrize("reason", [Reason.AUDIT_UNAVAILABLE, Reason.INTERNAL])
async def test_other_refusals_of_a_batch_reach_all(reason: Reason) -> None:
    class Broken(SmallDaemon):
        async def sign_batch(self, requests: list[SignRequest], timeout: float) -> list[Outcome]:
            raise SignerdError(reason)

    found = await outcomes(Broken(), [SignRequest(key="k", message=b"m") for _ in range(5)])
    assert {one.reason for one in found[1:] if isinstance(one, SignerdError)} == {reason}


async def test_calls_are_spread_equally_over_the_flights() -> None:
    class Slow(SmallDaemon):
        async def sign(self, request: SignRequest, timeout: float) -> SignResponse:
            await asyncio.sleep(0.01)
            return await super().sign(request, timeout)

    daemon = Slow()
    coalescer = Coalescer(daemon.sign, daemon.sign_batch, most=256, flights=4)
    await asyncio.gather(*(coalescer.sign(SignRequest(key="k"), 5.0) for _ in range(200)))
    assert max(daemon.batches) == 50
