"""The syslog sink against a real receiver, over TCP and TLS, which is restarted under it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.config_sinks import SyslogSink
from signerd.sinks.base import Unaccepted
from signerd.sinks.lanes import Threaded
from signerd.sinks.syslog import SyslogSender
from signerd.sinks.syslog_messages import Messages
from tests.integration.sinks.rsyslog import Rsyslog, why_not
from tests.support.certificates import SERVER, Authority, write_pair
from tests.unit.sinks.samples import Followed, entry, record_json, until

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
ODD = 'ü € \U0001f511 tab\t newline\n quote" pipe|'


@pytest.fixture(params=["tcp", "tls"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rsyslog]:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    write_pair(tmp_path, authority.issue("server", SERVER))
    write_pair(tmp_path, authority.issue("client"), "client")
    write_pair(tmp_path, Authority("other").issue("client"), "stranger")
    made = Rsyslog(tmp_path, tls=request.param == "tls")
    made.start()
    yield made
    made.stop()


def tls_of(request: pytest.FixtureRequest, directory: Path, client: str = "client") -> dict[str, object]:
    if request.node.callspec.params["receiver"] == "tcp":
        return {}
    return {
        "tls": {
            "ca": directory / "ca.crt",
            "cert": directory / f"{client}.crt",
            "key": directory / f"{client}.key",
        }
    }


def threaded(receiver: Rsyslog, **settings: object) -> Threaded:
    section = SyslogSink.model_validate(
        {"name": "logs", "type": "syslog", "address": receiver.address, **settings}
    )
    return Threaded("logs", SyslogSender(section, Messages("build-1", "worker-0", "local3")), 10.0)


async def test_it_gets_every_part_and_the_record_byte_for_byte(
    receiver: Rsyslog, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sender = threaded(receiver, **tls_of(request, tmp_path))
    await sender.send([entry(1, operation="create-key", outcome="refused", detail=ODD), entry(2)])
    await sender.send([entry(3)])
    await until(lambda: len(receiver.lines()) == 3)
    first, second, third = receiver.lines()
    assert first[:5] == ["156", "2026-11-22T14:00:00.000001Z", "signerd", "worker-0", "create-key"]
    assert first[5].startswith('[meta sequenceId="1"][origin software="signerd" swVersion="')
    assert first[6].encode() == record_json(1, operation="create-key", outcome="refused", detail=ODD)
    assert (second[0], second[6].encode(), third[6].encode()) == ("158", record_json(2), record_json(3))
    await sender.close()


async def test_nothing_that_follows_is_lost_when_the_receiver_restarts(
    receiver: Rsyslog, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    followed = Followed(timeout=10.0)
    followed.delivery._sender = threaded(receiver, **tls_of(request, tmp_path))
    async with followed:
        followed.add(1, 300)
        await until(lambda: followed.delivery.lag == 0)
        await until(lambda: len(receiver.lines()) == 300)
        await asyncio.to_thread(receiver.stop)
        followed.add(301, 600)
        await until(lambda: followed.delivery.failures > 0)
        await asyncio.to_thread(receiver.start)
        await until(lambda: followed.delivery.lag == 0)
        await until(lambda: len(receiver.lines()) >= 600)
    sequences = [json.loads(line[6])["sequence"] for line in receiver.lines()]
    assert sorted(set(sequences)) == list(range(1, 601))


@pytest.mark.parametrize("receiver", ["tls"], indirect=True)
async def test_a_client_that_the_receiver_does_not_trust_is_told_so(
    receiver: Rsyslog, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sender = threaded(receiver, **tls_of(request, tmp_path, "stranger"))
    with pytest.raises((OSError, Unaccepted)):
        await send_often(sender)
    assert receiver.lines() == []
    await sender.close()


async def send_often(sender: Threaded) -> None:
    for sequence in range(1, 200):
        await sender.send([entry(sequence)])
        await asyncio.sleep(0.01)
