"""The asyncio client: what it adds to the blocking one, and how it joins calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from signerd.client import AsyncClient, Backoff, Settings, SignerdError, sign_request
from signerd.errors import Reason
from tests.unit.client.fake_daemon import FakeDaemon, status_of


@pytest.fixture
async def client(settings: Settings, quick: Backoff) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(settings, backoff=quick) as made:
        yield made


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - what it waits for happens in another thread
        await asyncio.sleep(0.001)


async def held(client: AsyncClient, daemon: FakeDaemon) -> asyncio.Task[Any]:
    """A call that is under way and not answered until the gate opens."""
    daemon.gate.clear()
    task = asyncio.create_task(client.sign("release", message=b"first"))
    await until(lambda: daemon.asked["Sign"])
    return task


def batch_sizes(daemon: FakeDaemon) -> list[int]:
    return [len(request.items) for request in daemon.asked["BatchSign"]]


async def test_a_lone_call_goes_as_plain_sign(client: AsyncClient, daemon: FakeDaemon) -> None:
    for data in (b"a", b"b"):
        assert (await client.sign("release", message=data)).signature == b"signed:" + data
    assert len(daemon.asked["Sign"]) == 2
    assert not daemon.asked["BatchSign"]


async def test_calls_of_one_turn_leave_together(client: AsyncClient, daemon: FakeDaemon) -> None:
    answers = await asyncio.gather(*(client.sign(f"k{n}", message=b"%d" % n) for n in range(17)))
    assert [answer.signature for answer in answers] == [b"signed:%d" % n for n in range(17)]
    assert [answer.key_version for answer in answers] == [f"keys/k{n}/versions/1" for n in range(17)]
    assert batch_sizes(daemon) == [16]


async def test_batches_have_at_most_the_given_size(settings: Settings, daemon: FakeDaemon) -> None:
    async with AsyncClient(settings, batch=10) as client:
        await asyncio.gather(*(client.sign("release", message=b"x") for _ in range(45)))
    assert max(batch_sizes(daemon)) == 10
    assert sum(batch_sizes(daemon)) + len(daemon.asked["Sign"]) == 45


async def test_large_messages_do_not_pile_up_in_one_batch(client: AsyncClient, daemon: FakeDaemon) -> None:
    await asyncio.gather(*(client.sign("release", message=bytes(400_000)) for _ in range(7)))
    assert max(batch_sizes(daemon)) == 2
    assert sum(batch_sizes(daemon)) + len(daemon.asked["Sign"]) == 7


async def test_coalescing_can_be_switched_off(settings: Settings, daemon: FakeDaemon) -> None:
    async with AsyncClient(settings, coalesce=False) as client:
        await asyncio.gather(*(client.sign("release", message=b"x") for _ in range(20)))
    assert len(daemon.asked["Sign"]) == 20


async def test_an_error_of_one_item_reaches_its_caller_only(client: AsyncClient, daemon: FakeDaemon) -> None:
    daemon.spoiled[b"2"] = status_of(Reason.KEY_PURPOSE, "not this one")
    outcomes = await asyncio.gather(
        *(client.sign("release", message=b"%d" % n) for n in range(8)), return_exceptions=True
    )
    failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, SignerdError)]
    assert failed == [2]
    assert "not this one" in str(outcomes[2])


async def test_an_item_that_may_be_repeated_is(client: AsyncClient, daemon: FakeDaemon) -> None:
    daemon.spoiled[b"2"] = status_of(Reason.PROVIDER_TIMEOUT)
    tasks = [asyncio.create_task(client.sign("release", message=b"%d" % n)) for n in range(4)]
    await until(lambda: daemon.asked["BatchSign"])
    daemon.spoiled.clear()
    assert len(await asyncio.gather(*tasks)) == 4
    assert len(daemon.asked["BatchSign"]) + len(daemon.asked["Sign"]) == 3


async def test_a_failed_batch_is_repeated_with_the_same_ids(client: AsyncClient, daemon: FakeDaemon) -> None:
    daemon.script["BatchSign"].append(status_of(Reason.SHUTTING_DOWN))
    await asyncio.gather(*(client.sign("release", message=b"x") for _ in range(6)))
    first = {item.request_id for item in daemon.asked["BatchSign"][0].items}
    later = {item.request_id for request in daemon.asked["BatchSign"][1:] for item in request.items}
    later |= {request.request_id for request in daemon.asked["Sign"]}
    assert len(first) == 5
    assert first <= later


async def test_a_refused_batch_is_every_callers_error(client: AsyncClient, daemon: FakeDaemon) -> None:
    daemon.script["BatchSign"].append(status_of(Reason.CALLER_DENIED))
    outcomes = await asyncio.gather(
        *(client.sign("release", message=b"x") for _ in range(5)), return_exceptions=True
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, SignerdError)]
    assert [error.reason for error in errors] == [Reason.CALLER_DENIED] * 4
    assert len({id(error) for error in errors}) == 4


async def test_a_cancelled_caller_does_not_disturb_others(client: AsyncClient, daemon: FakeDaemon) -> None:
    first = await held(client, daemon)
    tasks = [asyncio.create_task(client.sign("release", message=b"%d" % n)) for n in range(5)]
    await until(lambda: daemon.asked["BatchSign"])
    tasks[1].cancel()
    daemon.gate.set()
    outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert isinstance(outcomes[2], asyncio.CancelledError)
    assert [isinstance(outcome, BaseException) for outcome in outcomes].count(True) == 1


async def test_a_call_that_gave_up_while_waiting_is_not_sent(client: AsyncClient, daemon: FakeDaemon) -> None:
    first = await held(client, daemon)
    sent = [asyncio.create_task(client.sign("release", message=b"sent")) for _ in range(3)]
    await until(lambda: daemon.asked["BatchSign"])
    late = asyncio.create_task(client.sign("release", message=b"late"))
    await asyncio.sleep(0)
    late.cancel()
    daemon.gate.set()
    await asyncio.gather(first, *sent)
    await client.sign("release", message=b"after")
    assert all(item.message != b"late" for request in daemon.asked["BatchSign"] for item in request.items)
    assert all(request.message != b"late" for request in daemon.asked["Sign"])


async def test_a_short_deadline_is_its_callers_alone(client: AsyncClient, daemon: FakeDaemon) -> None:
    first = await held(client, daemon)
    patient = [asyncio.create_task(client.sign("release", message=b"p")) for _ in range(3)]
    with pytest.raises(SignerdError) as caught:
        await client.sign("release", message=b"hasty", timeout=0.03)
    daemon.gate.set()
    assert caught.value.reason is Reason.DEADLINE
    assert len(await asyncio.gather(first, *patient)) == 4


async def test_a_daemon_that_gives_too_few_results_leaves_nobody_waiting(
    client: AsyncClient, daemon: FakeDaemon
) -> None:
    from signerd.v1.signer_pb2 import BatchSignResponse

    daemon.script["BatchSign"].append(BatchSignResponse())
    outcomes = await asyncio.gather(
        *(client.sign("release", message=b"x") for _ in range(4)), return_exceptions=True
    )
    assert [getattr(outcome, "reason", None) for outcome in outcomes].count(Reason.INTERNAL) == 3


async def test_closing_ends_what_waits(settings: Settings, daemon: FakeDaemon) -> None:
    client = AsyncClient(settings)
    daemon.gate.clear()
    tasks = [asyncio.create_task(client.sign("release", message=b"x")) for _ in range(9)]
    await until(lambda: daemon.asked["BatchSign"])
    await client.close()
    daemon.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, BaseException) for outcome in outcomes)


async def test_damaged_signatures_are_noticed_in_batches_too(settings: Settings, daemon: FakeDaemon) -> None:
    async with AsyncClient(settings, checksums=True) as client:
        answers = await asyncio.gather(*(client.sign("release", message=b"x") for _ in range(5)))
    assert all(answer.HasField("signature_crc32c") for answer in answers)
    assert daemon.asked["BatchSign"][0].items[0].HasField("input_crc32c")


async def test_other_methods_answer_as_the_blocking_ones(client: AsyncClient, daemon: FakeDaemon) -> None:
    await client.create_key("release")
    await client.import_key("other", b"PEM")
    assert (await client.get_key("release")).key.name == "release"
    assert (await client.list_keys()).keys
    assert (await client.public_key("release")).versions[0].pem
    assert (await client.verify("release", b"s", message=b"x")).key_version
    assert (await client.audit.list_records()).records
    assert (await client.audit.get_record("w0", 7)).json
    assert (await client.status()).serving
    assert daemon.asked["GetKey"][0].min_revision == client.revision == 6
    assert (await client.adopt_key("old", "local:old/1-a.key", public_only=True)).key.name
    assert (await client.discover_keys("local")).keys[0].uri == "local:old/1-a.key"
    assert [one.key for one in (await client.check_keys(["a", "b"])).findings] == ["a", "b"]
    assert (await client.list_providers()).providers[0].name == "local"
    assert (await client.get_provider("local")).scheme == "local"
    assert daemon.asked["AdoptKey"][0].public_only
    assert daemon.asked["CheckKeys"][0].min_revision == client.revision == 7
    client.remember(9)
    await client.sign("release", message=b"x")
    assert daemon.asked["Sign"][0].min_revision == 9
    [item] = await client.sign_batch([sign_request("release", message=b"x")])
    assert not isinstance(item, SignerdError)
