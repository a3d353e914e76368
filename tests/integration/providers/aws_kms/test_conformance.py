"""The conformance suite: against moto server with its faults corrected, and against the fake for what moto lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signerd.core.algorithms import Family
from signerd.providers.aws_kms.provider import AwsKmsProvider
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject
from tests.integration.providers.aws_kms.conftest import Connect
from tests.support.servers.aws import ENVIRONMENT, REGION, AwsServer
from tests.support.servers.aws_fake import FakeKms

UNKNOWN = f"aws-kms://{REGION}/arn:aws:kms:{REGION}:111122223333:key/11111111-2222-3333-4444-555555555555"
SECRETS = (ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],)


class TestMoto(ProviderConformance):
    """All that moto has: no ML-DSA, no import."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, moto_server: AwsServer, connect: Connect) -> Subject:
        def opened() -> AwsKmsProvider:
            provider = connect(moto_server.endpoint)
            able = tuple(one for one in provider.capabilities.algorithms if one.family is not Family.ML_DSA)
            provider.capabilities = replace(provider.capabilities, algorithms=able, imports=False)
            return provider

        return Subject(type_name="aws-kms", open=opened, unknown_uri=UNKNOWN, secrets=SECRETS)


class TestFake(ProviderConformance):
    """Everything that is claimed."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, shared_fake: FakeKms, connect: Connect) -> Subject:
        return Subject(
            type_name="aws-kms (fake)",
            open=lambda: connect(shared_fake.endpoint),
            unknown_uri=UNKNOWN,
            secrets=SECRETS,
        )
