"""TLS files at the start: what can't be used is told before anything listens."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

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
