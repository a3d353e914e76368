"""Whatever the server answers ends in a good signature or in a typed error that says what is wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from signerd.core.algorithms import DEFAULT, TABLE, algorithm_named
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change
from signerd.providers.guard import Guarded, pinned_version
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import GIVEN, check, order, setup
from tests.support.patience import in_the_end
from tests.support.servers.vault import FakeVault

ED25519 = algorithm_named("ed25519")


async def reason(call: Any) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    ("status", "expected", "said"),
    [
        (307, Reason.PROVIDER_UNAVAILABLE, "standby"),
        (400, Reason.PROVIDER_REFUSED, "status 400"),
        (403, Reason.PROVIDER_DENIED, "permission denied"),
        (404, Reason.KEY_MATERIAL_UNREADABLE, "no such key"),
        (412, Reason.PROVIDER_UNAVAILABLE, "behind"),
        (413, Reason.PROVIDER_REFUSED, "status 413"),
        (429, Reason.PROVIDER_THROTTLED, "too many"),
        (472, Reason.PROVIDER_UNAVAILABLE, "standby"),
        (473, Reason.PROVIDER_UNAVAILABLE, "standby"),
        (500, Reason.PROVIDER_UNAVAILABLE, "status 500"),
        (502, Reason.PROVIDER_UNAVAILABLE, "status 502"),
        (503, Reason.PROVIDER_UNAVAILABLE, "status 503"),
        (504, Reason.PROVIDER_UNAVAILABLE, "status 504"),
    ],
)
async def test_statuses(
    provider: VaultProvider, fake: FakeVault, status: int, expected: Reason, said: str
) -> None:
    made = await provider.create(order())
    fake.set(status=status, retry_after="7" if expected is Reason.PROVIDER_THROTTLED else "")
    for call in (provider.sign(made.uri, DEFAULT, GIVEN), provider.find(made.uri)):
        error = await reason(call)
        assert error.reason is expected
        assert error.retry_after == (7.0 if expected is Reason.PROVIDER_THROTTLED else None)
    assert said in (await reason(provider.sign(made.uri, DEFAULT, GIVEN))).message
    fake.set(status=0)
    check(made, await provider.sign(made.uri, DEFAULT, GIVEN))
    assert provider.health().healthy


async def test_sealed(provider: VaultProvider, fake: FakeVault) -> None:
    made = await provider.create(order())
    fake.set(sealed=True)
    for call in (provider.sign(made.uri, DEFAULT, GIVEN), provider.held(), provider.create(order())):
        error = await reason(call)
        assert error.reason is Reason.PROVIDER_UNAVAILABLE
        assert "sealed" in error.message
    assert not provider.health().healthy
    assert "sealed" in provider.health().detail
    fake.set(sealed=False)
    check(made, await provider.sign(made.uri, DEFAULT, GIVEN))
    assert provider.health().healthy


async def test_a_page_of_a_proxy_says_nothing_of_keys(provider: VaultProvider, fake: FakeVault) -> None:
    made = await provider.create(order())
    fake.set(page=404)
    for call in (
        provider.sign(made.uri, DEFAULT, GIVEN),
        provider.find(made.uri),
        provider.held(),
        provider.create(order()),
        provider.change(made.uri, Change.DESTROY),
    ):
        assert (await reason(call)).reason is Reason.PROVIDER_UNAVAILABLE
    fake.mend()
    assert made in await provider.held()


@pytest.mark.parametrize("outage", [{"sealed": True}, {"status": 500}, {"page": 404}])
async def test_any_answer_ends_an_outage(
    provider: VaultProvider, fake: FakeVault, outage: dict[str, object]
) -> None:
    made = await provider.create(order())
    missing = made.uri.replace("version=1", "version=2")
    for call in (
        lambda: provider.find("vault-transit://transit/nothing"),
        lambda: provider.find(missing),
        lambda: provider.sign(missing, DEFAULT, GIVEN),
    ):
        fake.set(**outage)
        await reason(provider.find(made.uri))
        assert not provider.health().healthy
        fake.mend()
        assert (await reason(call())).reason is Reason.KEY_MATERIAL_UNREADABLE
        assert provider.health().healthy


async def test_what_never_left_does_not_end_an_outage(provider: VaultProvider, fake: FakeVault) -> None:
    made = await provider.create(order())
    fake.set(sealed=True)
    await reason(provider.find(made.uri))
    assert (await reason(provider.find("vault-transit://other/k"))).reason is Reason.KEY_URI_INVALID
    assert not provider.health().healthy


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("wrong", ["version", "prefix", "base64", "truncated", "garbage", "short", "page"])
async def test_wrong_signatures_are_not_released(
    provider: VaultProvider, fake: FakeVault, wrong: str, at_once: int
) -> None:
    guarded = Guarded("vault", "vault-transit", provider)
    made = await guarded.create(order())
    pinned = pinned_version(made.uri, DEFAULT, made.public_key)
    fake.set(signs=wrong)
    calls = (guarded.sign(pinned, GIVEN) for _ in range(at_once))
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, SignerdError)
        expected = Reason.PROVIDER_UNAVAILABLE if wrong == "page" else Reason.PROVIDER_INTEGRITY
        assert error.reason is expected
    fake.mend()
    check(made, await provider.sign(made.uri, DEFAULT, GIVEN))


async def test_no_answer(provider: VaultProvider, fake: FakeVault) -> None:
    made = await provider.create(order())
    hasty = VaultProvider(setup(fake, call=0.3))
    try:
        await in_the_end(lambda: hasty.find(made.uri))
        fake.set(hang=True)
        for call in (hasty.sign(made.uri, DEFAULT, GIVEN), hasty.find(made.uri)):
            assert (await reason(call)).reason is Reason.PROVIDER_TIMEOUT
        fake.mend()
        check(made, await in_the_end(lambda: hasty.sign(made.uri, DEFAULT, GIVEN)))
    finally:
        await hasty.close()


async def test_signatures_of_one_key_share_requests(provider: VaultProvider, fake: FakeVault) -> None:
    made = await provider.create(order())
    before = fake.set()["calls"]
    inputs = [prepare(DEFAULT, Message(b"%d" % number)) for number in range(64)]
    signatures = await asyncio.gather(*(provider.sign(made.uri, DEFAULT, one) for one in inputs))
    for one, signature in zip(inputs, signatures, strict=True):
        check(made, signature, given=one)
    after = fake.set()["calls"]
    assert after["signatures"] - before.get("signatures", 0) == 64
    assert after["sign"] - before.get("sign", 0) <= 16


async def test_one_bad_input_fails_alone(provider: VaultProvider, fake: FakeVault) -> None:
    made = await provider.create(order())
    other = made.uri.replace("version=1", "version=2")
    calls = [provider.sign(uri, DEFAULT, GIVEN) for uri in [made.uri, other] * 4]
    for uri, result in zip(
        [made.uri, other] * 4, await asyncio.gather(*calls, return_exceptions=True), strict=True
    ):
        if uri == made.uri:
            assert isinstance(result, bytes)
            check(made, result)
        else:
            assert isinstance(result, SignerdError)
            assert result.reason is Reason.KEY_MATERIAL_UNREADABLE


@pytest.mark.parametrize("size", [0, 1, 70_000])
async def test_messages_of_any_size(provider: VaultProvider, size: int) -> None:
    made = await provider.create(order(algorithm=ED25519))
    given = Message(b"x" * size)
    check(made, await provider.sign(made.uri, ED25519, given), ED25519, given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Digest(Hash.SHA512, bytes(64)), Reason.HASH_MISMATCH),
        (Digest(Hash.SHA384, bytes(48)), Reason.HASH_MISMATCH),
    ],
)
async def test_digests_of_another_length_never_leave(
    provider: VaultProvider, fake: FakeVault, given: SigningInput, expected: Reason
) -> None:
    made = await provider.create(order())
    before = fake.calls("sign")
    assert (await reason(provider.sign(made.uri, DEFAULT, given))).reason is expected
    assert fake.calls("sign") == before


async def test_ed25519_takes_no_digest(provider: VaultProvider) -> None:
    made = await provider.create(order(algorithm=ED25519))
    error = await reason(provider.sign(made.uri, ED25519, Digest(Hash.SHA256, bytes(32))))
    assert error.reason is Reason.DIGEST_NOT_ACCEPTED


async def test_what_transit_has_no_keys_for(provider: VaultProvider) -> None:
    missing = set(TABLE) - set(provider.capabilities.algorithms)
    assert {one.name for one in missing} == {"ed25519ph", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"}
    for algorithm in missing:
        error = await reason(provider.create(order(algorithm=algorithm)))
        assert error.reason is Reason.ALGORITHM_UNSUPPORTED
        assert "ecdsa-p256-sha256" in error.message
