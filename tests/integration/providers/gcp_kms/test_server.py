"""The stand-in for Cloud KMS answers Google's own client as the API does, and refuses what is not right."""

from __future__ import annotations

from typing import Any

import google_crc32c
import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.api_core import exceptions
from google.cloud import kms_v1  # noqa: TID251 - Google's own client
from google.protobuf.field_mask_pb2 import FieldMask

from tests.integration.providers.gcp_kms.keys import Others
from tests.support.servers.gcp import RING, GcpServer

SERVICE = "/google.cloud.kms.v1.KeyManagementService/"
DIGEST = bytes(range(32))
STATES = kms_v1.CryptoKeyVersion.CryptoKeyVersionState


@pytest.fixture
def client(server: GcpServer) -> kms_v1.KeyManagementServiceClient:
    return Others(server).client


async def version_of(server: GcpServer, name: str, algorithm: str = "EC_SIGN_P256_SHA256") -> str:
    return f"{await Others(server).make_key(name, algorithm)}/cryptoKeyVersions/1"


def sign(
    client: kms_v1.KeyManagementServiceClient, name: str, **request: Any
) -> kms_v1.AsymmetricSignResponse:
    return client.asymmetric_sign(request={"name": name, **request}, retry=None)


async def test_signatures_are_real(server: GcpServer, client: kms_v1.KeyManagementServiceClient) -> None:
    name = await version_of(server, "real-ec")
    public_key = client.get_public_key(name=name)
    assert public_key.pem_crc32c == google_crc32c.value(public_key.pem.encode())
    answer = sign(client, name, digest={"sha256": DIGEST}, digest_crc32c=google_crc32c.value(DIGEST))
    assert (answer.name, answer.verified_digest_crc32c, answer.verified_data_crc32c) == (name, True, False)
    assert answer.signature_crc32c == google_crc32c.value(answer.signature)
    key = load_pem_public_key(public_key.pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(answer.signature, DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))


async def test_pss_has_the_salt_of_the_api(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient
) -> None:
    name = await version_of(server, "real-pss", "RSA_SIGN_PSS_2048_SHA256")
    key = load_pem_public_key(client.get_public_key(name=name).pem.encode())
    signature = sign(client, name, digest={"sha256": DIGEST}).signature
    assert isinstance(key, rsa.RSAPublicKey)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.verify(signature, DIGEST, scheme, Prehashed(hashes.SHA256()))


async def test_checksums_that_are_not_sent_are_not_verified(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient
) -> None:
    name = await version_of(server, "unchecked")
    assert not sign(client, name, digest={"sha256": DIGEST}).verified_digest_crc32c
    with pytest.raises(exceptions.InvalidArgument):
        sign(client, name, digest={"sha256": DIGEST}, digest_crc32c=1)


@pytest.mark.parametrize(
    "request_",
    [
        {"digest": {"sha256": DIGEST[:31]}},
        {"digest": {"sha384": DIGEST}},
        {"digest": {"sha512": bytes(64)}},
        {"data": DIGEST},
        {},
        {"digest": {"sha256": DIGEST}, "data": b"x"},
    ],
    ids=str,
)
async def test_wrong_inputs_are_refused(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient, request_: dict[str, Any]
) -> None:
    key = f"{RING}/cryptoKeys/inputs"
    try:
        client.get_crypto_key(name=key)
    except exceptions.NotFound:
        await version_of(server, "inputs")
    with pytest.raises(exceptions.InvalidArgument):
        sign(client, f"{key}/cryptoKeyVersions/1", **request_)


async def test_only_enabled_versions_are_used(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient
) -> None:
    name = await version_of(server, "states")
    version = kms_v1.CryptoKeyVersion(name=name, state=STATES.DISABLED)
    client.update_crypto_key_version(crypto_key_version=version, update_mask=FieldMask(paths=["state"]))
    for call in (
        lambda: sign(client, name, digest={"sha256": DIGEST}),
        lambda: client.get_public_key(name=name),
    ):
        with pytest.raises(exceptions.FailedPrecondition, match="is not enabled, current state is: DISABLED"):
            call()
    assert client.destroy_crypto_key_version(name=name).state == STATES.DESTROY_SCHEDULED
    with pytest.raises(exceptions.FailedPrecondition):
        client.destroy_crypto_key_version(name=name)
    with pytest.raises(exceptions.FailedPrecondition):
        client.update_crypto_key_version(crypto_key_version=version, update_mask=FieldMask(paths=["state"]))


async def test_names_are_used_once_and_must_be_there(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient
) -> None:
    await version_of(server, "unique")
    with pytest.raises(exceptions.AlreadyExists, match="already exists"):
        await version_of(server, "unique")
    for wrong in ("a.b", "", "x" * 64):
        with pytest.raises(exceptions.InvalidArgument):
            await version_of(server, wrong)
    with pytest.raises(exceptions.NotFound):
        client.get_crypto_key_version(name=f"{RING}/cryptoKeys/unique/cryptoKeyVersions/2")


@pytest.mark.parametrize("labels", [{"Upper": "x"}, {"a": "Upper"}, {"a": "."}, {"1": "x"}, {"a": "x" * 64}])
async def test_labels_that_the_api_does_not_take(server: GcpServer, labels: dict[str, str]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        await Others(server).make_key("labelled", "EC_SIGN_P256_SHA256", labels)


async def test_post_quantum_public_keys_need_a_format(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient
) -> None:
    name = await version_of(server, "pq", "PQ_SIGN_ML_DSA_44")
    with pytest.raises(exceptions.InvalidArgument):
        client.get_public_key(name=name)
    shown = client.get_public_key(request={"name": name, "public_key_format": "NIST_PQC"})
    assert len(shown.public_key.data) == 1312
    assert shown.pem == ""


async def test_lists_come_in_pages(server: GcpServer, client: kms_v1.KeyManagementServiceClient) -> None:
    key = (await version_of(server, "paged")).partition("/cryptoKeyVersions/")[0]
    for _ in range(4):
        await Others(server).make_version(key)
    server.set(page=2)
    pager = client.list_crypto_key_versions(parent=key)
    assert [len(page.crypto_key_versions) for page in pager.pages] == [2, 2, 1]


def raw(server: GcpServer, method: str, request: bytes, routed: str) -> grpc.StatusCode:
    """Status of a call of bytes."""
    with grpc.insecure_channel(server.endpoint) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SERVICE + method)
        return call.future(request, timeout=10, metadata=(("x-goog-request-params", routed),)).code()


async def test_fields_that_it_does_not_know_are_refused(server: GcpServer) -> None:
    name = await version_of(server, "fields")
    routed, right = f"name={name}", kms_v1.AsymmetricSignRequest.pb()(name=name, digest={"sha256": DIGEST})
    assert raw(server, "AsymmetricSign", right.SerializeToString(), routed) is grpc.StatusCode.OK
    unknown = right.SerializeToString() + b"\xf8\x01\x01"
    assert raw(server, "AsymmetricSign", unknown, routed) is grpc.StatusCode.INVALID_ARGUMENT
    nested = kms_v1.AsymmetricSignRequest.pb()(name=name)
    nested.digest.MergeFromString(b"\x0a\x20" + DIGEST + b"\xf8\x01\x01")
    assert (
        raw(server, "AsymmetricSign", nested.SerializeToString(), routed) is grpc.StatusCode.INVALID_ARGUMENT
    )
    known = kms_v1.ListCryptoKeysRequest.pb()(parent=RING, filter="x")
    assert raw(server, "ListCryptoKeys", known.SerializeToString(), f"parent={RING}") is (
        grpc.StatusCode.INVALID_ARGUMENT
    )


async def test_the_routing_header_is_needed(server: GcpServer) -> None:
    request = kms_v1.ListCryptoKeysRequest.pb()(parent=RING).SerializeToString()
    assert raw(server, "ListCryptoKeys", request, f"parent={RING}") is grpc.StatusCode.OK
    for routed in ("", "parent=", f"name={RING}", f"parent={RING}x"):
        assert raw(server, "ListCryptoKeys", request, routed) is grpc.StatusCode.INVALID_ARGUMENT
    assert raw(server, "Encrypt", b"", "") is grpc.StatusCode.UNIMPLEMENTED


async def test_what_it_holds_outlives_it(
    server: GcpServer, client: kms_v1.KeyManagementServiceClient
) -> None:
    name = await version_of(server, "lasting")
    before = client.get_public_key(name=name).pem
    server.kill()
    server.start()
    assert Others(server).client.get_public_key(name=name).pem == before
