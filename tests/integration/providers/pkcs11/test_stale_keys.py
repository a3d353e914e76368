"""Keys that another tool destroys or makes again while they are in use, and providers that stop while they sign."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material, Order
from signerd.providers.guard import Guarded, pinned_version
from signerd.providers.pkcs11.provider import Pkcs11Provider
from tests.support.servers.softhsm import SoftHsm

Open = Callable[..., Pkcs11Provider]
GIVEN = prepare(DEFAULT, Message(b"some bytes"))
URI = "pkcs11:token=signerd%20test;object=release;id=%01"


def make_key(hsm: SoftHsm) -> None:
    hsm.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "release", "--id", "01")


def destroy_key(hsm: SoftHsm) -> None:
    for half in ("privkey", "pubkey"):
        hsm.tool("--delete-object", "--type", half, "--id", "01")


async def key_of(provider: Pkcs11Provider) -> Material:
    (found,) = await provider.find(URI)
    return found


def verifies(key: Material, signature: bytes) -> bool:
    try:
        pinned_version(key.uri, DEFAULT, key.public_key).verify(GIVEN, signature)
    except SignerdError:
        return False
    return True


async def test_a_destroyed_key_is_missing_and_the_others_go_on(hsm: SoftHsm, opened: Open) -> None:
    make_key(hsm)
    provider = opened()
    other = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    for uri in (URI, other.uri):
        await provider.sign(uri, DEFAULT, GIVEN)
    pid = provider.worker.pid
    destroy_key(hsm)
    for _ in range(2):
        with pytest.raises(SignerdError) as caught:
            await provider.sign(URI, DEFAULT, GIVEN)
        assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
        assert verifies(other, await provider.sign(other.uri, DEFAULT, GIVEN))
    assert provider.worker.pid == pid, "it is no reason to start another worker"
    assert provider.health().healthy


async def test_a_key_made_again_under_its_name_signs_at_once(hsm: SoftHsm, opened: Open) -> None:
    make_key(hsm)
    provider = opened()
    before = await key_of(provider)
    assert verifies(before, await provider.sign(URI, DEFAULT, GIVEN))
    pid = provider.worker.pid
    destroy_key(hsm)
    make_key(hsm)
    signature = await provider.sign(URI, DEFAULT, GIVEN)
    after = await key_of(provider)
    assert after.public_key != before.public_key
    assert verifies(after, signature)
    assert not verifies(before, signature)
    assert provider.worker.pid == pid


async def test_a_key_made_again_signs_for_nobody_who_pinned_the_first(hsm: SoftHsm, opened: Open) -> None:
    make_key(hsm)
    provider = opened()
    guarded = Guarded("hsm", "pkcs11", provider)
    pinned = pinned_version(URI, DEFAULT, (await key_of(provider)).public_key)
    assert await guarded.sign(pinned, GIVEN)
    destroy_key(hsm)
    make_key(hsm)
    for _ in range(2):
        with pytest.raises(SignerdError) as caught:
            await guarded.sign(pinned, GIVEN)
        assert caught.value.reason is Reason.PROVIDER_INTEGRITY


async def test_a_key_is_destroyed_while_many_sign(hsm: SoftHsm, opened: Open) -> None:
    make_key(hsm)
    provider = opened()
    key = await key_of(provider)
    calls = [asyncio.ensure_future(provider.sign(URI, DEFAULT, GIVEN)) for _ in range(2000)]
    await asyncio.to_thread(destroy_key, hsm)
    calls.append(asyncio.ensure_future(provider.sign(URI, DEFAULT, GIVEN)))
    results = await asyncio.gather(*calls, return_exceptions=True)
    signatures = [one for one in results if isinstance(one, bytes)]
    failures = {one.reason for one in results if isinstance(one, SignerdError)}
    assert len(signatures) + sum(isinstance(one, SignerdError) for one in results) == len(results)
    assert all(verifies(key, one) for one in signatures)
    assert failures == {Reason.KEY_MATERIAL_UNREADABLE}


async def test_stopping_while_it_signs_ends_every_call(opened: Open) -> None:
    provider = opened()
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    calls = [asyncio.ensure_future(provider.sign(made.uri, DEFAULT, GIVEN)) for _ in range(500)]
    await calls[0]
    async with asyncio.timeout(30):
        await provider.close()
        results = await asyncio.gather(*calls, return_exceptions=True)
    for one in results:
        if isinstance(one, SignerdError):
            assert one.reason is Reason.PROVIDER_UNAVAILABLE
        else:
            assert isinstance(one, bytes)
            assert verifies(made, one)
    assert any(isinstance(one, SignerdError) for one in results)
    with pytest.raises(SignerdError, match="is closed"):
        await provider.sign(made.uri, DEFAULT, GIVEN)


async def test_callers_who_leave_do_not_disturb_those_who_stay(opened: Open) -> None:
    provider = opened()
    made = await provider.create(Order("k", 1, DEFAULT, "t1", instance="i"))
    calls = [asyncio.ensure_future(provider.sign(made.uri, DEFAULT, GIVEN)) for _ in range(200)]
    await calls[0]
    for call in calls[1::2]:
        call.cancel()
    stayed = await asyncio.gather(*calls[::2])
    assert all(verifies(made, one) for one in stayed)
    assert provider.health().healthy
