"""Keys of Secrets in memory: closed as they were read, open once they were used, given up when their Secret is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import PrivateKey
from signerd.core.public_keys import spki
from signerd.core.signatures import Sign
from signerd.errors import Reason, SignerdError
from signerd.providers.k8s_secret.layout import StoredKey
from signerd.providers.tested_signers import tested_signer
from signerd.providers.unlocked_keys import UnlockedKeys


class SecretKeys:
    """Keys by URI. `read` reads a Secret from the API server, `work` runs what takes CPU time.

    A URI means one key pair: if its Secret comes to hold another one, nothing is signed with that.
    """

    def __init__(
        self,
        read: Callable[[str], Awaitable[StoredKey]],
        work: Callable[[Callable[[], Sign]], Awaitable[Sign]],
    ) -> None:
        self._read = read
        self._work = work
        self._stored: dict[str, StoredKey] = {}
        self._unlocked = UnlockedKeys(self._unlock)
        self._signers: dict[tuple[str, Algorithm], Sign] = {}
        self._public: dict[str, bytes] = {}
        self._used: dict[str, set[Algorithm]] = {}

    def __contains__(self, uri: str) -> bool:
        return uri in self._stored

    @property
    def detail(self) -> str:
        """How many keys there are, and what is wrong with those that can't be opened."""
        parts = [f"{len(self._unlocked)} of {len(self._stored)} keys unlocked", *self._unlocked.failures[:5]]
        return "; ".join(parts)

    def stored(self, uri: str) -> StoredKey | None:
        """The Secret as it was read last, None if it was not or is gone."""
        return self._stored.get(uri)

    def used(self, uri: str) -> bool:
        """Whether the key has signed here."""
        return uri in self._used

    def signer(self, uri: str, algorithm: Algorithm) -> Sign | None:
        """What signs for as long as the Secret is there, None where the key must be opened first."""
        at = (uri, algorithm)
        signers = self._signers
        if at not in signers:
            return None

        def sign(given: SigningInput) -> bytes:
            try:
                now = signers[at]
            except KeyError:
                raise self._given_up(uri) from None
            return now(given)

        return sign

    async def opened(self, uri: str, algorithm: Algorithm) -> Sign:
        """The signer, from the key that is opened now if need be."""
        ready = self._signers.get((uri, algorithm))
        if ready is not None:
            return ready
        stored = self._stored.get(uri) or await self._read(uri)
        private_key = await self._unlocked.get(uri)
        self._check(uri, stored, spki(private_key.public_key()))
        try:
            sign = await self._work(partial(tested_signer, private_key, algorithm))
        except SignerdError as error:
            if error.reason is not Reason.ALGORITHM_UNSUPPORTED:
                self._unlocked.reject(uri, stored.unusable(error.message))
            raise
        self._check(uri, stored, spki(private_key.public_key()))
        if self._unlocked.accept(uri, private_key):
            self._signers[uri, algorithm] = sign
            self._used.setdefault(uri, set()).add(algorithm)
        return sign

    def take(self, stored: StoredKey) -> None:
        """Note what a Secret holds now; a key that is not the same any more is given up."""
        before = self._stored.get(stored.uri)
        self._stored[stored.uri] = stored
        if before is not None and before.data != stored.data:
            self._drop(stored.uri)

    def keep(self, stored: StoredKey, private_key: PrivateKey) -> None:
        """Take a key that was made here."""
        self._stored[stored.uri] = stored
        self._unlocked.keep(stored.uri, private_key)
        self._public[stored.uri] = spki(private_key.public_key())

    async def reopen(self, uri: str) -> None:
        """Open a key again whose Secret was changed or came back, for the algorithms that it signed with."""
        for algorithm in tuple(self._used.get(uri, ())):
            await self.opened(uri, algorithm)

    def lose(self, uri: str) -> None:
        """Give up the key of a Secret that is gone."""
        self._stored.pop(uri, None)
        self._drop(uri)

    def forget(self, uri: str) -> None:
        """Know nothing of the key any more: it is read and opened as if it were new."""
        self.lose(uri)
        self._public.pop(uri, None)
        self._used.pop(uri, None)

    async def public_key(self, stored: StoredKey) -> bytes:
        """Public key of a Secret, DER; opened for it only where it can't be read beside the private one."""
        found = stored.public_key()
        if found is None:
            self.take(stored)
            found = spki((await self._unlocked.get(stored.uri)).public_key())
        return found

    def check_known(self, uri: str, public_key: bytes) -> None:
        """Raise PROVIDER_INTEGRITY if another key was in use under that URI."""
        if self._public.get(uri, public_key) != public_key:
            raise SignerdError(
                Reason.PROVIDER_INTEGRITY,
                f"{uri} holds another key than the one that was used; it is left alone",
            )

    def _unlock(self, uri: str) -> PrivateKey:
        stored = self._stored.get(uri)
        if stored is None:
            raise self._given_up(uri)
        return stored.unlock()

    def _check(self, uri: str, stored: StoredKey, public_key: bytes) -> None:
        """Refuse a key whose Secret was changed meanwhile, or is not the one that it was at first."""
        now = self._stored.get(uri)
        if now is None or now.data != stored.data:
            self._unlocked.drop(uri)
            raise self._given_up(uri)
        self.check_known(uri, public_key)
        self._public[uri] = public_key

    def _drop(self, uri: str) -> None:
        self._unlocked.drop(uri)
        for held in [held for held in self._signers if held[0] == uri]:
            del self._signers[held]

    def _given_up(self, uri: str) -> SignerdError:
        if uri in self._stored:
            return SignerdError(
                Reason.KEY_MATERIAL_UNREADABLE, f"{uri} was changed, its key is not in use", retry_after=1.0
            )
        return SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is gone, so its key is not used any more")
