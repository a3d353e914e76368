"""A password that does not open the keys that are there: nothing is made under it."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material, Order
from signerd.providers.local.provider import LocalProvider
from signerd.providers.unlocked_keys import UnlockedKeys

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
RIGHT, WRONG = b"password", b"hunter2"


class Scrypt:
    """Takes the place of scrypt, which would only take time here; counts how often it was needed."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, password: bytes, salt: bytes, n: int) -> bytes:
        self.runs += 1
        return hashlib.sha256(password + salt).digest()


@pytest.fixture(autouse=True)
def scrypt(monkeypatch: pytest.MonkeyPatch) -> Scrypt:
    fake = Scrypt()
    monkeypatch.setattr(cosign_keys, "_derived", fake)
    return fake


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time as the unlocking of keys sees it."""
    now = [0.0]
    real = UnlockedKeys.__init__
    monkeypatch.setattr(
        UnlockedKeys, "__init__", lambda self, unlock, clock=None: real(self, unlock, lambda: now[0])
    )
    return now


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


async def make(provider: LocalProvider, number: int) -> Material:
    return await provider.create(Order("team-a/release", number, DEFAULT, "t"))


async def filled(directory: Path, count: int = 1, password: bytes = RIGHT) -> list[Material]:
    provider = LocalProvider(directory, lambda: password)
    return [await make(provider, number) for number in range(1, count + 1)]


def key_file(directory: Path, number: int) -> Path:
    return directory / f"team-a/release/{number}-t.key"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


async def refusal(provider: LocalProvider, number: int = 99) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        await make(provider, number)
    assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    return caught.value


async def test_nothing_is_made_under_another_password(directory: Path) -> None:
    await filled(directory)
    before = names(directory)
    provider = LocalProvider(directory, lambda: WRONG)
    error = await refusal(provider)
    assert "the password does not open the keys that are there" in error.message
    assert str(key_file(directory, 1)) in error.message
    assert "hunter2" not in repr(error)
    assert names(directory) == before
    health = provider.health()
    assert not health.healthy
    assert "the password does not open the keys that are there" in health.detail
    assert "0 of 1 keys unlocked" in health.detail


async def test_the_first_keys_of_a_directory_need_no_check(directory: Path, scrypt: Scrypt) -> None:
    provider = LocalProvider(directory, lambda: WRONG)
    await make(provider, 1)
    await make(provider, 2)
    assert provider.health().healthy
    assert scrypt.runs == 2


async def test_one_key_is_opened_before_the_first_is_made(directory: Path, scrypt: Scrypt) -> None:
    await filled(directory, 9)
    provider = LocalProvider(directory, lambda: RIGHT)
    scrypt.runs = 0
    await asyncio.gather(*(make(provider, number) for number in range(10, 15)))
    assert scrypt.runs == 1 + 5


async def test_a_key_that_is_unlocked_has_shown_the_password(directory: Path, scrypt: Scrypt) -> None:
    [material] = await filled(directory)
    provider = LocalProvider(directory, lambda: RIGHT)
    await provider.sign(material.uri, DEFAULT, GIVEN)
    scrypt.runs = 0
    await make(provider, 2)
    assert scrypt.runs == 1


async def test_a_refused_check_is_made_again(directory: Path, clock: list[float]) -> None:
    await filled(directory)
    given = [WRONG]
    provider = LocalProvider(directory, lambda: given[0])
    await refusal(provider)
    given[0] = RIGHT
    assert "the password does not open the keys" in (await refusal(provider)).message
    clock[0] += 1
    await make(provider, 2)
    assert provider.health().healthy
    assert provider.health().detail == "2 of 2 keys unlocked"


async def test_a_key_that_opens_later_mends_the_health(directory: Path, clock: list[float]) -> None:
    [material] = await filled(directory)
    given = [WRONG]
    provider = LocalProvider(directory, lambda: given[0])
    await refusal(provider)
    given[0] = RIGHT
    clock[0] += 1
    await provider.sign(material.uri, DEFAULT, GIVEN)
    assert provider.health().healthy
    await provider.change(material.uri, Change.DESTROY)
    assert provider.health().healthy


@pytest.mark.parametrize("damage", [b"", b"garbage", cosign_keys.encrypt(b"0", WRONG)])
@pytest.mark.parametrize("spoiled", [[1], [1, 2, 3, 4], [1, 3, 5], [5, 6, 7, 8]])
async def test_damaged_files_do_not_speak_for_all(directory: Path, spoiled: list[int], damage: bytes) -> None:
    await filled(directory, 8)
    for number in spoiled:
        key_file(directory, number).write_bytes(damage)
    provider = LocalProvider(directory, lambda: RIGHT)
    await make(provider, 9)
    assert provider.health().healthy


async def test_a_few_files_are_tried_and_no_more(directory: Path, scrypt: Scrypt) -> None:
    await filled(directory, 30)
    provider = LocalProvider(directory, lambda: WRONG)
    scrypt.runs = 0
    await asyncio.gather(*(refusal(provider, number) for number in range(31, 36)))
    assert scrypt.runs == 4


async def test_without_any_readable_key_the_password_stays_unknown(directory: Path) -> None:
    await filled(directory, 2)
    for number in (1, 2):
        key_file(directory, number).chmod(0o640)
    error = await refusal(LocalProvider(directory, lambda: RIGHT))
    assert "chmod 0600" in error.message
    key_file(directory, 2).chmod(0o600)
    await make(LocalProvider(directory, lambda: RIGHT), 3)


async def test_a_lost_password_makes_nothing(directory: Path) -> None:
    await filled(directory)

    def missing() -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    error = await refusal(LocalProvider(directory, missing))
    assert "the password of the key files can't be read" in error.message
