"""Syslog over TCP and TLS: what counts as taken has reached the receiver, and no receiver can hang the sender."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signerd.config_sinks import SyslogSink
from signerd.errors import Reason, SignerdError
from signerd.sinks.base import Entry, Unaccepted
from signerd.sinks.syslog import SyslogSender
from signerd.sinks.syslog_messages import Messages
from tests.support.certificates import SERVER, Authority, write_pair
from tests.support.receivers import HUNG, Receiver, server_context
from tests.unit.sinks.samples import entry, record_json

Start = Callable[..., Receiver]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Receiver] = []

    def make(*arguments: object) -> Receiver:
        started.append(Receiver(*arguments))  # type: ignore[arg-type]
        return started[-1]

    yield make
    for receiver in started:
        receiver.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority()
    (tmp_path / "ca.crt").write_bytes(made.pem)
    write_pair(tmp_path, made.issue("server", SERVER))
    write_pair(tmp_path, made.issue("client"), "client")
    return made


def sender_for(address: str, **settings: object) -> SyslogSender:
    given = {"name": "logs", "type": "syslog", "address": address, **settings}
    return SyslogSender(SyslogSink.model_validate(given), Messages("host", "worker-0", "audit"))


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def send_often(sender: SyslogSender, entries: list[Entry], seconds: float) -> None:
    """What a receiver's buffers and a late refusal hide shows after a while."""
    for _ in range(200):
        sender.send(entries, within(seconds))
        time.sleep(0.005)


def wait_for(receiver: Receiver, count: int) -> list[bytes]:
    end = time.monotonic() + 10
    while len(receiver.messages) < count and time.monotonic() < end:
        time.sleep(0.005)
    return [message.partition(b"] {")[2] for message in receiver.messages]


def test_records_arrive_in_order_on_one_connection(start: Start) -> None:
    receiver = start()
    sender = sender_for(receiver.address)
    for first in (1, 101, 201):
        sender.send([entry(sequence) for sequence in range(first, first + 100)], within(10))
    assert wait_for(receiver, 300) == [record_json(sequence)[1:] for sequence in range(1, 301)]
    assert receiver.connections == 1
    sender.close()


def test_a_slow_reader_is_waited_for_within_the_time(start: Start) -> None:
    receiver = start()
    receiver.slowly = 0.01
    sender = sender_for(receiver.address)
    sender.send([entry(sequence, detail="x" * 200) for sequence in range(1, 41)], within(20))
    assert len(wait_for(receiver, 40)) == 40
    sender.close()


def test_a_black_hole_is_given_up_after_the_time(start: Start) -> None:
    receiver = start()
    receiver.mode = HUNG
    sender = sender_for(receiver.address)
    entries = [entry(sequence, detail="x" * 250) for sequence in range(1, 257)]
    began = time.monotonic()
    with pytest.raises((TimeoutError, Unaccepted)):
        send_often(sender, entries, 0.3)
    assert time.monotonic() - began < 30
    assert sender._connection is None


@pytest.mark.parametrize("size", [200, 60_000])
def test_what_only_the_buffers_took_is_not_taken(start: Start, size: int) -> None:
    receiver = start()
    receiver.mode = HUNG
    entries = [Entry(sequence, b'{"detail":"%b"}' % (b"x" * size)) for sequence in range(1, 257)]
    began = time.monotonic()
    with pytest.raises((TimeoutError, Unaccepted), match=r"time|does not acknowledge"):
        sender_for(receiver.address).send(entries, within(0.3))
    assert time.monotonic() - began < 10


def test_a_refused_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionRefusedError):
        sender_for(address).send([entry(1)], within(5))


def test_a_reset_in_mid_record_is_an_error_and_the_next_try_connects_anew(start: Start) -> None:
    receiver = start()
    receiver.reset_after = 300
    sender = sender_for(receiver.address)
    entries = [entry(sequence, detail="x" * 250) for sequence in range(1, 101)]
    with pytest.raises((OSError, Unaccepted)):
        sender.send(entries, within(10))
    sender.send(entries, within(10))
    assert wait_for(receiver, 100)[-1] == entries[-1].json[1:]
    assert receiver.connections == 2
    sender.close()


def test_a_connection_that_was_closed_while_idle_is_opened_again(start: Start) -> None:
    receiver = start()
    sender = sender_for(receiver.address)
    sender.send([entry(1)], within(5))
    wait_for(receiver, 1)
    receiver.drop()
    time.sleep(0.05)
    sender.send([entry(2)], within(5))
    assert len(wait_for(receiver, 2)) == 2
    sender.close()


def test_no_time_left_is_a_timeout(start: Start) -> None:
    with pytest.raises(TimeoutError):
        sender_for(start().address).send([entry(1)], within(-1))


@pytest.mark.usefixtures("authority")
def test_tls_with_a_client_certificate(start: Start, tmp_path: Path) -> None:
    receiver = start(server_context(tmp_path, tmp_path / "ca.crt"))
    tls = {"ca": tmp_path / "ca.crt", "cert": tmp_path / "client.crt", "key": tmp_path / "client.key"}
    sender = sender_for(receiver.address, tls=tls)
    sender.send([entry(1)], within(10))
    sender.send([entry(2)], within(10))
    assert wait_for(receiver, 2) == [record_json(1)[1:], record_json(2)[1:]]
    sender.close()


@pytest.mark.usefixtures("authority")
def test_tls_without_the_client_certificate_that_is_asked_for(start: Start, tmp_path: Path) -> None:
    receiver = start(server_context(tmp_path, tmp_path / "ca.crt"))
    sender = sender_for(receiver.address, tls={"ca": tmp_path / "ca.crt"})
    with pytest.raises((OSError, Unaccepted)):
        send_often(sender, [entry(1)], 5)
    assert receiver.messages == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"server_name": "other.example.org"}, "Hostname mismatch"),
        ({"ca": "other.crt"}, "self-signed|local issuer"),
    ],
)
@pytest.mark.usefixtures("authority")
def test_a_server_of_another_name_or_ca_gets_nothing(
    start: Start, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    (tmp_path / "other.crt").write_bytes(Authority("other").pem)
    receiver = start(server_context(tmp_path))
    tls = {"ca": tmp_path / settings.pop("ca", "ca.crt"), **settings}
    with pytest.raises(OSError, match=told):
        sender_for(receiver.address, tls=tls).send([entry(1)], within(5))
    assert receiver.messages == []


@pytest.mark.usefixtures("authority")
def test_a_renewed_certificate_is_used_by_the_next_connection(start: Start, tmp_path: Path) -> None:
    receiver = start(server_context(tmp_path))
    (tmp_path / "trusted.crt").write_bytes(Authority("other").pem)
    sender = sender_for(receiver.address, tls={"ca": tmp_path / "trusted.crt"})
    with pytest.raises(OSError, match="certificate"):
        sender.send([entry(1)], within(5))
    (tmp_path / "trusted.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
    sender.send([entry(1)], within(5))
    sender.close()


def test_a_handshake_that_hangs_is_given_up(start: Start) -> None:
    receiver = start()
    receiver.mode = HUNG
    sender = sender_for(receiver.address, tls={})
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        sender.send([entry(1)], within(0.2))
    assert time.monotonic() - began < 10


def test_files_that_are_no_certificates_are_named_without_their_contents(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"s3cret")
    for tls in (
        {"ca": tmp_path / "bad"},
        {"ca": tmp_path / "none"},
        {"cert": tmp_path / "bad", "key": tmp_path / "bad"},
    ):
        with pytest.raises(SignerdError) as raised:
            sender_for("127.0.0.1:1", tls=tls).send([entry(1)], within(5))
        assert raised.value.reason is Reason.CONFIG_INVALID
        assert "s3cret" not in raised.value.message
