"""The key that signs the checkpoints of all shards: an Ed25519 key of purpose log, which no caller can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signerd.audit import notes
from signerd.authz.identity import DAEMON
from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.inputs import Message, prepare
from signerd.core.keys import Key, KeyVersion, Purpose, check_signs
from signerd.engine.creation import Creator, Encode
from signerd.engine.keyring import Keyring
from signerd.engine.requests import CreateCall
from signerd.errors import Reason, SignerdError
from signerd.providers.guard import Guarded

LOG_KEY: Final = "signerd.audit-log"
ALGORITHM: Final = "ed25519"
_RAW_SIZE: Final = 32


@dataclass(slots=True)
class LogKey:
    """Finds the log key, makes it where there is none yet, and signs with it.

    `provider` is the configured one, empty for any that can. Of several workers one `makes` it; replicas may try at
    once, and the state takes the key of one of them.
    """

    keyring: Keyring
    creator: Creator
    providers: Mapping[str, Guarded]
    encode: Encode
    provider: str = ""
    makes: bool = True

    def known(self) -> Key | None:
        """The log key if this worker knows of one."""
        return self.keyring.view.snapshot.keys.get(LOG_KEY)

    async def ensure(self) -> Key:
        """The log key, made if need be; raises CHECKPOINT_UNAVAILABLE and what making a key does."""
        key = self.known()
        if key is None:
            await self.keyring.reload()
            key = self.known() or await self._made()
        if key.purpose is not Purpose.LOG or key.algorithm.name != ALGORITHM:
            raise unavailable(f"key {LOG_KEY!r} is not an Ed25519 key of purpose log")
        return key

    async def _made(self) -> Key:
        if not self.makes:
            raise unavailable("the first worker has not made the log key yet")
        call = CreateCall(LOG_KEY, ALGORITHM, Purpose.LOG, self.keeper().name)
        try:
            await self.creator.create(DAEMON, call, self.encode)
        except SignerdError as error:
            if error.reason is not Reason.KEY_EXISTS:
                raise
            await self.keyring.reload()  # a replica was first
        key = self.known()
        if key is None:
            raise unavailable("the log key was made and is not there; see the state database")
        return key

    def keeper(self) -> Guarded:
        """The provider to keep the key: the configured one, else the first that can; raises CHECKPOINT_UNAVAILABLE."""
        algorithm = algorithm_named(ALGORITHM)
        named = [self.provider] if self.provider else [self.creator.default_provider, *self.providers]
        for name in named:
            if _keeps(self.providers[name], algorithm):
                return self.providers[name]
        who = f"provider {self.provider!r} makes" if self.provider else "no configured provider makes"
        raise unavailable(f"{who} no Ed25519 keys; name one that does in audit.provider")

    async def sign(self, version: KeyVersion, origin: str, text: bytes) -> bytes:
        """The signature line of a version under a note's text; raises VERSION_STATE, and what signing does."""
        check_signs(version)
        owner = await self.ensure()
        derived = self.keyring.derive(owner, version)
        given = prepare(derived.algorithm, Message(text))
        signature = await derived.provider.sign(derived.pinned, given)
        derived.pinned.verify(given, signature)  # the guard does so by sample where keys are in this process
        return notes.signature_line(origin, raw_public_key(version), signature)


def raw_public_key(version: KeyVersion) -> bytes:
    """The 32 bytes of an Ed25519 key: the end of its SubjectPublicKeyInfo (RFC 8410, section 4)."""
    return version.public_key[-_RAW_SIZE:]


def vkey(origin: str, version: KeyVersion) -> str:
    """The verifier key of a version for one shard."""
    return notes.vkey(origin, raw_public_key(version))


def signed_by(key: Key, origin: str, note: bytes) -> KeyVersion | None:
    """The newest version whose signature line a note of ours has, None without; checks no signature."""
    ids = {line.key_id for line in notes.parse(note).signatures if line.name == origin}
    found = [one for one in key.versions if notes.key_id(origin, raw_public_key(one)) in ids]
    return found[-1] if found else None


def unavailable(problem: str) -> SignerdError:
    """CHECKPOINT_UNAVAILABLE with what is wrong."""
    return SignerdError(Reason.CHECKPOINT_UNAVAILABLE, problem, retry_after=1.0)


def _keeps(provider: Guarded, algorithm: Algorithm) -> bool:
    able = provider.capabilities
    return able.create and algorithm in able.algorithms
