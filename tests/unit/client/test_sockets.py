"""Which sockets a client talks to, and which files it reads."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from signerd.client import AsyncClient, Client, Settings, SignerdError, parse_endpoint
from signerd.client.sockets import PAUSE, WAIT, SocketGuard, check_socket
from signerd.client.tokens import FRESH_FOR, Bearer
from signerd.errors import Reason
from tests.unit.client.fake_daemon import running, socket_in


@pytest.fixture
def path(directory: Path) -> Iterator[str]:
    made = str(directory / "s.sock")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(made)
        yield made


def owned_by(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        fields = list(real(path))
        fields[4] = uid
        return os.stat_result(fields)

    monkeypatch.setattr(os, "lstat", lstat)


def reason_of(path: str, expected_uid: int | None = None) -> Reason:
    with pytest.raises(SignerdError) as caught:
        check_socket(path, expected_uid)
    assert caught.value.field == "endpoint"
    return caught.value.reason


def test_own_socket_and_roots_are_trusted(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_socket(path)
    owned_by(monkeypatch, 0)
    check_socket(path)
    check_socket(path, expected_uid=4242)


def test_socket_of_another_user_is_not(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by(monkeypatch, 4242)
    assert reason_of(path) is Reason.SOCKET_UNTRUSTED
    check_socket(path, expected_uid=4242)


def test_own_socket_is_not_where_another_user_is_expected(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    owned_by(monkeypatch, 1000)
    assert reason_of(path, expected_uid=4242) is Reason.SOCKET_UNTRUSTED


def test_files_and_links_are_no_sockets(path: str, directory: Path) -> None:
    (directory / "file").touch()
    (directory / "link").symlink_to(path)
    assert reason_of(str(directory / "file")) is Reason.SOCKET_UNTRUSTED
    assert reason_of(str(directory / "link")) is Reason.SOCKET_UNTRUSTED


def test_nothing_there_is_unreachable(directory: Path) -> None:
    assert reason_of(str(directory / "absent")) is Reason.DAEMON_UNREACHABLE


def test_a_client_looks_before_it_connects(directory: Path) -> None:
    (directory / "file").touch()
    with pytest.raises(SignerdError) as caught:
        Client(Settings(endpoint=parse_endpoint(f"unix:{directory}/file")))
    assert caught.value.reason is Reason.SOCKET_UNTRUSTED


def test_a_missing_socket_is_waited_for(directory: Path) -> None:
    path = str(directory / "late.sock")
    guard = SocketGuard(path, None)
    pauses = guard.pauses(10)
    assert [next(pauses) for _ in range(3)] == [PAUSE] * 3
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        assert list(pauses) == []
    Path(path).unlink()
    guard.check()


@pytest.mark.parametrize(("timeout", "waited"), [(0.0, 0.0), (0.5, 0.5), (60.0, WAIT)])
def test_a_missing_socket_is_waited_for_a_short_while(directory: Path, timeout: float, waited: float) -> None:
    pauses = SocketGuard(str(directory / "absent"), None).pauses(timeout)
    seen: list[float] = []
    with pytest.raises(SignerdError) as caught:
        seen.extend(pauses)
    assert sum(seen) == pytest.approx(waited)
    assert caught.value.reason is Reason.DAEMON_UNREACHABLE
    assert "No such file" in caught.value.message


def test_what_comes_is_looked_at_too(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(directory / "late.sock")
    pauses = SocketGuard(path, None).pauses(10)
    next(pauses)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        owned_by(monkeypatch, 4242)
        with pytest.raises(SignerdError) as caught:
            next(pauses)
    assert caught.value.reason is Reason.SOCKET_UNTRUSTED


def test_a_directory_that_can_not_be_searched_is_not_waited_for(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(SignerdError, match="Permission denied"):
        SocketGuard(str(directory / "d.sock"), None)


def test_tcp_has_no_socket_to_wait_for() -> None:
    assert list(SocketGuard("", None).pauses(10)) == []


def test_calls_wait_for_a_daemon_that_is_starting(directory: Path) -> None:
    with (
        Client(Settings(endpoint=parse_endpoint(socket_in(directory)))) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        first = threads.submit(lambda: client.status().serving)
        stream = threads.submit(lambda: client.sign_stream("k", [b"x"], length=1).signature)
        with running(socket_in(directory)):
            assert first.result(20)
            assert stream.result(20) == b"1 bytes"


async def test_calls_of_the_asyncio_client_wait_too(directory: Path) -> None:
    async with AsyncClient(Settings(endpoint=parse_endpoint(socket_in(directory)))) as client:
        first = asyncio.create_task(client.sign("k", message=b"x"))
        stream = asyncio.create_task(client.sign_stream("k", [b"x"], length=1))
        await asyncio.sleep(0)
        with running(socket_in(directory)):
            assert (await first).signature == b"signed:x"
            assert (await stream).signature == b"1 bytes"


def test_a_token_file_is_read_again_after_a_while(directory: Path) -> None:
    now = [0.0]
    file = directory / "token"
    file.write_text("one\n")
    bearer = Bearer("", str(file), clock=lambda: now[0])
    file.write_text("two\n")
    assert bearer.metadata() == (("authorization", "Bearer one"),)
    now[0] = FRESH_FOR
    assert bearer.metadata() == (("authorization", "Bearer two"),)


def test_no_token_is_no_metadata() -> None:
    assert Bearer("", "").metadata() is None


def test_files_that_can_not_be_read_are_named(directory: Path) -> None:
    absent = str(directory / "absent.pem")
    with pytest.raises(SignerdError, match=r"absent\.pem") as caught:
        Client(Settings(endpoint=parse_endpoint("localhost:1"), ca=absent))
    assert caught.value.field == "ca"
    with pytest.raises(SignerdError, match="token_file"):
        Bearer("", absent)
