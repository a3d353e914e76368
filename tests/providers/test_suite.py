"""What every provider does: one suite, run for each of them."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT, TABLE, Algorithm, Family
from signerd.core.inputs import Message, Mu, SigningInput, prepare
from signerd.core.private_keys import PrivateKey, generate, to_pkcs8
from signerd.core.public_keys import load_public_key, spki
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError
from signerd.providers import registry
from signerd.providers.base import Change, Material, Order, Provider, Setup
from signerd.providers.guard import Guarded, pinned_version

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
UNKNOWN = {"memory": "memory:nobody/1-x", "local": "local:nobody/1-x.key"}


@dataclass
class Subject:
    """A provider under test; `open` gives another one on the same material, as after a restart."""

    type_name: str
    open: Callable[[], Provider]
    survives: bool

    def __post_init__(self) -> None:
        self.provider = self.open()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt is tested with cosign's format; here it would only take time."""
    monkeypatch.setattr(
        cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
    )


@pytest.fixture(params=["memory", "local"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    name: str = request.param
    section = SimpleNamespace(directory=tmp_path / "keys")
    setup = Setup(name, section, {"password": lambda: b"password"})
    return Subject(name, lambda: registry.build(name, setup), survives=name != "memory")


@cache
def imported(kind: str, size: int) -> PrivateKey:
    return generate(next(row for row in TABLE if row.family.value.startswith(kind) and row.size == size))


async def made(subject: Subject, tag: str = "t1", algorithm: Algorithm = DEFAULT) -> Material:
    return await subject.provider.create(Order("team-a/release", 1, algorithm, tag))


def check(material: Material, algorithm: Algorithm, given: SigningInput, signature: bytes) -> None:
    verifier(load_public_key(material.public_key, algorithm), algorithm)(given, signature)


@pytest.mark.parametrize("algorithm", TABLE, ids=str)
async def test_every_algorithm_signs(subject: Subject, algorithm: Algorithm) -> None:
    private_key = imported(algorithm.family.value[:3], algorithm.size)
    order = Order("k", 1, algorithm, "t1", to_pkcs8(private_key))
    material = await subject.provider.create(order)
    assert material.public_key == spki(private_key.public_key())
    inputs: list[SigningInput] = [prepare(algorithm, Message(b"some bytes"))]
    if algorithm.family is Family.ML_DSA:
        inputs.append(Mu(bytes(64)))
    for given in inputs:
        check(material, algorithm, given, await subject.provider.sign(material.uri, algorithm, given))


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "ed25519", "ed25519ph", "ml-dsa-44"])
async def test_made_keys_pass_the_guard(subject: Subject, name: str) -> None:
    algorithm = next(row for row in TABLE if row.name == name)
    guarded = Guarded("p", subject.type_name, subject.provider)
    material = await guarded.create(Order("k", 1, algorithm, "t1"))
    version = pinned_version(material.uri, algorithm, material.public_key)
    given = prepare(algorithm, Message(b"some bytes"))
    version.verify(given, await guarded.sign(version, given))


async def test_two_keys_are_two(subject: Subject) -> None:
    one, other = await made(subject, "t1"), await made(subject, "t2")
    assert one.uri != other.uri
    assert one.public_key != other.public_key


async def test_a_tag_used_twice_overwrites_nothing(subject: Subject) -> None:
    material = await made(subject)
    with pytest.raises(SignerdError) as caught:
        await made(subject)
    assert caught.value.reason is Reason.KEY_EXISTS
    assert [one.public_key for one in await subject.provider.find(material.uri)] == [material.public_key]
    check(material, DEFAULT, GIVEN, await subject.provider.sign(material.uri, DEFAULT, GIVEN))


async def test_the_same_tag_ordered_at_once_is_made_once(subject: Subject) -> None:
    results = await asyncio.gather(*(made(subject) for _ in range(4)), return_exceptions=True)
    won = [one for one in results if isinstance(one, Material)]
    assert len(won) == 1
    check(won[0], DEFAULT, GIVEN, await subject.provider.sign(won[0].uri, DEFAULT, GIVEN))
    if subject.survives:
        assert await subject.open().find(won[0].uri) == won


async def test_a_private_key_of_another_algorithm_is_not_taken_in(subject: Subject) -> None:
    order = Order("k", 1, DEFAULT, "t1", to_pkcs8(imported("ed2", 255)))
    with pytest.raises(SignerdError) as caught:
        await subject.provider.create(order)
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED
    assert await subject.provider.held() == []


async def test_unknown_material(subject: Subject) -> None:
    uri = UNKNOWN[subject.type_name]
    for call in (subject.provider.sign(uri, DEFAULT, GIVEN), subject.provider.find(uri)):
        with pytest.raises(SignerdError) as caught:
            await call
        assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    await subject.provider.change(uri, Change.DESTROY)


async def test_many_at_once(subject: Subject) -> None:
    one, other = await made(subject, "t1"), await made(subject, "t2")
    provider = subject.open() if subject.survives else subject.provider
    calls = [provider.sign(material.uri, DEFAULT, GIVEN) for material in [one, other] * 32]
    for material, signature in zip([one, other] * 32, await asyncio.gather(*calls), strict=True):
        check(material, DEFAULT, GIVEN, signature)


async def test_held_tells_what_was_made_and_for_what(subject: Subject) -> None:
    materials = {one.uri: one for one in [await made(subject, "t1"), await made(subject, "t2")]}
    held = {one.uri: one for one in await subject.provider.held()}
    assert held == materials
    assert {(one.tags["key"], one.tags["version"], one.tags["tag"]) for one in held.values()} == {
        ("team-a/release", "1", "t1"),
        ("team-a/release", "1", "t2"),
    }


async def test_destroyed_material_is_gone(subject: Subject) -> None:
    gone, kept = await made(subject, "t1"), await made(subject, "t2")
    await subject.provider.sign(gone.uri, DEFAULT, GIVEN)
    for _ in range(2):
        await subject.provider.change(gone.uri, Change.DESTROY)
    with pytest.raises(SignerdError) as caught:
        await subject.provider.sign(gone.uri, DEFAULT, GIVEN)
    assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert [one.uri for one in await subject.provider.held()] == [kept.uri]


async def test_disabled_and_enabled_material_signs_again(subject: Subject) -> None:
    material = await made(subject)
    for change in (Change.DISABLE, Change.DISABLE, Change.ENABLE, Change.ENABLE):
        await subject.provider.change(material.uri, change)
    check(material, DEFAULT, GIVEN, await subject.provider.sign(material.uri, DEFAULT, GIVEN))


async def test_material_survives_a_restart(subject: Subject) -> None:
    if not subject.survives:
        return  # keys in memory are gone by design
    material = await made(subject)
    again = subject.open()
    assert await again.find(material.uri) == [material]
    assert await again.held() == [material]
    check(material, DEFAULT, GIVEN, await again.sign(material.uri, DEFAULT, GIVEN))


async def test_health_needs_no_await(subject: Subject) -> None:
    assert subject.provider.health().healthy
    await made(subject)
    assert "1" in subject.provider.health().detail


async def test_nothing_secret_is_shown(subject: Subject) -> None:
    secret = to_pkcs8(imported("ecd", 256))
    order = Order("k", 1, DEFAULT, "t1", secret)
    material = await subject.provider.create(order)
    shown = f"{order!r} {material!r} {subject.provider!r} {vars(subject.provider)!r}"
    assert secret.hex() not in shown
    assert repr(secret)[2:-1] not in shown
    assert "b'password'" not in shown
