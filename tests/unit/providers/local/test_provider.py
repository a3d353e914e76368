"""Key files: who may read them, what happens to damaged ones, and how they are unlocked."""

# ruff: noqa: ASYNC240 - the files are what is tested, and nothing else runs on the loop
import asyncio
import os
import threading
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change
from signerd.providers.local.provider import LocalProvider
from tests.unit.providers.local.files import GIVEN, directory, fast, made, opened

__all__ = ["directory", "fast"]


async def failure(provider: LocalProvider, uri: str) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        await provider.sign(uri, DEFAULT, GIVEN)
    return caught.value


async def test_files_and_directories_are_closed_to_others(directory: Path) -> None:
    old = os.umask(0)
    try:
        await made(opened(directory))
    finally:
        os.umask(old)
    modes = {
        path.relative_to(directory).as_posix(): path.stat().st_mode & 0o777 for path in directory.rglob("*")
    }
    assert modes == {
        "team-a": 0o700,
        "team-a/release": 0o700,
        "team-a/release/1-t1.key": 0o600,
        "team-a/release/1-t1.pub": 0o600,
    }
    assert directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", ["", "team-a", "team-a/release", "team-a/release/1-t1.key"])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o020, 0o001])
async def test_what_is_open_to_others_is_refused(directory: Path, place: str, mode: int) -> None:
    material = await made(opened(directory))
    provider = opened(directory)
    path = directory / place
    path.chmod(path.stat().st_mode | mode)
    error = await failure(provider, material.uri)
    assert error.reason is Reason.PERMISSIONS_TOO_OPEN
    assert str(path) in error.message
    assert "chmod" in error.message


async def test_the_directory_is_checked_at_once(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    with pytest.raises(SignerdError) as caught:
        opened(directory)
    assert caught.value.reason is Reason.PERMISSIONS_TOO_OPEN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_files_of_somebody_else_are_refused(directory: Path) -> None:
    material = await made(opened(directory))
    os.chown(directory / "team-a/release/1-t1.key", 12345, 0)
    error = await failure(opened(directory), material.uri)
    assert error.reason is Reason.PERMISSIONS_TOO_OPEN
    assert "12345" in error.message


@pytest.mark.parametrize("place", ["", "team-a", "team-a/release", "team-a/release/1-t1.key"])
async def test_symlinks_are_refused(directory: Path, tmp_path: Path, place: str) -> None:
    material = await made(opened(directory))
    provider = opened(directory)
    path = directory / place
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert (await failure(provider, material.uri)).reason is Reason.PERMISSIONS_TOO_OPEN


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "PEM"),
        (b"garbage", "PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cosign"),
    ],
)
async def test_a_damaged_file_is_named_and_spoils_no_other(
    directory: Path, content: bytes, text: str
) -> None:
    first = opened(directory)
    bad, good = await made(first, "t1"), await made(first, "t2")
    (directory / "team-a/release/1-t1.key").write_bytes(content)
    provider = opened(directory)
    error = await failure(provider, bad.uri)
    assert error.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert "1-t1.key" in error.message
    assert text in error.message
    assert not provider.health().healthy
    assert await provider.sign(good.uri, DEFAULT, GIVEN)
    assert provider.health().healthy
    assert provider.health().detail.startswith("1 of 2 keys unlocked; key file")
    assert "1-t1.key" in provider.health().detail


async def test_a_wrong_password_is_said_and_not_shown(directory: Path) -> None:
    material = await made(opened(directory))
    error = await failure(opened(directory, b"hunter2"), material.uri)
    assert error.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert "the password does not open" in error.message
    assert "hunter2" not in repr(error)


async def test_a_password_that_cannot_be_read_is_said(directory: Path) -> None:
    material = await made(opened(directory))

    def missing() -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    error = await failure(LocalProvider(directory, missing), material.uri)
    assert error.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert "the password of the key files can't be read" in error.message


async def test_the_password_is_asked_only_when_needed(directory: Path) -> None:
    asked: list[int] = []

    def password() -> bytes:
        asked.append(1)
        return b"password"

    material = await made(opened(directory))
    provider = LocalProvider(directory, password)
    await provider.find(material.uri)
    await provider.held()
    assert not asked
    for _ in range(3):
        await provider.sign(material.uri, DEFAULT, GIVEN)
    assert len(asked) == 1


async def test_unlocking_is_joined_and_one_at_a_time(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(directory)
    materials = [await made(first, "t1"), await made(first, "t2")]
    real, calls, busy = cosign_keys.decrypt, [], threading.Lock()

    def counted(pem: bytes, password: bytes) -> bytes:
        assert busy.acquire(blocking=False), "two keys are being unlocked at once"
        try:
            calls.append(pem)
            threading.Event().wait(0.01)  # long enough for another thread to come in
            return real(pem, password)
        finally:
            busy.release()

    monkeypatch.setattr(cosign_keys, "decrypt", counted)
    providers = [opened(directory), opened(directory)]
    signing = [
        one.sign(material.uri, DEFAULT, GIVEN)
        for one in providers
        for material in materials
        for _ in range(8)
    ]
    assert all(await asyncio.gather(*signing))
    assert len(calls) == 4


async def test_signing_with_an_unlocked_key_does_not_suspend(directory: Path) -> None:
    provider = opened(directory)
    material = await made(provider)
    await provider.sign(material.uri, DEFAULT, GIVEN)
    with pytest.raises(StopIteration) as finished:
        provider.sign(material.uri, DEFAULT, GIVEN).send(None)
    check = verifier(load_public_key(material.public_key, DEFAULT), DEFAULT)
    check(GIVEN, finished.value.value)


async def test_a_lost_public_key_is_made_from_the_private_one(directory: Path) -> None:
    material = await made(opened(directory))
    (directory / "team-a/release/1-t1.pub").unlink()
    assert await opened(directory).held() == [material]


async def test_an_unlocked_key_outlives_its_file_but_not_its_destruction(directory: Path) -> None:
    provider = opened(directory)
    material = await made(provider)
    (directory / "team-a/release/1-t1.key").unlink()
    assert await provider.sign(material.uri, DEFAULT, GIVEN)
    await provider.change(material.uri, Change.DESTROY)
    assert (await failure(provider, material.uri)).reason is Reason.KEY_MATERIAL_UNREADABLE
    assert not [path for path in directory.rglob("*") if path.is_file()]


async def test_leftovers_and_foreign_files_are_not_keys(directory: Path) -> None:
    provider = opened(directory)
    material = await made(provider)
    for name in (".1-t2.key.0011223344556677", "1-t2.pub", "notes.txt", "0-t.key", "1-.key", "x-t.key"):
        (directory / "team-a" / name).touch(mode=0o600)
    assert await opened(directory).held() == [material]


async def test_a_failed_unlock_is_logged_without_the_password(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    material = await made(opened(directory))
    provider = opened(directory, b"hunter2")
    for _ in range(3):
        await failure(provider, material.uri)
    [line] = caplog.messages
    assert line.startswith("KEY_MATERIAL_UNREADABLE: key file ")
    assert str(directory / "team-a/release/1-t1.key") in line
    assert "the password does not open" in line
    assert "hunter2" not in caplog.text
