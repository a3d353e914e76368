"""Each technology's own client, signing a digest with a P-256 key of its own: what providers are held against."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.load import drive
from bench.measures import Sample

DIGEST = hashlib.sha256(b"bench").digest()
Direct = Callable[[int, float], Awaitable[Sample]]
"""Drives so many signatures at once for so many seconds."""


def in_threads(sign: Callable[[], object]) -> Direct:
    """A synchronous client, with a thread for each signature under way."""

    async def run(in_flight: int, seconds: float) -> Sample:
        with ThreadPoolExecutor(in_flight) as pool:
            latencies: list[float] = []
            started = perf_counter()
            repeat = partial(_repeat, sign, started + seconds, latencies)
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(pool, repeat) for _ in range(in_flight)))
            return Sample(len(latencies) / (perf_counter() - started))

    return run


def _repeat(sign: Callable[[], object], end: float, latencies: list[float]) -> None:
    while (began := perf_counter()) < end:
        sign()
        latencies.append(perf_counter() - began)


def aws_client(endpoint: str, region: str, environment: Mapping[str, str]) -> Direct:
    """boto3, its pool as large as it is needed."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "kms",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=256),
    )
    key = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    return in_threads(
        lambda: client.sign(KeyId=key, Message=DIGEST, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
    )


def gcp_client(endpoint: str, ring: str) -> Direct:
    """google-cloud-kms, asynchronous."""
    from google.cloud import kms_v1  # noqa: TID251 - this is the client that is measured
    from google.cloud.kms_v1.services.key_management_service import transports  # noqa: TID251
    from grpc import aio

    opened: list[tuple[Any, str]] = []

    async def client() -> tuple[Any, str]:
        if not opened:
            transport = transports.KeyManagementServiceGrpcAsyncIOTransport(
                channel=aio.insecure_channel(endpoint)
            )
            made = kms_v1.KeyManagementServiceAsyncClient(transport=transport)
            key = kms_v1.CryptoKey(
                purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN,
                version_template={"algorithm": "EC_SIGN_P256_SHA256"},
            )
            named = await made.create_crypto_key(parent=ring, crypto_key_id="direct", crypto_key=key)
            version = f"{named.name}/cryptoKeyVersions/1"
            enabled = kms_v1.CryptoKeyVersion.CryptoKeyVersionState.ENABLED
            while (await made.get_crypto_key_version(name=version)).state != enabled:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            opened.append((made, version))
        return opened[0]

    async def run(in_flight: int, seconds: float) -> Sample:
        made, version = await client()
        request = kms_v1.AsymmetricSignRequest(name=version, digest={"sha256": DIGEST})
        return await drive(lambda: made.asymmetric_sign(request=request), in_flight, seconds)

    return run


def vault_client(address: str, token: str) -> Direct:
    """hvac, its pool as large as it is needed."""
    import hvac
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=256))
    transit = hvac.Client(address, token, session=session).secrets.transit
    transit.create_key("direct", key_type="ecdsa-p256")
    encoded = base64.b64encode(DIGEST).decode()
    return in_threads(lambda: transit.sign_data("direct", encoded, prehashed=True, hash_algorithm="sha2-256"))


def pkcs11_session(module: Path, label: str, pin: str) -> Direct:
    """python-pkcs11: one session, logged in, in one thread."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    token = pkcs11.lib(str(module)).get_token(token_label=label)
    session = token.open(user_pin=pin, rw=True)
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC,
        {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
        local=True,
    )
    private: Any = parameters.generate_keypair()[1]
    alone = in_threads(lambda: private.sign(DIGEST, mechanism=pkcs11.Mechanism.ECDSA))
    return lambda in_flight, seconds: alone(1, seconds)
