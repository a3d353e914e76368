"""The provider reads the answers that AWS documents, over HTTP; keys and signatures, placeholders there, are put in."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from signerd.core.algorithms import BY_NAME
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import generate
from signerd.core.public_keys import spki
from signerd.providers.aws_kms.provider import AwsKmsProvider
from tests.integration.providers.aws_kms.conftest import Connect
from tests.support.servers.aws_fake import FakeKms, Fault, response
from tests.support.servers.aws_material import dumps

VECTORS = Path(__file__).parents[4] / "tests/vectors/aws/answers.json"
DOCUMENTED = {one["operation"]: one["output"] for one in json.loads(VECTORS.read_text())}
ARN = DOCUMENTED["DescribeKey"]["KeyMetadata"]["Arn"]
REGION = ARN.split(":")[3]
URI = f"aws-kms://{REGION}/{ARN}"
RSA = BY_NAME["rsa-pss-2048-sha256"]


def recorded(operation: str, binary: bytes = b"", **other: Any) -> Fault:
    """What AWS documents, with something in place of `<binary data>`, and what is to be different."""
    shown = base64.b64encode(binary).decode()
    answer = {
        name: shown if value == "<binary data>" else value for name, value in DOCUMENTED[operation].items()
    }
    return lambda _: response(200, dumps({**answer, **other}))


@pytest.fixture
async def provider(fake: FakeKms, connect: Connect) -> AsyncIterator[AwsKmsProvider]:
    provider = connect(fake.endpoint, region=REGION)
    yield provider
    await provider.close()


@pytest.mark.parametrize("state", ["Disabled", "Enabled"])
async def test_a_documented_key_is_read(provider: AwsKmsProvider, fake: FakeKms, state: str) -> None:
    public_key = spki(generate(RSA).public_key())
    metadata = {**DOCUMENTED["DescribeKey"]["KeyMetadata"], "KeyState": state}
    fake.behaviour.fail("DescribeKey", recorded("DescribeKey", KeyMetadata=metadata))
    fake.behaviour.fail("GetPublicKey", recorded("GetPublicKey", public_key))
    fake.behaviour.fail("ListResourceTags", recorded("ListResourceTags"))
    (found,) = await provider.find(URI)
    assert (found.uri, found.public_key, found.enabled) == (URI, public_key, state == "Enabled")
    assert (found.tags, found.algorithm, found.unsure) == ({}, None, False)


async def test_a_documented_signature_is_read(provider: AwsKmsProvider, fake: FakeKms) -> None:
    fake.behaviour.fail("Sign", recorded("Sign", b"\x30\x01"))
    given = prepare(BY_NAME["ecdsa-p384-sha384"], Message(b"m"))
    assert await provider.sign(URI, BY_NAME["ecdsa-p384-sha384"], given) == b"\x30\x01"


async def test_documented_keys_that_are_gone_are_not_held(provider: AwsKmsProvider, fake: FakeKms) -> None:
    fake.behaviour.fail("ListKeys", recorded("ListKeys"))
    assert await provider.held() == []
    assert fake.behaviour.calls["DescribeKey"] == len(DOCUMENTED["ListKeys"]["Keys"])
