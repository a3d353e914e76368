"""The token inside the worker process: one session, logged in once.

Used from one thread: the binding initialises modules without locks.
"""

from __future__ import annotations

from collections.abc import Iterator

import pkcs11
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass, TokenFlag
from pkcs11.attributes import AttributeMapper
from pkcs11.mechanisms import MGF

from signerd.providers.pkcs11 import objects
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
    Request,
    Sign,
    Signed,
)

Identity = tuple[str | None, bytes | None]

_HASHES = {
    "sha256": (Mechanism.SHA256, MGF.SHA256, 32),
    "sha384": (Mechanism.SHA384, MGF.SHA384, 48),
    "sha512": (Mechanism.SHA512, MGF.SHA512, 64),
}
_KINDS: dict[str, Kind] = {
    "PinIncorrect": Kind.PIN,
    "PinLocked": Kind.PIN,
    "PinExpired": Kind.PIN,
    "PinInvalid": Kind.PIN,
    "PinLenRange": Kind.PIN,
    "UserPinNotInitialized": Kind.PIN,
    "NoSuchKey": Kind.MISSING,
    "KeyHandleInvalid": Kind.MISSING,
    "ObjectHandleInvalid": Kind.MISSING,
    "MultipleObjectsReturned": Kind.AMBIGUOUS,
    "MechanismInvalid": Kind.UNSUPPORTED,
    "MechanismParamInvalid": Kind.UNSUPPORTED,
    "KeySizeRange": Kind.UNSUPPORTED,
    "KeyTypeInconsistent": Kind.UNSUPPORTED,
    "DomainParamsInvalid": Kind.UNSUPPORTED,
    "FunctionNotSupported": Kind.UNSUPPORTED,
    "TokenWriteProtected": Kind.DENIED,
    "SessionReadOnly": Kind.DENIED,
    "FunctionRejected": Kind.DENIED,
    "AttributeReadOnly": Kind.DENIED,
    "ArgumentsBad": Kind.REFUSED,
    "AttributeTypeInvalid": Kind.REFUSED,
    "AttributeValueInvalid": Kind.REFUSED,
    "TemplateIncomplete": Kind.REFUSED,
    "TemplateInconsistent": Kind.REFUSED,
    "DataInvalid": Kind.REFUSED,
    "DataLenRange": Kind.REFUSED,
    "DeviceMemory": Kind.REFUSED,
}
"""By the name of the binding's exception; all others mean that the session can't be used any more."""
_REMEMBERED = 1024
"""Keys whose handles are kept."""
_GONE = (pkcs11.KeyHandleInvalid, pkcs11.ObjectHandleInvalid)
_MAY = MechanismFlag.SIGN | MechanismFlag.GENERATE_KEY_PAIR


class Refusal(Exception):
    """A request that was not put to the module, or an answer that ends there."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Mapper(AttributeMapper):
    """Reads labels that are not UTF-8 as well: other applications made them."""

    def __init__(self) -> None:
        super().__init__()
        self.attribute_types[Attribute.LABEL] = (str.encode, lambda raw: raw.decode(errors="replace"))
        plain = self.attribute_types[Attribute.VALUE_LEN]
        self.attribute_types[Attribute.KEY_TYPE] = plain


class Token:
    """A token that is logged in to; the keys that were used are remembered by label and id."""

    def __init__(self, hello: Hello) -> None:
        self._token = _chosen(hello)
        _check_pin(self._token)
        writable = not self._token.flags & TokenFlag.WRITE_PROTECTED
        self._session = self._token.open(rw=writable, user_pin=hello.pin, attribute_mapper=Mapper())
        self._keys: dict[Identity, pkcs11.PrivateKey] = {}
        self._mechanisms = dict(_mechanisms(self._token.slot))

    def ready(self, number: int) -> Ready:
        """What the token calls itself and can do."""
        token = self._token
        serial = token.serial.decode(errors="replace")
        return Ready(number, token.label, serial, token.manufacturer_id, token.model, self._mechanisms)

    def answer(self, request: Request) -> Answer:
        """Carry out a request; raises what the binding raises."""
        if isinstance(request, Sign):
            return Signed(request.number, self._sign(request))
        self._check_present()
        match request:
            case Find():
                found = [key for key in self._private(request.label, request.id) if key[Attribute.SIGN]]
                return Found(request.number, objects.describe(self._session, found))
            case Make():
                return self._make(request)
            case Destroy():
                self._keys.clear()
                for key in self._only(request.label, request.id):
                    objects.destroy(self._session, key)
                return Done(request.number)
        raise Refusal(Kind.REFUSED, "a second hello")

    def close(self) -> None:
        """Log out."""
        self._session.close()

    def _sign(self, request: Sign) -> bytes:
        identity = request.label, request.id
        key = self._keys.get(identity)
        if key is not None:
            try:
                return _signed(key, request)
            except _GONE:  # destroyed by somebody else, and maybe made again
                del self._keys[identity]
        found = self._only(request.label, request.id)
        if not found:
            self._check_present()
            raise Refusal(Kind.MISSING, "no private key of that label and id")
        if objects.asks_each_time(found[0]):
            raise Refusal(Kind.PIN, "CKA_ALWAYS_AUTHENTICATE")
        signature = _signed(found[0], request)
        if len(self._keys) >= _REMEMBERED:
            del self._keys[next(iter(self._keys))]
        self._keys[identity] = found[0]
        return signature

    def _check_present(self) -> None:
        """Raise what the binding raises if the token was pulled out: some modules just show no objects any more."""
        self._token.slot.get_token()

    def _make(self, order: Make) -> Answer:
        if list(self._private(None, order.id)):
            raise Refusal(Kind.EXISTS, "a private key of that id is there")
        (objects.store if order.private else objects.generate)(self._session, order)
        made = objects.describe(self._session, self._private(order.label, order.id))
        return Found(order.number, made)

    def _only(self, label: str | None, id_: bytes | None) -> list[pkcs11.PrivateKey]:
        """The one private key of that name, if there is one; two are refused: which one was meant?"""
        found = list(self._private(label, id_))
        if len(found) > 1:
            raise Refusal(Kind.AMBIGUOUS, f"{len(found)} private keys have that label and id")
        return found

    def _private(self, label: str | None, id_: bytes | None) -> Iterator[pkcs11.PrivateKey]:
        wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        if label is not None:
            wanted[Attribute.LABEL] = label
        if id_ is not None:
            wanted[Attribute.ID] = id_
        for found in self._session.get_objects(wanted):
            if isinstance(found, pkcs11.PrivateKey):
                yield found


def _signed(key: pkcs11.PrivateKey, request: Sign) -> bytes:
    sign = getattr(key, "sign", None)
    if sign is None:
        raise Refusal(Kind.DENIED, "the key has no CKA_SIGN")
    parameter = _HASHES[request.hash] if request.hash else None
    signature: bytes = sign(request.data, mechanism=Mechanism[request.mechanism], mechanism_param=parameter)
    return signature


def _chosen(hello: Hello) -> pkcs11.Token:
    found = []
    for slot in pkcs11.lib(hello.module).get_slots(token_present=True):
        try:
            token = slot.get_token()
        except (pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised):
            continue
        if hello.token in ("", token.label) and hello.serial in ("", token.serial.decode(errors="replace")):
            found.append(token)
    if not found:
        raise Refusal(Kind.UNAVAILABLE, "no slot has the token")
    if len(found) > 1:
        raise Refusal(Kind.REFUSED, f"{len(found)} tokens have that label; name it by its serial number")
    return found[0]


def _check_pin(token: pkcs11.Token) -> None:
    """Refuse to use up the last try: a locked token needs its security officer."""
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise Refusal(Kind.PIN, "PinLocked")
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise Refusal(Kind.PIN, "PinFinalTry")


def _mechanisms(slot: pkcs11.Slot) -> Iterator[tuple[str, tuple[int, int]]]:
    for mechanism in slot.get_mechanisms():
        if isinstance(mechanism, Mechanism):
            told = slot.get_mechanism_info(mechanism)
            if told.flags & _MAY:
                yield mechanism.name, (told.min_key_length or 0, told.max_key_length or 0)


def failed(number: int, error: Exception) -> Failed:
    """What an exception means to the one who asked; UNAVAILABLE says that this process is of no more use."""
    if isinstance(error, Refusal):
        return Failed(number, error.kind, str(error))
    name = type(error).__name__
    return Failed(number, _KINDS.get(name, Kind.UNAVAILABLE), f"{name}: {error}" if str(error) else name)
