"""The alias that follows the primary, on both servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import boto3
import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.provider import AwsKmsProvider
from signerd.providers.base import Material, Order
from signerd.providers.guard import pinned_version
from tests.integration.providers.aws_kms.conftest import Connect
from tests.support.servers.aws import REGION, AwsServer
from tests.support.servers.aws_fake import FakeKms

GIVEN = prepare(DEFAULT, Message(b"some bytes"))


@pytest.fixture(params=["moto", "fake"])
def endpoint(request: pytest.FixtureRequest, moto_server: AwsServer, fake: FakeKms) -> str:
    return moto_server.endpoint if request.param == "moto" else fake.endpoint


@pytest.fixture
async def provider(endpoint: str, connect: Connect) -> AsyncIterator[AwsKmsProvider]:
    provider = connect(endpoint)
    yield provider
    await provider.close()


@pytest.fixture
def key() -> str:
    return f"team/release.{uuid4().hex[:8]}"


def alias_of(key: str) -> str:
    return f"aws-kms://{REGION}/alias/signerd/{key.replace('.', 'D')}"


async def make(provider: AwsKmsProvider, key: str, version: int = 1, instance: str = "i") -> Material:
    return await provider.create(Order(key, version, DEFAULT, uuid4().hex, instance=instance))


async def test_the_alias_of_a_promoted_key_leads_to_it(provider: AwsKmsProvider, key: str) -> None:
    made = await make(provider, key)
    assert await provider.promote(made.uri, key, "i")
    assert await provider.find(alias_of(key)) == [made]
    signature = await provider.sign(alias_of(key), DEFAULT, GIVEN)
    pinned_version(made.uri, DEFAULT, made.public_key).verify(GIVEN, signature)


async def test_the_alias_follows_the_primary(provider: AwsKmsProvider, key: str) -> None:
    first, second = await make(provider, key), await make(provider, key, 2)
    for primary, moved in ((first, True), (second, True), (second, False), (first, True)):
        assert await provider.promote(primary.uri, key, "i") is moved
        assert await provider.find(alias_of(key)) == [primary]


async def test_an_alias_of_somebody_else_stays(provider: AwsKmsProvider, key: str, endpoint: str) -> None:
    client = boto3.client(
        "kms", region_name=REGION, endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
    )
    foreign = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName=alias_of(key).split("/", 3)[3], TargetKeyId=foreign)
    made = await make(provider, key)
    with pytest.raises(SignerdError) as caught:
        await provider.promote(made.uri, key, "i")
    assert caught.value.reason is Reason.PROVIDER_REFUSED
    assert [one.uri.rpartition("/")[2] for one in await provider.find(alias_of(key))] == [foreign]


async def test_another_signerd_keeps_its_alias(provider: AwsKmsProvider, key: str) -> None:
    theirs = await make(provider, key, instance="theirs")
    ours = await make(provider, key, instance="ours")
    await provider.promote(theirs.uri, key, "theirs")
    assert await provider.find(alias_of(key)) == [theirs]
    with pytest.raises(SignerdError):
        await provider.promote(ours.uri, key, "ours")
