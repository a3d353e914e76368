"""A key file with another key in it: noticed, told, and good again once the right one is back."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT, Algorithm, algorithm_named
from signerd.core.inputs import Message, prepare
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError
from signerd.providers import unlocked_keys
from signerd.providers.base import Material, Order
from signerd.providers.local.provider import LocalProvider

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
OTHER = algorithm_named("ed25519")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt is tested with cosign's format; and failures are tried again at once."""
    monkeypatch.setattr(
        cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
    )
    monkeypatch.setattr(unlocked_keys, "HOLD_FAILURE", 0.0)


class Swapped:
    """Key "k", whose file holds the key of another tag until it is restored."""

    def __init__(self, directory: Path, material: Material) -> None:
        self.directory = directory
        self.material = material
        self.path = directory / "k/1-t1.key"
        self.copy = self.path.read_bytes()
        self.path.write_bytes((directory / "k/1-t2.key").read_bytes())
        self.provider = self.open()

    def open(self) -> LocalProvider:
        return LocalProvider(self.directory, lambda: b"password")

    def restore(self) -> None:
        self.path.write_bytes(self.copy)

    async def failure(self) -> SignerdError:
        with pytest.raises(SignerdError) as caught:
            await self.provider.sign(self.material.uri, DEFAULT, GIVEN)
        return caught.value

    async def sign(self) -> None:
        """Sign, and check with the public key that belongs there."""
        signature = await self.provider.sign(self.material.uri, DEFAULT, GIVEN)
        verifier(load_public_key(self.material.public_key, DEFAULT), DEFAULT)(GIVEN, signature)


async def swapped(directory: Path, algorithm: Algorithm = DEFAULT) -> Swapped:
    provider = LocalProvider(directory, lambda: b"password")
    material = await provider.create(Order("k", 1, DEFAULT, "t1"))
    await provider.create(Order("k", 1, algorithm, "t2"))
    return Swapped(directory, material)


def leave(subject: Swapped) -> None:
    """Keep the public key beside it."""


def lose_public_key(subject: Swapped) -> None:
    subject.path.with_suffix(".pub").unlink()


@pytest.mark.parametrize(
    ("algorithm", "public_file", "why"),
    [
        (DEFAULT, leave, "does not belong to the public key in"),
        (OTHER, leave, "does not belong to the public key in"),
        (OTHER, lose_public_key, "not a key for ecdsa-p256-sha256"),
    ],
    ids=["another key", "another algorithm", "another algorithm, no public key"],
)
async def test_another_key_is_told_and_the_right_one_signs_again(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    algorithm: Algorithm,
    public_file: Callable[[Swapped], None],
    why: str,
) -> None:
    subject = await swapped(tmp_path / "keys", algorithm)
    public_file(subject)
    for _ in range(3):
        error = await subject.failure()
        assert error.reason is Reason.KEY_MATERIAL_UNREADABLE
        assert str(subject.path) in error.message
        assert why in error.message
        health = subject.provider.health()
        assert not health.healthy
        assert health.detail == f"0 of 2 keys unlocked; {error.message}"
    assert [(line.levelno, line.getMessage()) for line in caplog.records] == [
        (logging.ERROR, f"KEY_MATERIAL_UNREADABLE: {error.message}")
    ]
    subject.restore()
    await subject.sign()
    assert subject.provider.health().healthy
    assert subject.provider.signer(subject.material.uri, DEFAULT) is not None


async def test_a_damaged_public_key_beside_it_does_not_stop_the_key(tmp_path: Path) -> None:
    subject = await swapped(tmp_path / "keys")
    subject.restore()
    subject.path.with_suffix(".pub").write_bytes(b"garbage")
    await subject.sign()


async def test_a_forgotten_key_is_read_again(tmp_path: Path) -> None:
    subject = await swapped(tmp_path / "keys")
    lose_public_key(subject)
    uri = subject.material.uri
    with pytest.raises(SignerdError, match="does not verify"):
        await subject.sign()
    subject.restore()
    with pytest.raises(SignerdError, match="does not verify"):
        await subject.sign()
    subject.provider.forget(uri)
    assert subject.provider.signer(uri, DEFAULT) is None
    assert subject.provider.health().detail == "0 of 2 keys unlocked"
    await subject.sign()


async def test_a_signer_built_while_its_key_was_forgotten_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = await swapped(tmp_path / "keys")
    lose_public_key(subject)
    provider, uri = subject.provider, subject.material.uri
    real = provider._in_pool

    async def interrupted(function: object, argument: object) -> object:
        """As if the key were forgotten, restored and opened again by another call meanwhile."""
        monkeypatch.setattr(provider, "_in_pool", real)
        provider.forget(uri)
        subject.restore()
        await provider.sign(uri, DEFAULT, GIVEN)
        return await real(function, argument)  # type: ignore[arg-type]

    monkeypatch.setattr(provider, "_in_pool", interrupted)
    await provider.sign(uri, DEFAULT, GIVEN)
    await subject.sign()


async def test_forgetting_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    LocalProvider(tmp_path / "keys", lambda: b"password").forget("local:nobody/1-x.key")
