"""What goes wrong between the provider and AWS: typed errors, nothing made twice, and signing goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import generate, to_pkcs8
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.provider import AwsKmsProvider
from signerd.providers.base import Change, Material, Order
from signerd.providers.guard import Guarded, pinned_version
from tests.integration.providers.aws_kms.conftest import Connect
from tests.support.patience import in_the_end
from tests.support.servers.aws_fake import FakeKms, drop, error, garbage, lose

GIVEN = prepare(DEFAULT, Message(b"some bytes"))


@pytest.fixture
async def provider(fake: FakeKms, connect: Connect) -> AsyncIterator[AwsKmsProvider]:
    provider = connect(fake.endpoint)
    yield provider
    await provider.close()


def order(tag: str = "t1", name: str = "ecdsa-p256-sha256", **given: Any) -> Order:
    return Order("team-a/release", 1, BY_NAME[name], tag, instance="i", **given)


async def reason(call: Any) -> Reason:
    with pytest.raises(SignerdError) as caught:
        await call
    return caught.value.reason


@pytest.mark.parametrize("fault", [lose, drop])
async def test_creating_a_key_is_not_tried_twice(provider: AwsKmsProvider, fake: FakeKms, fault: Any) -> None:
    fake.behaviour.fail("CreateKey", fault)
    assert await reason(provider.create(order())) is Reason.PROVIDER_UNAVAILABLE
    assert fake.behaviour.calls["CreateKey"] == 1


async def test_a_key_whose_answer_was_lost_is_held_and_its_tag_used(
    provider: AwsKmsProvider, fake: FakeKms
) -> None:
    fake.behaviour.fail("CreateKey", lose)
    await reason(provider.create(order()))
    (left,) = await provider.held()
    assert left.tags == order().tags
    assert await reason(provider.create(order())) is Reason.KEY_EXISTS
    pinned_version(left.uri, DEFAULT, left.public_key).verify(
        GIVEN, await provider.sign(left.uri, DEFAULT, GIVEN)
    )
    assert len(fake.kms.keys) == 1


async def test_a_lost_signature_is_asked_for_again(provider: AwsKmsProvider, fake: FakeKms) -> None:
    made = await provider.create(order())
    for fault in (lose, drop, error("KMSInternalException", status=500)):
        fake.behaviour.fail("Sign", fault)
        await provider.sign(made.uri, DEFAULT, GIVEN)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (error("ThrottlingException", "Rate exceeded"), Reason.PROVIDER_THROTTLED),
        (error("AccessDeniedException"), Reason.PROVIDER_DENIED),
        (error("UnrecognizedClientException"), Reason.PROVIDER_DENIED),
        (error("ExpiredTokenException"), Reason.PROVIDER_DENIED),
        (error("NotFoundException"), Reason.KEY_MATERIAL_UNREADABLE),
        (error("DisabledException"), Reason.KEY_MATERIAL_DISABLED),
        (error("KMSInternalException", status=500), Reason.PROVIDER_UNAVAILABLE),
        (error("", status=503), Reason.PROVIDER_UNAVAILABLE),
        (error("ValidationException"), Reason.PROVIDER_REFUSED),
        (garbage, Reason.PROVIDER_UNAVAILABLE),
        (drop, Reason.PROVIDER_UNAVAILABLE),
    ],
)
async def test_every_failure_has_its_reason(
    provider: AwsKmsProvider, fake: FakeKms, fault: Any, expected: Reason
) -> None:
    made = await provider.create(order())
    await provider.sign(made.uri, DEFAULT, GIVEN)
    fake.behaviour.always = fault
    assert await reason(provider.sign(made.uri, DEFAULT, GIVEN)) is expected
    assert await reason(provider.find(made.uri)) is expected
    if fault is not garbage:  # enabling a key has no answer that could be wrong
        assert await reason(provider.change(made.uri, Change.ENABLE)) is expected
    fake.behaviour.always = None
    await provider.sign(made.uri, DEFAULT, GIVEN)


async def test_what_answers_too_late_is_given_up(
    provider: AwsKmsProvider, fake: FakeKms, connect: Connect
) -> None:
    made = await provider.create(order())
    hasty = connect(fake.endpoint, call=0.4)
    await in_the_end(lambda: hasty.sign(made.uri, DEFAULT, GIVEN))
    fake.behaviour.latency = 5.0
    assert await reason(hasty.sign(made.uri, DEFAULT, GIVEN)) is Reason.PROVIDER_TIMEOUT
    fake.behaviour.latency = 0.0
    await in_the_end(lambda: hasty.sign(made.uri, DEFAULT, GIVEN))
    await hasty.close()


async def test_a_server_that_stops_during_signatures(provider: AwsKmsProvider, fake: FakeKms) -> None:
    made = await provider.create(order())
    guarded = Guarded("kms", "aws-kms", provider)
    pinned = pinned_version(made.uri, DEFAULT, made.public_key)
    outcomes: list[Reason | None] = []

    async def sign_on(times: int) -> None:
        for _ in range(times):
            try:
                await guarded.sign(pinned, GIVEN)
                outcomes.append(None)
            except SignerdError as failed:
                outcomes.append(failed.reason)

    signing = [asyncio.ensure_future(sign_on(10)) for _ in range(16)]
    while len(outcomes) < 20:  # noqa: ASYNC110 - threads of the provider get there
        await asyncio.sleep(0.01)
    await asyncio.to_thread(fake.stop)
    await asyncio.gather(*signing)
    assert set(outcomes) <= {None, Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT}
    assert Reason.PROVIDER_UNAVAILABLE in outcomes
    await asyncio.to_thread(fake.start)
    await answers_again(guarded, made)


async def answers_again(guarded: Guarded, made: Material) -> None:
    """The first call after the breaker's pause gets through."""
    pinned = pinned_version(made.uri, DEFAULT, made.public_key)
    async with asyncio.timeout(30):
        while True:
            try:
                await guarded.sign(pinned, GIVEN)
                return
            except SignerdError as failed:
                await asyncio.sleep(failed.retry_after or 0.05)


async def test_a_new_key_that_aws_does_not_know_everywhere(provider: AwsKmsProvider, fake: FakeKms) -> None:
    fake.kms.hide_new_keys = 3
    made = await Guarded("kms", "aws-kms", provider).create(order())
    assert [one.uri for one in await provider.held()] == [made.uri]


async def test_a_region_without_ml_dsa(provider: AwsKmsProvider, fake: FakeKms) -> None:
    fake.kms.missing = {"ML_DSA_44", "ML_DSA_65", "ML_DSA_87"}
    with pytest.raises(SignerdError, match=r"ml-dsa-65: region eu-central-1 .* ecdsa-p256") as caught:
        await provider.create(order(name="ml-dsa-65"))
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


@pytest.mark.parametrize("size", [0, 4096, 4097, 1 << 20])
async def test_ml_dsa_signs_messages_of_any_length(provider: AwsKmsProvider, size: int) -> None:
    algorithm = BY_NAME["ml-dsa-44"]
    made = await provider.create(order(name="ml-dsa-44"))
    given = prepare(algorithm, Message(bytes(size)))
    pinned_version(made.uri, algorithm, made.public_key).verify(
        given, await provider.sign(made.uri, algorithm, given)
    )


async def test_an_import_that_fails_leaves_nothing(provider: AwsKmsProvider, fake: FakeKms) -> None:
    fake.behaviour.fail("ImportKeyMaterial", error("ExpiredImportTokenException"))
    wanted = order(private_key=to_pkcs8(generate(DEFAULT)))
    assert await reason(provider.create(wanted)) is Reason.PROVIDER_REFUSED
    assert await provider.held() == []
    assert [key.state for key in fake.kms.keys.values()] == ["PendingDeletion"]


async def test_an_account_with_many_keys_of_others(provider: AwsKmsProvider, fake: FakeKms) -> None:
    fake.kms.page = 7
    made = [await provider.create(order(f"t{number}", "rsa-pss-2048-sha256")) for number in range(2)]
    for given in ({}, {"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_SECG_P256K1"}) * 20:
        fake.kms.answer("CreateKey", given)
    foreign = fake.kms.answer("CreateKey", {"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256"})
    managed = fake.kms.answer("CreateKey", {"KeyUsage": "SIGN_VERIFY", "KeySpec": "ECC_NIST_P256"})
    fake.kms.keys[managed["KeyMetadata"]["KeyId"]].manager = "AWS"
    held = {one.uri: one for one in await provider.held()}
    foreign_uri = f"aws-kms://eu-central-1/{foreign['KeyMetadata']['Arn']}"
    assert held.keys() == {one.uri for one in made} | {foreign_uri}
    assert held[foreign_uri].tags == {}
    assert [held[one.uri] for one in made] == made


async def test_a_key_that_is_denied_makes_no_other_unhealthy(provider: AwsKmsProvider, fake: FakeKms) -> None:
    made = await provider.create(order())
    await provider.sign(made.uri, DEFAULT, GIVEN)
    fake.behaviour.fail("Sign", error("AccessDeniedException"))
    assert await reason(provider.sign(made.uri, DEFAULT, GIVEN)) is Reason.PROVIDER_DENIED
    assert provider.health().healthy
    fake.behaviour.fail("Sign", error("ExpiredTokenException"))
    assert await reason(provider.sign(made.uri, DEFAULT, GIVEN)) is Reason.PROVIDER_DENIED
    assert not provider.health().healthy
    await provider.sign(made.uri, DEFAULT, GIVEN)
    assert provider.health().healthy


async def test_a_throttled_first_signature_keeps_the_key(provider: AwsKmsProvider, fake: FakeKms) -> None:
    guarded = Guarded("kms", "aws-kms", provider)
    fake.behaviour.fail("Sign", *[error("ThrottlingException", "Rate exceeded")] * 3)
    made = await guarded.create(order())
    assert [one.uri for one in await provider.held()] == [made.uri]


async def test_what_may_not_be_looked_at_may_be_anybodys(provider: AwsKmsProvider, fake: FakeKms) -> None:
    made = await provider.create(order())
    for operation in ("ListResourceTags", "DescribeKey"):
        fake.behaviour.fail(operation, error("AccessDeniedException"))
        (found,) = await provider.held()
        assert (found.uri, found.tags, found.unsure) == (made.uri, {}, True)
    (found,) = await provider.held()
    assert (found.tags, found.unsure) == (order().tags, False)
