"""Key files when the disk is full, or a process was killed while it wrote."""

# ruff: noqa: ASYNC240 - the files are what is tested, and nothing else runs on the loop
import errno
import os
from collections.abc import Awaitable
from pathlib import Path

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from tests.unit.providers.local.files import GIVEN, directory, fast, made, opened

__all__ = ["directory", "fast"]


async def test_a_full_or_missing_directory_is_a_provider_that_cannot_be_used(directory: Path) -> None:
    provider = opened(directory)
    directory.rmdir()
    with pytest.raises(SignerdError) as caught:
        await made(provider)
    assert caught.value.reason is Reason.PROVIDER_UNAVAILABLE


def entries(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("call", ["open", "fsync", "link", "rename"])
@pytest.mark.parametrize("skip", range(6))
async def test_a_full_disk_leaves_nothing_of_a_new_key(
    directory: Path, monkeypatch: pytest.MonkeyPatch, call: str, skip: int
) -> None:
    provider = opened(directory)
    await made(provider)
    before = entries(directory)
    real = getattr(os, call)
    left = [skip]

    def full(*args: object, **kwargs: object) -> object:
        if call == "open" and not int(str(args[1])) & os.O_CREAT:
            return real(*args, **kwargs)
        left[0] -= 1
        if left[0] == -1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, full)
    if left_over := await failed(made(provider, "t2")):
        assert left_over.reason is Reason.PROVIDER_UNAVAILABLE
        assert entries(directory) == before
    else:
        assert left[0] >= 0  # so many calls are not made
        assert entries(directory) == before | {"1-t2.key", "1-t2.pub"}


async def failed(making: Awaitable[Material]) -> SignerdError | None:
    try:
        await making
    except SignerdError as error:
        return error
    return None


@pytest.mark.parametrize("call", ["link", "fsync"])
async def test_a_full_disk_does_no_harm_to_a_key_that_was_there(
    directory: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    material = await made(opened(directory))

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        assert await failed(made(opened(directory))) is not None
    assert entries(directory) == {"1-t1.key", "1-t1.pub"}
    assert await opened(directory).sign(material.uri, DEFAULT, GIVEN)


async def test_what_a_kill_left_over_is_removed_once_it_is_old(directory: Path) -> None:
    await made(opened(directory))
    folder = directory / "team-a/release"
    names = [".1-t2.key.0123456789abcdef", ".1-t2.pub.0123456789abcdef"]
    for name in [*names, ".1-t2.key", ".1-t2.key.0123", "..0123456789abcdef"]:
        (folder / name).touch(mode=0o600)
    before = entries(directory)
    opened(directory)
    assert entries(directory) == before
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    opened(directory)
    assert before - entries(directory) == set(names)
