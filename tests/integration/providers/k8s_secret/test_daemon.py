"""A daemon over the API server: keys sign after a restart too, and while the server is away; no secret shows."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from signerd.errors import Reason
from signerd.v1 import signer_pb2 as pb
from tests.integration.providers.k8s_secret.conftest import Namespace
from tests.support.daemons import Daemon, serving, short_home, until
from tests.support.refusals import Refused
from tests.support.servers.kubernetes import USER


async def sign(daemon: Daemon) -> bytes:
    answer = await daemon.call("Signer/Sign", pb.SignRequest(key="team-a/release", message=b"some bytes"))
    value: bytes = answer.signature
    return value


def config(namespace: Namespace) -> str:
    section = {"type": "k8s-secret", "namespace": namespace.name, "kubeconfig": str(namespace.kubeconfig)}
    return json.dumps({"providers": {"cluster": section}})


async def test_keys_of_a_daemon(namespace: Namespace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with short_home() as home:
        async with serving(home, config(namespace)) as daemon:
            await daemon.add_key("team-a/release")
            assert await sign(daemon)
        async with serving(home, config(namespace)) as daemon:
            assert await sign(daemon)
            provider = daemon.worker.providers["cluster"]
            await until(lambda: provider.health().healthy)
            namespace.server.kill_api()
            try:
                await until(lambda: not provider.health().healthy)
                assert await sign(daemon)
                with pytest.raises(Refused) as error:
                    await daemon.add_key("team-a/other")
                assert error.value.reason is Reason.PROVIDER_UNAVAILABLE
            finally:
                namespace.server.start_api()
            shown = repr(vars(provider)) + repr(daemon.records()) + caplog.text
    secrets = namespace.server.call("GET", namespace.path)["items"]
    assert secrets
    for secret in secrets:
        password = base64.b64decode(secret["data"]["cosign.password"]).decode()
        for hidden in (USER, password, *secret["data"].values()):
            assert hidden not in shown
