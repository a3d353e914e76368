"""An order leaves at most one version, and what it leaves can be told, wherever it was cut off."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material
from signerd.providers.gcp_kms.provider import GcpKmsProvider, build
from tests.integration.providers.gcp_kms.keys import Others, order, refused, sign, tagged, through_guard
from tests.support.servers.gcp import GcpServer, setup

ROOT = Path(__file__).parents[4]
FIRST, NEXT = "CreateCryptoKey", "CreateCryptoKeyVersion"


async def prepared(provider: GcpKmsProvider, key: str, method: str) -> int:
    """Bring a key to where its next order makes that call; gives the version to order."""
    if method == FIRST:
        return 1
    await provider.create(order(key, 1))
    return 2


@pytest.mark.parametrize("method", [FIRST, NEXT])
async def test_a_lost_answer_leaves_a_version_with_its_tags(
    provider: GcpKmsProvider, server: GcpServer, method: str
) -> None:
    version = await prepared(provider, f"lost-{method}", method)
    wanted = order(f"lost-{method}", version, f"lost-{method.lower()}")
    server.fail(method, status="UNAVAILABLE", late=True, times=1)
    await refused(provider.create(wanted), Reason.PROVIDER_UNAVAILABLE)
    (left,) = await tagged(provider, wanted.tag)
    assert (left.tags, left.number) == (wanted.tags, version)
    await refused(provider.create(wanted), Reason.KEY_EXISTS)
    await sign(through_guard(provider), left)


async def test_a_lost_answer_does_not_confuse_the_next_order(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    await provider.create(order("next", 1))
    server.fail(NEXT, status="UNAVAILABLE", late=True, times=1)
    await refused(provider.create(order("next", 2, "n2")), Reason.PROVIDER_UNAVAILABLE)
    third = await provider.create(order("next", 3, "n3"))
    assert third.number == 3
    numbers = {tag: [one.number for one in await tagged(provider, tag)] for tag in ("n2", "n3")}
    assert numbers == {"n2": [2], "n3": [3]}


async def test_an_order_that_was_never_carried_out_can_be_given_again(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    await provider.create(order("unmade", 1))
    server.fail(NEXT, status="UNAVAILABLE", times=1)
    await refused(provider.create(order("unmade", 2, "u2")), Reason.PROVIDER_UNAVAILABLE)
    assert await tagged(provider, "u2") == []
    assert (await provider.create(order("unmade", 2, "u2"))).number == 2


async def test_a_dead_order_takes_no_version_of_a_later_one(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    await provider.create(order("dead", 1))
    server.fail(NEXT, status="UNAVAILABLE", times=1)
    await refused(provider.create(order("dead", 2, "d2")), Reason.PROVIDER_UNAVAILABLE)
    server.fail(NEXT, status="UNAVAILABLE", late=True, times=1)
    await refused(provider.create(order("dead", 2, "d2b")), Reason.PROVIDER_UNAVAILABLE)
    assert await tagged(provider, "d2") == []
    assert [one.number for one in await tagged(provider, "d2b")] == [2]


@pytest.mark.parametrize("foreign", ["later", "beside ours"])
async def test_a_foreign_version_is_not_taken_for_the_one_of_a_lost_order(
    provider: GcpKmsProvider, server: GcpServer, foreign: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"foreign-{foreign.partition(' ')[0]}"
    first = await provider.create(order(key, 1))
    reached = foreign == "beside ours"
    server.fail(NEXT, status="UNAVAILABLE", late=reached, times=1)
    await refused(provider.create(order(key, 2, f"{key}-2")), Reason.PROVIDER_UNAVAILABLE)
    server.skip(0 if reached else 60)
    theirs = await Others(server).make_version(
        first.uri.removeprefix("gcp-kms://").partition("/cryptoKeyV")[0]
    )
    assert await tagged(provider, f"{key}-2") == []
    assert f"order {key}-2 may have made one of the versions" in caplog.text
    assert f"gcp-kms://{theirs}" in {one.uri for one in await provider.held()}
    if reached:
        await refused(provider.create(order(key, 2, f"{key}-2")), Reason.PROVIDER_REFUSED)


async def test_a_version_is_told_though_its_number_could_not_be_marked(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    await provider.create(order("unconfirmed", 1))
    server.fail("GetCryptoKey", times=1)
    server.fail("GetCryptoKey", status="INTERNAL", times=1)
    made = await provider.create(order("unconfirmed", 2, "uc2"))
    assert [one.uri for one in await tagged(provider, "uc2")] == [made.uri]
    assert await provider.find(made.uri) == [made]


async def test_one_order_for_a_next_version_given_many_times_at_once(provider: GcpKmsProvider) -> None:
    await provider.create(order("often", 1))
    calls = (provider.create(order("often", 2, "same")) for _ in range(4))
    ended = await asyncio.gather(*calls, return_exceptions=True)
    (made,) = [one for one in ended if isinstance(one, Material)]
    assert [one.reason for one in ended if isinstance(one, SignerdError)] == [Reason.KEY_EXISTS] * 3
    assert [one.uri for one in await tagged(provider, "same")] == [made.uri]
    assert [one.number for one in await provider.find(made.uri.partition("/cryptoKeyVersions/")[0])] == [1, 2]


async def test_two_daemons_that_order_at_once(provider: GcpKmsProvider, server: GcpServer) -> None:
    other = build(setup(server.endpoint))
    made = await asyncio.gather(
        provider.create(order("both", 1, "b1")), other.create(order("both", 1, "b2")), return_exceptions=True
    )
    won = [one for one in made if isinstance(one, Material)]
    assert len({one.uri for one in won}) == len(won) == 2
    for one in won:
        assert [found.uri for found in await tagged(provider, one.tags["tag"])] == [one.uri]
    await other.close()


CRASH = """
import asyncio, os, sys
from signerd.providers.gcp_kms.provider import build
from signerd.providers.gcp_kms import orders as gcp_kms_orders
from tests.integration.providers.gcp_kms.keys import order
from tests.support.servers.gcp import setup

async def crash(*rest, **named):
    os.kill(os.getpid(), 9)

key, version, tag, method = sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
setattr(gcp_kms_orders.Orders, method, crash)
asyncio.run(build(setup(sys.argv[1])).create(order(key, version, tag)))
"""


@pytest.mark.parametrize(
    ("version", "method"),
    [(1, "_wait_for"), (2, "_confirm"), (2, "_wait_for")],
    ids=["first made", "next made", "next marked"],
)
async def test_a_crash_after_making_leaves_a_version_with_its_tags(
    provider: GcpKmsProvider, server: GcpServer, version: int, method: str
) -> None:
    key = tag = f"crash{version}{method.replace('_', '-')}"
    if version > 1:
        await provider.create(order(key, 1))
    command = [sys.executable, "-c", CRASH, server.endpoint, key, str(version), tag, method]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    assert await process.wait() == -9
    (left,) = await tagged(provider, tag)
    assert left.tags == order(key, version, tag).tags
    assert left.number == version
    await sign(through_guard(provider), left)


async def test_marks_give_way_before_a_key_has_too_many_labels(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    first = await provider.create(order("crowded", 1))
    others = Others(server)
    await others.set_labels(
        first.uri, {**await others.labels(first.uri), **{f"own-{n}": "x" for n in range(58)}}
    )
    made = [first] + [await provider.create(order("crowded", version)) for version in range(2, 8)]
    labels = await others.labels(first.uri)
    assert len(labels) <= 64
    assert sum(name.startswith("own-") for name in labels) == 58
    found = await provider.find(first.uri.partition("/cryptoKeyVersions/")[0])
    assert [one.public_key for one in found] == [one.public_key for one in made]
    assert [bool(one.tags) for one in found] == [False] * 3 + [True] * 4


async def test_marks_of_destroyed_versions_give_way_first(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    made = [await provider.create(order("thinned", version)) for version in (1, 2)]
    others = Others(server)
    await provider.change(made[1].uri, Change.DESTROY)
    server.skip(31 * 86_400)
    await others.set_labels(
        made[0].uri, {**await others.labels(made[0].uri), **{f"own-{n}": "x" for n in range(60)}}
    )
    third = await provider.create(order("thinned", 3))
    assert await provider.find(made[0].uri) == [made[0]]
    assert await provider.find(third.uri) == [third]


async def test_a_crypto_key_of_others_in_the_way_is_left_alone(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    made = await provider.create(order("taken", 1))
    others = Others(server)
    await others.set_labels(made.uri, {"team": "a"})
    error = await refused(provider.create(order("taken", 2)), Reason.PROVIDER_REFUSED)
    assert "labels" in error.message
    assert [one.tags for one in await provider.find(made.uri)] == [{}]


async def test_a_tag_too_long_for_a_label_is_refused(provider: GcpKmsProvider) -> None:
    await refused(provider.create(order("k", 1, "t" * 52)), Reason.PROVIDER_REFUSED)


async def test_a_ring_that_is_not_there(server: GcpServer) -> None:
    nowhere = build(setup(server.endpoint, key_ring="projects/p/locations/l/keyRings/absent"))
    error = await refused(nowhere.create(order("k")), Reason.PROVIDER_REFUSED)
    assert "keyRings/absent" in error.message
    await nowhere.close()


async def test_private_keys_are_not_taken_in(provider: GcpKmsProvider) -> None:
    wanted = order("imported")
    given = type(wanted)(wanted.key, 1, wanted.algorithm, "t", b"secret", "i")
    with pytest.raises(SignerdError) as caught:
        await provider.create(given)
    assert caught.value.reason is Reason.PROVIDER_REFUSED
