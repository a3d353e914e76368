"""The token in the worker: handles that went stale are looked up again, and no more are kept than there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute

from signerd.providers.pkcs11 import token as module
from signerd.providers.pkcs11.frames import (
    Answer,
    Destroy,
    Done,
    Failed,
    Find,
    Found,
    Hello,
    Kind,
    Make,
    Ready,
    Sign,
    Signed,
)
from signerd.providers.pkcs11.token import Refusal, Token, failed

HELLO = Hello(1, "/module.so", "token", "", "1234")


class Key(pkcs11.PrivateKey):
    """A private key that signs until it is told to raise."""

    def __init__(self, label: str, signature: bytes = b"signature") -> None:
        self.attributes: dict[Attribute, object] = {
            Attribute.LABEL: label,
            Attribute.ID: label.encode(),
            Attribute.SIGN: True,
            Attribute.KEY_TYPE: pkcs11.KeyType.EC,
        }
        self.answer: bytes | Exception = signature
        self.signed: list[dict[str, object]] = []
        self.destroyed = False

    def __getitem__(self, name: Attribute) -> Any:
        if name not in self.attributes:
            raise pkcs11.AttributeTypeInvalid
        return self.attributes[name]

    def sign(self, data: object, **given: object) -> bytes:
        self.signed.append({"data": data, **given})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def destroy(self) -> None:
        self.destroyed = True


class Session:
    """A session that finds keys by label, and counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.searches = 0

    def get_objects(self, wanted: dict[Attribute, object]) -> Iterator[Key]:
        self.searches += 1
        if wanted.pop(Attribute.CLASS) is not pkcs11.ObjectClass.PRIVATE_KEY:
            return iter(())
        matching = (key for key in self.keys if not key.destroyed)
        return iter([key for key in matching if wanted.items() <= key.attributes.items()])

    def close(self) -> None:
        self.keys.clear()


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def present() -> SimpleNamespace:
    """`error` is raised when the slot is asked for its token."""
    return SimpleNamespace(error=None)


@pytest.fixture
def token(session: Session, present: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Token:
    def get_token() -> None:
        if present.error:
            raise present.error

    chosen = SimpleNamespace(
        flags=pkcs11.TokenFlag.LOGIN_REQUIRED,
        slot=SimpleNamespace(get_mechanisms=lambda: [0x80000001], get_token=get_token),
        open=lambda **given: session,
        label="token",
        serial=b"\xff1",
        manufacturer_id="maker",
        model="model",
    )
    monkeypatch.setattr(module, "_chosen", lambda hello: chosen)
    return Token(HELLO)


def asked(label: str, hash_: str = "") -> Sign:
    return Sign(7, label, None, "RSA_PKCS_PSS" if hash_ else "ECDSA", hash_, b"digest")


def told(token: Token, request: Sign | Find | Make | Destroy) -> Answer:
    """The answer as the worker gives it, failures too."""
    try:
        return token.answer(request)
    except Exception as error:  # noqa: BLE001 - as the worker does
        return failed(request.number, error)


def test_a_key_is_looked_for_once(token: Token, session: Session) -> None:
    session.keys = [Key("a"), Key("b", b"other")]
    assert [told(token, asked(label)) for label in "aaab"] == [
        *3 * [Signed(7, b"signature")],
        Signed(7, b"other"),
    ]
    assert session.searches == 2


@pytest.mark.parametrize("gone", [pkcs11.KeyHandleInvalid(), pkcs11.ObjectHandleInvalid()])
def test_a_key_that_was_made_again_is_found_again(token: Token, session: Session, gone: Exception) -> None:
    first, second = Key("a"), Key("a", b"second")
    session.keys = [first]
    told(token, asked("a"))
    first.answer, session.keys = gone, [second]
    assert [told(token, asked("a")) for _ in range(2)] == 2 * [Signed(7, b"second")]
    assert session.searches == 2


@pytest.mark.parametrize("gone", [pkcs11.KeyHandleInvalid(), pkcs11.ObjectHandleInvalid()])
def test_a_key_that_was_destroyed_is_missing(token: Token, session: Session, gone: Exception) -> None:
    key = Key("a")
    session.keys = [key]
    told(token, asked("a"))
    key.answer, session.keys = gone, []
    for _ in range(2):
        answer = told(token, asked("a"))
        assert isinstance(answer, Failed)
        assert answer.kind is Kind.MISSING


def test_a_handle_that_is_stale_again_at_once_is_told(token: Token, session: Session) -> None:
    """The fresh lookup is made once: a module that hands out dead handles does not keep the worker busy."""
    key = Key("a")
    session.keys = [key]
    told(token, asked("a"))
    key.answer = pkcs11.KeyHandleInvalid()
    answer = told(token, asked("a"))
    assert isinstance(answer, Failed)
    assert answer.kind is Kind.MISSING
    assert len(key.signed) == 3
    key.answer = b"well again"
    assert told(token, asked("a")) == Signed(7, b"well again")


@pytest.mark.parametrize(
    "lost",
    [pkcs11.SessionHandleInvalid(), pkcs11.DeviceRemoved(), pkcs11.UserNotLoggedIn(), pkcs11.DeviceError()],
)
def test_a_lost_session_ends_the_worker(token: Token, session: Session, lost: Exception) -> None:
    key = Key("a")
    session.keys = [key]
    told(token, asked("a"))
    key.answer = lost
    answer = told(token, asked("a"))
    assert isinstance(answer, Failed)
    assert answer.kind is Kind.UNAVAILABLE
    assert answer.detail.startswith(type(lost).__name__)
    assert len(key.signed) == 2, "what failed for another reason is not put to the module again"


def test_handles_are_kept_within_bounds(
    token: Token, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    session.keys = [Key(label) for label in "abcde"]
    for label in "abcdebcde":
        assert told(token, asked(label)) == Signed(7, b"signature")
        assert len(token._keys) <= 3
    assert {label for label, _ in token._keys} == set("cde")
    session.searches = 0
    told(token, asked("e"))
    assert session.searches == 0, "the latest are the ones that are kept"


def test_a_token_without_the_key_is_asked_whether_it_is_there(
    token: Token, session: Session, present: SimpleNamespace
) -> None:
    present.error = pkcs11.TokenNotPresent()
    assert told(token, asked("a")) == Failed(7, Kind.UNAVAILABLE, "TokenNotPresent")
    assert told(token, Find(8)) == Failed(8, Kind.UNAVAILABLE, "TokenNotPresent")
    session.keys = [Key("a")]
    assert told(token, asked("a")) == Signed(7, b"signature")


def test_two_keys_of_a_name_sign_nothing(token: Token, session: Session) -> None:
    session.keys = [Key("a"), Key("a")]
    answer = told(token, asked("a"))
    assert answer == Failed(7, Kind.AMBIGUOUS, "2 private keys have that label and id")
    assert not any(key.signed for key in session.keys)


def test_a_key_that_wants_the_pin_each_time_is_not_put_to_the_module(token: Token, session: Session) -> None:
    key = Key("a")
    key.attributes[Attribute.ALWAYS_AUTHENTICATE] = True
    session.keys = [key]
    assert told(token, asked("a")) == Failed(7, Kind.PIN, "CKA_ALWAYS_AUTHENTICATE")
    assert not key.signed


@pytest.mark.parametrize(("hash_", "salt"), [("sha256", 32), ("sha384", 48), ("sha512", 64)])
def test_the_salt_of_pss_is_as_long_as_its_hash(
    token: Token, session: Session, hash_: str, salt: int
) -> None:
    key = Key("a")
    session.keys = [key]
    told(token, asked("a", hash_))
    parameter: Any = key.signed[0]["mechanism_param"]
    name, mgf, length = parameter
    assert (name.name, mgf.name, length) == (hash_.upper(), hash_.upper(), salt)


def test_destroying_forgets_the_handle(token: Token, session: Session) -> None:
    session.keys = [Key("a"), Key("b")]
    told(token, asked("a"))
    assert told(token, Destroy(8, "a", None)) == Done(8)
    assert told(token, Destroy(9, "a", None)) == Done(9), "it is no error if there is none"
    answer = told(token, asked("a"))
    assert isinstance(answer, Failed)
    assert answer.kind is Kind.MISSING
    assert told(token, asked("b")) == Signed(7, b"signature")


def test_a_used_id_is_not_used_again(token: Token, session: Session) -> None:
    session.keys = [Key("a")]
    answer = told(token, Make(8, "other", b"a", "EC", 0, b""))
    assert answer == Failed(8, Kind.EXISTS, "a private key of that id is there")


def test_keys_that_can_not_sign_are_not_told(token: Token, session: Session) -> None:
    session.keys = [Key("a"), Key("b")]
    session.keys[0].attributes[Attribute.SIGN] = False
    answer = told(token, Find(8))
    assert isinstance(answer, Found)
    assert [key.label for key in answer.keys] == ["b"]


def test_a_second_hello_is_refused(token: Token) -> None:
    with pytest.raises(Refusal, match="second hello"):
        token.answer(HELLO)


def test_mechanisms_of_the_vendor_and_odd_serials_do_not_matter(token: Token) -> None:
    assert token.ready(1) == Ready(1, "token", "\N{REPLACEMENT CHARACTER}1", "maker", "model", {})
