"""The mirror in a bucket, moto's: what is copied can be verified there, and an outage is a fault like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from signerd.connections.aws import Access, AccessKeys
from signerd.mirrors.faults import MirrorFault
from signerd.mirrors.mirror import Mirror
from signerd.mirrors.paths import files_between
from signerd.mirrors.targets import BucketTarget
from tests.support.servers.aws import ENVIRONMENT, REGION, AwsServer, moto
from tests.unit.mirrors.test_mirror import grow

ORIGIN = "0123/worker-0"
KEYS = AccessKeys(ENVIRONMENT["AWS_ACCESS_KEY_ID"], ENVIRONMENT["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture
def server() -> Iterator[AwsServer]:
    with moto() as running:
        yield running


@pytest.fixture
def bucket(server: AwsServer) -> Iterator[object]:
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id=KEYS.id,
        aws_secret_access_key=KEYS.secret,
    )
    client.create_bucket(Bucket="copies", CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    client.close()


def target(server: AwsServer, bucket: str = "copies", seconds: float = 5.0) -> BucketTarget:
    return BucketTarget(Access(REGION, server.endpoint, keys=KEYS), bucket, "/audit/", ORIGIN, seconds)


async def test_a_log_is_copied_below_its_origin(server: AwsServer, bucket: object, tmp_path: Path) -> None:
    grow(tmp_path, 0, 300)
    mirror = Mirror(target(server), tmp_path, 60.0)
    assert await mirror.latest() is None
    await mirror.copy(300, b"note")
    assert await mirror.latest() == b"note"
    listed = bucket.list_objects_v2(Bucket="copies")["Contents"]  # type: ignore[attr-defined]
    wanted = {f"audit/{ORIGIN}/{name}" for name in [*files_between(0, 300), "checkpoint"]}
    assert {one["Key"] for one in listed} == wanted
    body = bucket.get_object(Bucket="copies", Key=f"audit/{ORIGIN}/tile/0/000")["Body"]  # type: ignore[attr-defined]
    assert body.read() == (tmp_path / "tile/0/000").read_bytes()
    mirror.close()


async def test_a_bucket_that_is_not_there_is_told(server: AwsServer, tmp_path: Path) -> None:
    grow(tmp_path, 0, 3)
    mirror = Mirror(target(server, "missing"), tmp_path, 60.0)
    with pytest.raises(MirrorFault, match="NoSuchBucket"):
        await mirror.copy(3, b"note")
    with pytest.raises(MirrorFault, match="NoSuchBucket"):
        await mirror.latest()
    assert KEYS.secret not in mirror.problem
    mirror.close()


async def test_an_outage_ends(server: AwsServer, bucket: object, tmp_path: Path) -> None:
    grow(tmp_path, 0, 3)
    mirror = Mirror(target(server, seconds=1.0), tmp_path, 60.0)
    server.kill()
    with pytest.raises(MirrorFault, match="s3://copies"):
        await mirror.copy(3, b"note")
    server.start()
    bucket.create_bucket(  # type: ignore[attr-defined]
        Bucket="copies", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    await mirror.copy(3, b"note")
    assert (mirror.size, mirror.problem) == (3, "")
    mirror.close()
