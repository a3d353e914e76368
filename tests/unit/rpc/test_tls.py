"""TLS files at the start: what can't be used is told before anything listens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from signerd.errors import Reason, SignerdError
from signerd.rpc.tls import TlsFiles
from tests.support.certificates import SERVER, Authority, write_pair

CA = Authority()
PAIR = CA.issue("server", SERVER)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    write_pair(tmp_path, PAIR)
    (tmp_path / "ca.crt").write_bytes(CA.pem)
    return TlsFiles(tmp_path / "server.crt", tmp_path / "server.key", tmp_path / "ca.crt")


def test_good_files(files: TlsFiles) -> None:
    for good in (files, TlsFiles(files.cert, files.key, None)):
        assert isinstance(good.credentials(), grpc.ServerCredentials)


@pytest.mark.parametrize("name", ["server.crt", "server.key", "ca.crt"])
@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "gone"])
def test_files_that_cant_be_used(files: TlsFiles, name: str, content: bytes | None) -> None:
    path = files.cert.parent / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(SignerdError) as caught:
        files.credentials()
    assert (caught.value.reason, caught.value.field) == (Reason.CONFIG_INVALID, "tls")
    assert name in caught.value.message


def test_a_key_of_another_certificate(files: TlsFiles) -> None:
    files.key.write_bytes(CA.issue("server", SERVER)[1])
    with pytest.raises(SignerdError) as caught:
        files.credentials()
    assert "matching" in caught.value.message
    assert b"PRIVATE" not in repr(caught.value).encode()


@pytest.fixture
def fetch(files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """What a new connection asks for."""
    asked: list[Callable[[], object]] = []
    monkeypatch.setattr(grpc, "dynamic_ssl_server_credentials", lambda first, fetch, **_: asked.append(fetch))
    files.credentials()
    return asked[0]


def test_files_are_read_again_only_when_they_changed(files: TlsFiles, fetch: Callable[[], object]) -> None:
    assert fetch() is None
    write_pair(files.cert.parent, CA.issue("server", SERVER))
    assert fetch() is not None
    assert fetch() is None


def test_files_that_were_unreadable_at_first_are_taken_once_they_can_be_read(
    files: TlsFiles, fetch: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(files.cert.parent, CA.issue("server", SERVER))
    real = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path == files.key:  # root could read it whatever its mode
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", denied)
        with capture_logs() as logged:
            assert (fetch(), fetch()) == (None, None)
        assert [entry["detail"] for entry in logged] == [f"TLS file {files.key}: Permission denied"]
    assert fetch() is not None


def test_a_change_that_only_its_time_of_change_tells(files: TlsFiles, fetch: Callable[[], object]) -> None:
    before = files.key.stat()
    files.key.chmod(0o400)
    os.utime(files.key, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fetch() is not None
