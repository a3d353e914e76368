"""A daemon with keys in AWS KMS: made, signed with, discovered, adopted and checked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256

from signerd.audit.reading import list_records
from signerd.core.algorithms import DEFAULT
from signerd.core.private_keys import generate
from signerd.v1.keys_pb2 import AdoptKeyRequest, CheckKeysRequest, DiscoverKeysRequest
from signerd.v1.signer_pb2 import SignRequest
from tests.support.daemons import Daemon, serving, short_home
from tests.support.refusals import Refused
from tests.support.servers.aws import ENVIRONMENT, REGION
from tests.support.servers.aws_fake import FakeKms


@pytest.fixture
async def daemon(fake: FakeKms, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Daemon]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    kms = f"{{type: aws-kms, region: {REGION}, endpoint: '{fake.endpoint}'}}"
    with short_home() as home:
        async with serving(home, f"providers: {{kms: {kms}}}\ndefault_provider: kms\n") as daemon:
            yield daemon


def outside(fake: FakeKms) -> str:
    """A key of somebody else, with an alias."""
    client = boto3.client(
        "kms",
        region_name=REGION,
        endpoint_url=fake.endpoint,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    made = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    client.create_alias(AliasName="alias/release", TargetKeyId=made["KeyId"])
    return made["Arn"]


async def test_a_key_that_is_made_signs(daemon: Daemon, fake: FakeKms) -> None:
    await daemon.add_key("team-a/release")
    (made,) = fake.kms.keys.values()
    assert made.tags["signerd:key"] == "team-a/release"
    assert made.tags["signerd:instance"]
    assert fake.kms.aliases == {"alias/signerd/team-a/release": made.id}
    answer = await daemon.call("Signer/Sign", SignRequest(key="team-a/release", message=b"some bytes"))
    made.private_key.public_key().verify(answer.signature, b"some bytes", ECDSA(SHA256()))
    found = await daemon.call("Keys/DiscoverKeys", DiscoverKeysRequest())
    assert list(found.keys) == []


async def test_a_key_of_somebody_else_is_discovered_and_adopted_by_its_alias(
    daemon: Daemon, fake: FakeKms
) -> None:
    arn = outside(fake)
    found = await daemon.call("Keys/DiscoverKeys", DiscoverKeysRequest())
    assert [(one.uri, one.algorithm) for one in found.keys] == [
        (f"aws-kms://{REGION}/{arn}", "ecdsa-p256-sha256")
    ]
    uri = f"aws-kms://{REGION}/alias/release"
    await daemon.call("Keys/AdoptKey", AdoptKeyRequest(name="release", uri=uri))
    answer = await daemon.call("Signer/Sign", SignRequest(key="release", message=b"some bytes"))
    public_key = fake.kms.key(arn).private_key.public_key()
    public_key.verify(answer.signature, b"some bytes", ECDSA(SHA256()))
    fake.kms.aliases["alias/release"] = fake.kms.answer("CreateKey", {})["KeyMetadata"]["KeyId"]
    await daemon.call("Signer/Sign", SignRequest(key="release", message=b"some bytes"))
    assert list((await daemon.call("Keys/DiscoverKeys", DiscoverKeysRequest())).keys) == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [("Disabled", "KEY_MATERIAL_DISABLED"), ("PendingDeletion", "KEY_MATERIAL_DISABLED")],
)
async def test_a_key_changed_behind_our_back_is_found_and_signs_no_more(
    daemon: Daemon, fake: FakeKms, state: str, reason: str
) -> None:
    await daemon.add_key("release")
    (made,) = fake.kms.keys.values()
    (finding,) = (await daemon.call("Keys/CheckKeys", CheckKeysRequest())).findings
    assert finding.ok, finding
    made.state = state
    with pytest.raises(Refused, match=reason):
        await daemon.call("Signer/Sign", SignRequest(key="release", message=b"some bytes"))
    (finding,) = (await daemon.call("Keys/CheckKeys", CheckKeysRequest())).findings
    assert (finding.ok, finding.reason) == (False, reason)


async def test_another_private_key_behind_the_same_id_signs_nothing(daemon: Daemon, fake: FakeKms) -> None:
    await daemon.add_key("release")
    (made,) = fake.kms.keys.values()
    made.private_key = generate(DEFAULT)
    with pytest.raises(Refused, match="PROVIDER_INTEGRITY"):
        await daemon.call("Signer/Sign", SignRequest(key="release", message=b"some bytes"))


async def test_nothing_secret_gets_into_the_audit_log(daemon: Daemon, fake: FakeKms) -> None:
    await daemon.add_key("release")
    shown = repr(daemon.records())
    assert daemon.records()
    assert ENVIRONMENT["AWS_SECRET_ACCESS_KEY"] not in shown


async def test_an_alias_that_was_moved_or_removed_is_put_right(daemon: Daemon, fake: FakeKms) -> None:
    await daemon.add_key("release")
    (made,) = fake.kms.keys.values()
    fake.kms.aliases.clear()
    (finding,) = (await daemon.call("Keys/CheckKeys", CheckKeysRequest())).findings
    assert finding.ok
    assert fake.kms.aliases == {"alias/signerd/release": made.id}
    entries = list_records(daemon.home / "audit", page_size=1000).entries
    assert "promote-key" in [entry.record.operation for entry in entries]


async def test_an_alias_of_somebody_else_is_told_by_a_check(daemon: Daemon, fake: FakeKms) -> None:
    await daemon.add_key("release")
    foreign = fake.kms.answer("CreateKey", {})["KeyMetadata"]["KeyId"]
    fake.kms.aliases["alias/signerd/release"] = foreign
    (finding,) = (await daemon.call("Keys/CheckKeys", CheckKeysRequest())).findings
    assert (finding.ok, finding.reason) == (False, "PROVIDER_REFUSED")
    assert foreign in finding.message
    assert fake.kms.aliases == {"alias/signerd/release": foreign}
    await daemon.call("Signer/Sign", SignRequest(key="release", message=b"some bytes"))
