"""Keys on a PKCS#11 token, in a worker process of their own: a module that crashes or hangs takes nothing with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TypeVar

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup
from signerd.providers.failures import failed, unsupported
from signerd.providers.pkcs11.algorithms import (
    UPPER_BOUND,
    generates,
    parameters_of,
    salt_hash,
    scheme_of,
    signature_of,
    supported,
    to_sign,
)
from signerd.providers.pkcs11.attributes import halves, public_key
from signerd.providers.pkcs11.channel import Broken, next_number
from signerd.providers.pkcs11.frames import (
    Answer,
    Destroy,
    Done,
    Failed,
    Find,
    Found,
    Kind,
    Make,
    Ready,
    Request,
    Sign,
    Signed,
    TokenKey,
)
from signerd.providers.pkcs11.process import WorkerProcess
from signerd.providers.pkcs11.uris import KeyUri, TokenName, id_for, invalid, label_for, parse_uri, tags_of

_A = TypeVar("_A", bound=Answer)
_REMEMBERED = 4096
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands in labels that are not UTF-8, which nothing can be found by."""
_RESTART_SECONDS = 0.5
_REASONS = {
    Kind.UNAVAILABLE: (Reason.PROVIDER_UNAVAILABLE, "the token failed"),
    Kind.PIN: (
        Reason.PROVIDER_DENIED,
        "the token asks for the PIN again for every signature, which signerd does not do",
    ),
    Kind.DENIED: (Reason.PROVIDER_DENIED, "the token does not allow it"),
    Kind.REFUSED: (Reason.PROVIDER_REFUSED, "the token refused it"),
    Kind.UNSUPPORTED: (Reason.ALGORITHM_UNSUPPORTED, "the token can't do that with this key"),
    Kind.MISSING: (Reason.KEY_MATERIAL_UNREADABLE, "the token has no private key of that label and id"),
    Kind.AMBIGUOUS: (
        Reason.KEY_URI_INVALID,
        "several private keys have that name; add the id to the key URI",
    ),
    Kind.EXISTS: (Reason.KEY_EXISTS, "the key is on the token already"),
}
_log = logging.getLogger(__name__)


class Pkcs11Provider:
    """Provider of the keys of one token."""

    in_process = False

    def __init__(self, setup: Setup) -> None:
        self._name = setup.name
        self._section = setup.section
        self.capabilities = Capabilities(UPPER_BOUND, imports=True)
        """What tokens can do at most; from when the token is opened, what it can do."""
        self._worker = WorkerProcess(setup.name, setup.section, setup.secrets["pin"], self._learn)
        self._uris: dict[str, KeyUri] = {}
        with contextlib.suppress(RuntimeError):  # without a loop, the first call opens the token
            self._worker.start()

    @property
    def worker(self) -> WorkerProcess:
        """The process that has the token open."""
        return self._worker

    def health(self) -> Health:
        """Whether the token is open."""
        return self._worker.health()

    async def create(self, order: Order) -> Material:
        """Make a key pair on the token, or put one there; raises KEY_EXISTS for a used tag."""
        algorithm = order.algorithm
        ready = await self._opened()
        if algorithm not in self.capabilities.algorithms:
            raise unsupported(algorithm, "the token does not sign with it", self.capabilities.algorithms)
        label, scheme = label_for(order.tags), scheme_of(algorithm)
        size = algorithm.size if scheme.key_type == "RSA" else 0
        private: dict[str, bytes] = {}
        public: dict[str, bytes] = {}
        if order.private_key is not None:
            private, public = await asyncio.to_thread(halves, order.private_key, algorithm)
        elif not generates(algorithm, ready.mechanisms):
            others = [one for one in UPPER_BOUND if generates(one, ready.mechanisms)]
            raise unsupported(algorithm, "the token makes no such keys", others)
        made = Make(
            next_number(),
            label,
            id_for(label),
            scheme.key_type,
            size,
            parameters_of(algorithm),
            private,
            public,
        )
        found = await self._ask(made, Found, self._section.create)
        return self._material(found.keys[0], ready)

    async def find(self, uri: str) -> list[Material]:
        """The key of that URI: tokens know no versions."""
        key = await self._parsed(uri)
        ready = await self._opened()
        found = await self._ask(Find(next_number(), key.label, key.id), Found)
        if len(found.keys) != 1:
            raise self._failed(Kind.AMBIGUOUS if found.keys else Kind.MISSING, f"{len(found.keys)} keys")
        return [self._material(found.keys[0], ready)]

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Have the token sign."""
        key = self._uris.get(uri) or await self._parsed(uri)
        scheme = scheme_of(algorithm)
        request = Sign(
            next_number(),
            key.label,
            key.id,
            scheme.mechanism,
            salt_hash(algorithm),
            to_sign(algorithm, given),
        )
        signed = await self._ask(request, Signed)
        return signature_of(algorithm, signed.signature)

    async def held(self) -> list[Material]:
        """All private signing keys on the token whose public key can be told."""
        ready = await self._opened()
        found = await self._ask(Find(next_number()), Found, self._section.create)
        materials = []
        for key in found.keys:
            try:
                materials.append(self._material(key, ready))
            except SignerdError as error:
                _log.info("provider %s: a key on the token is left out: %s", self._name, error.message)
        return materials

    async def change(self, uri: str, change: Change) -> None:
        """Destroy both halves of a key pair; tokens can't disable keys, so the rest is no business of theirs."""
        if change is Change.DESTROY:
            key = await self._parsed(uri)
            await self._ask(Destroy(next_number(), key.label, key.id), Done)

    def _learn(self, ready: Ready) -> None:
        self.capabilities = Capabilities(supported(ready.mechanisms), imports=True)
        self._uris.clear()  # it may be another token of that name

    async def close(self) -> None:
        """Log out and end the worker."""
        await self._worker.close()

    async def _opened(self) -> Ready:
        await self._worker.opened()
        ready = self._worker.ready
        assert ready is not None  # noqa: S101 - told by every worker that was opened
        return ready

    async def _parsed(self, uri: str) -> KeyUri:
        """The URI, which names a key of this token; remembered, since signing asks for it each time."""
        key = parse_uri(uri)
        ready = await self._opened()
        if not key.names(TokenName(ready.token, ready.serial, ready.manufacturer, ready.model)):
            raise invalid(f"it names another token than the one of provider {self._name!r}")
        if len(self._uris) >= _REMEMBERED:
            self._uris.clear()
        self._uris[uri] = key
        return key

    async def _ask(self, request: Request, wanted: type[_A], seconds: float | None = None) -> _A:
        channel = await self._worker.opened()
        try:
            answer = await channel.ask(request, self._section.call if seconds is None else seconds)
        except Broken as broken:
            raise self._broken(broken) from None
        if isinstance(answer, wanted):
            return answer
        if isinstance(answer, Failed):
            raise self._failed(answer.kind, answer.detail)
        raise self._failed(Kind.UNAVAILABLE, f"the worker answered with {type(answer).__name__}")

    def _broken(self, broken: Broken) -> SignerdError:
        if broken.timed_out:
            reason, what = Reason.PROVIDER_TIMEOUT, "did not answer in time; its worker is started again"
        else:
            reason, what = Reason.PROVIDER_UNAVAILABLE, "lost its worker process; another one is started"
        # Without a time to come back the guard repeats a call: not the one that may have killed the worker.
        retry_after = _RESTART_SECONDS if broken.first else None
        return SignerdError(reason, f"provider {self._name!r} {what}", retry_after=retry_after)

    def _failed(self, kind: Kind, detail: str) -> SignerdError:
        reason, what = _REASONS[kind]
        return failed(_log, self._name, reason, detail, what=what)

    def _material(self, key: TokenKey, ready: Ready) -> Material:
        """What there is to tell of a key; the URI has its token, label and id, whatever it was found by."""
        label = "" if key.id and _UNREADABLE in key.label else key.label
        uri = KeyUri(TokenName(ready.token), label or None, key.id or None)
        return Material(str(uri), public_key(key), tags_of(key.label, key.id))


def build(setup: Setup) -> Pkcs11Provider:
    """Build the provider and begin to open the token, which need not be there yet."""
    return Pkcs11Provider(setup)
