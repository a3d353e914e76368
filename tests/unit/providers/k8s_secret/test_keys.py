"""Keys of Secrets in memory: opened once, given up with their Secret, and never another key's signature."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT, algorithm_named
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import PrivateKey, to_pkcs8
from signerd.core.public_keys import pem, spki
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError
from signerd.providers.k8s_secret.keys import SecretKeys
from signerd.providers.k8s_secret.layout import Seen, StoredKey

_T = TypeVar("_T")
URI = "k8s-secret://keys/s"
KEY, OTHER = (ec.derive_private_key(number, ec.SECP256R1()) for number in (7, 8))
GIVEN = prepare(DEFAULT, Message(b"some bytes"))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt is tested with cosign's format; here it would only take time."""
    monkeypatch.setattr(
        cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
    )


def stored(
    key: PrivateKey = KEY, version: str = "1", password: bytes = b"p", *, public: bool = True
) -> StoredKey:
    data = {"cosign.key": cosign_keys.encrypt(to_pkcs8(key), b"p"), "cosign.password": password}
    if public:
        data["cosign.pub"] = pem(spki(key.public_key())).encode()
    return StoredKey("keys", Seen("s", "u", version), {}, None, data)


class Server:
    """What the API server has."""

    def __init__(self, now: StoredKey | None) -> None:
        self.now = now
        self.reads = 0
        self.keys = SecretKeys(self.read, self.work)

    async def read(self, uri: str) -> StoredKey:
        self.reads += 1
        await asyncio.sleep(0)
        if self.now is None:
            self.keys.lose(uri)
            raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, "does not exist")
        self.keys.take(self.now)
        return self.now

    async def work(self, function: Callable[[], _T]) -> _T:
        return function()


def check(signature: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> None:
    verifier(key.public_key(), DEFAULT)(GIVEN, signature)


async def test_read_and_opened_once() -> None:
    server = Server(stored())
    assert server.keys.signer(URI, DEFAULT) is None
    for sign in await asyncio.gather(*(server.keys.opened(URI, DEFAULT) for _ in range(8))):
        check(sign(GIVEN))
    reads = server.reads
    check((await server.keys.opened(URI, DEFAULT))(GIVEN))
    assert server.reads == reads
    assert "1 of 1 keys unlocked" in server.keys.detail


async def test_a_known_secret_is_not_asked_for() -> None:
    server = Server(None)
    server.keys.take(stored())
    check((await server.keys.opened(URI, DEFAULT))(GIVEN))
    assert server.reads == 0


async def test_a_key_made_here_is_open() -> None:
    server = Server(None)
    server.keys.keep(stored(password=b"wrong"), KEY)
    check((await server.keys.opened(URI, DEFAULT))(GIVEN))


async def test_a_held_signer_follows_its_secret() -> None:
    server = Server(stored())
    await server.keys.opened(URI, DEFAULT)
    sign = server.keys.signer(URI, DEFAULT)
    assert sign is not None
    check(sign(GIVEN))
    server.keys.lose(URI)
    with pytest.raises(SignerdError, match="gone"):
        sign(GIVEN)
    assert URI not in server.keys
    server.keys.take(stored(version="2"))
    with pytest.raises(SignerdError, match="changed") as error:
        sign(GIVEN)
    assert error.value.retry_after == 1.0
    await server.keys.reopen(URI)
    check(sign(GIVEN))


async def test_the_same_content_changes_nothing() -> None:
    server = Server(first := stored())
    sign = await server.keys.opened(URI, DEFAULT)
    server.keys.take(StoredKey("keys", Seen("s", "u2", "9"), {}, None, dict(first.data)))
    assert await server.keys.opened(URI, DEFAULT) is sign


async def test_another_key_under_the_same_name_does_not_sign() -> None:
    server = Server(stored())
    await server.keys.opened(URI, DEFAULT)
    held = server.keys.signer(URI, DEFAULT)
    assert held is not None
    server.keys.take(stored(OTHER))
    for attempt in (server.keys.reopen(URI), server.keys.opened(URI, DEFAULT)):
        with pytest.raises(SignerdError) as error:
            await attempt
        assert error.value.reason is Reason.PROVIDER_INTEGRITY
    with pytest.raises(SignerdError):
        held(GIVEN)
    server.keys.take(stored())
    await server.keys.reopen(URI)
    check(held(GIVEN))


async def test_a_forgotten_key_is_read_as_if_new() -> None:
    server = Server(stored())
    await server.keys.opened(URI, DEFAULT)
    server.now = stored(OTHER)
    server.keys.forget(URI)
    check((await server.keys.opened(URI, DEFAULT))(GIVEN), OTHER)


async def test_a_secret_changed_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(stored())
    unlock = StoredKey.unlock

    def changed(one: StoredKey) -> PrivateKey:
        monkeypatch.setattr(StoredKey, "unlock", unlock)
        server.keys.take(stored(OTHER))
        return unlock(one)

    monkeypatch.setattr(StoredKey, "unlock", changed)
    with pytest.raises(SignerdError, match="changed"):
        await server.keys.opened(URI, DEFAULT)
    assert server.keys.signer(URI, DEFAULT) is None
    check((await server.keys.opened(URI, DEFAULT))(GIVEN), OTHER)


async def test_a_secret_deleted_while_its_signer_is_tested() -> None:
    server = Server(stored())

    async def work(function: Callable[[], _T]) -> _T:
        server.keys.lose(URI)
        return function()

    server.keys._work = work
    with pytest.raises(SignerdError, match="gone"):
        await server.keys.opened(URI, DEFAULT)
    assert server.keys.signer(URI, DEFAULT) is None


async def test_an_algorithm_that_does_not_fit_harms_no_other() -> None:
    server = Server(stored())
    with pytest.raises(SignerdError) as error:
        await server.keys.opened(URI, algorithm_named("ed25519"))
    assert error.value.reason is Reason.ALGORITHM_UNSUPPORTED
    check((await server.keys.opened(URI, DEFAULT))(GIVEN))


async def test_what_can_not_be_opened_shows() -> None:
    server = Server(stored(password=b"wrong"))
    with pytest.raises(SignerdError) as error:
        await server.keys.opened(URI, DEFAULT)
    assert error.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert "the password does not open" in server.keys.detail


async def test_public_keys_are_read_or_opened_for() -> None:
    server = Server(None)
    assert await server.keys.public_key(stored(password=b"wrong")) == spki(KEY.public_key())
    assert await server.keys.public_key(stored(OTHER, public=False)) == spki(OTHER.public_key())
    assert await server.keys.public_key(stored(KEY, public=False)) == spki(KEY.public_key())


async def test_reopening_what_never_signed_does_nothing() -> None:
    server = Server(stored())
    await server.keys.reopen(URI)
    assert server.reads == 0
