"""The API server goes away and comes back: signatures go on, and what happened meanwhile is noticed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from signerd.core.algorithms import DEFAULT, algorithm_named
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change
from signerd.providers.k8s_secret.provider import K8sSecretProvider
from tests.integration.providers.k8s_secret.conftest import GIVEN, Namespace, check, order, until
from tests.support.servers.kubernetes import KubernetesServer

SLOW = algorithm_named("ml-dsa-44")


@pytest.fixture(autouse=True)
def restarted(server: KubernetesServer) -> Iterator[None]:
    yield
    server.kill_api()
    server.start_api()


async def test_signatures_go_on(provider: K8sSecretProvider, namespace: Namespace) -> None:
    used = await provider.create(order())
    slow = await provider.create(order("t2", algorithm=SLOW))
    check(used, await provider.sign(used.uri, DEFAULT, GIVEN))
    fresh = namespace.provider()
    try:
        await until(lambda: used.uri in fresh._keys and slow.uri in fresh._keys)
        namespace.server.kill_api()
        await until(lambda: not provider.health().healthy and not fresh.health().healthy)
        for one in (provider, fresh):  # the second has read the Secrets and opened none of them yet
            check(used, await one.sign(used.uri, DEFAULT, GIVEN))
            assert await one.sign(slow.uri, SLOW, prepare(SLOW, Message(b"some bytes")))
            sign = one.signer(used.uri, DEFAULT)
            assert sign is not None
            check(used, sign(GIVEN))
    finally:
        await fresh.close()


async def test_what_needs_the_server_says_so(provider: K8sSecretProvider, namespace: Namespace) -> None:
    made = await provider.create(order())
    namespace.server.kill_api()
    for call in (
        provider.find(made.uri),
        provider.held(),
        provider.create(order("t2")),
        provider.change(made.uri, Change.DESTROY),
        provider.sign(namespace.uri("never-read"), DEFAULT, GIVEN),
    ):
        with pytest.raises(SignerdError) as error:
            await call
        assert error.value.reason is Reason.PROVIDER_UNAVAILABLE
    await until(lambda: not provider.health().healthy)
    assert "not watched" in provider.health().detail
    namespace.server.start_api()
    await until(lambda: provider.health().healthy)
    assert (await provider.find(made.uri))[0].public_key == made.public_key
    await provider.create(order("t2"))


async def test_a_secret_deleted_meanwhile(provider: K8sSecretProvider, namespace: Namespace) -> None:
    made, kept = await provider.create(order()), await provider.create(order("t2"))
    await provider.sign(made.uri, DEFAULT, GIVEN)
    namespace.server.kill_api()
    await until(lambda: not provider.health().healthy)
    assert provider.signer(made.uri, DEFAULT) is not None
    namespace.server.erase_in_etcd(namespace.name, made.uri.rpartition("/")[2])
    namespace.server.start_api()
    await until(lambda: provider.signer(made.uri, DEFAULT) is None)
    assert kept.uri in provider._keys
    await until(lambda: provider.health().healthy)
    assert [one.uri for one in await provider.held()] == [kept.uri]


async def test_closing_ends_the_thread_of_the_watch(
    provider: K8sSecretProvider, namespace: Namespace
) -> None:
    closed = namespace.provider()
    await until(lambda: closed.health().healthy)
    before = threads()
    await closed.close()
    await until(lambda: len(threads()) < len(before))


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "secrets"]
