"""The moto server that the tests use signs as AWS does, by `cryptography`; without the launcher it would not."""

from __future__ import annotations

import hashlib
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.support.servers.aws import REGION, AwsServer

MESSAGE = b"some bytes"
HASHES: dict[str, Any] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
ALGORITHMS = [
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("ECC_NIST_P521", "ECDSA_SHA_512"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ("RSA_2048", "RSASSA_PSS_SHA_512"),
]


@pytest.fixture(scope="module")
def client(moto_server: AwsServer) -> Any:
    return boto3.client(
        "kms",
        region_name=REGION,
        endpoint_url=moto_server.endpoint,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )


def made(client: Any, spec: str = "ECC_NIST_P256") -> str:
    key_id: str = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    return key_id


def check(client: Any, key_id: str, algorithm: str, signature: bytes) -> None:
    """Verify over the digest of the message."""
    key = load_der_public_key(client.get_public_key(KeyId=key_id)["PublicKey"])
    hash_ = HASHES[algorithm[-3:]]
    digest = hashlib.new(hash_.name, MESSAGE).digest()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, digest, ec.ECDSA(Prehashed(hash_)))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(hash_), padding.PSS.DIGEST_LENGTH)
    key.verify(signature, digest, pss if "PSS" in algorithm else padding.PKCS1v15(), Prehashed(hash_))


def sign(client: Any, key_id: str, algorithm: str, message: bytes, kind: str) -> bytes:
    answer = client.sign(KeyId=key_id, Message=message, MessageType=kind, SigningAlgorithm=algorithm)
    signature: bytes = answer["Signature"]
    return signature


def refusal(call: Any, **arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize(("spec", "algorithm"), ALGORITHMS)
def test_digests_and_messages_verify(client: Any, spec: str, algorithm: str) -> None:
    key_id = made(client, spec)
    digest = hashlib.new(HASHES[algorithm[-3:]].name, MESSAGE).digest()
    check(client, key_id, algorithm, sign(client, key_id, algorithm, digest, "DIGEST"))
    check(client, key_id, algorithm, sign(client, key_id, algorithm, MESSAGE, "RAW"))


@pytest.mark.parametrize("size", [1, 20, 31, 33, 48, 64])
def test_a_digest_has_the_length_of_its_hash(client: Any, size: int) -> None:
    given = {"KeyId": made(client), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert refusal(client.sign, Message=bytes(size), **given) == "ValidationException"


def test_an_algorithm_of_another_kind_of_key(client: Any) -> None:
    given = {"KeyId": made(client), "Message": bytes(32), "MessageType": "DIGEST"}
    assert refusal(client.sign, SigningAlgorithm="RSASSA_PSS_SHA_256", **given) == "InvalidKeyUsageException"


def test_disabled_keys_do_not_sign_nor_show_themselves(client: Any) -> None:
    key_id = made(client)
    client.disable_key(KeyId=key_id)
    given = {"Message": bytes(32), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert refusal(client.sign, KeyId=key_id, **given) == "DisabledException"
    assert refusal(client.get_public_key, KeyId=key_id) == "DisabledException"
    client.enable_key(KeyId=key_id)
    client.sign(KeyId=key_id, **given)


def test_keys_that_wait_for_their_deletion_can_not_be_changed(client: Any) -> None:
    key_id = made(client)
    client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    given = {"Message": bytes(32), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    for call, arguments in (
        (client.sign, given),
        (client.enable_key, {}),
        (client.disable_key, {}),
        (client.schedule_key_deletion, {"PendingWindowInDays": 7}),
    ):
        assert refusal(call, KeyId=key_id, **arguments) == "KMSInvalidStateException"
