"""Keys in AWS KMS: a version is one KMS key, an alias follows the primary. boto3 runs in threads of this provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TypeVar

from signerd.config_providers import AwsKmsProvider as Settings
from signerd.connections.aws import Access, AccessKeys, KmsConnection, Limits, check_profile
from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import from_pkcs8
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.aliases import KmsAliases
from signerd.providers.aws_kms.calls import DELETION_DAYS, KmsCalls
from signerd.providers.aws_kms.keys import KmsKeys
from signerd.providers.aws_kms.quota import TokenBucket
from signerd.providers.aws_kms.table import ALGORITHMS, QUOTAS, Row, row_of
from signerd.providers.aws_kms.uris import is_alias, parse_uri
from signerd.providers.base import Capabilities, Change, Health, Material, Order, Setup
from signerd.providers.failures import unsupported
from signerd.providers.lookups import each

MOST_THREADS = 256
_LOOKED_AT_ONCE = 16
"""Keys looked at at the same time when all are listed: signatures go first."""
_ATTEMPTS = 2
_KEY_ID, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"

_A = TypeVar("_A")
_T = TypeVar("_T")


class AwsKmsProvider:
    """Provider of KMS keys in one region."""

    in_process = False

    def __init__(
        self,
        keys: KmsKeys,
        calls: KmsCalls,
        region: str,
        threads: int,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capabilities = Capabilities(
            ALGORITHMS, imports=True, disable=True, destroy_delay=timedelta(days=DELETION_DAYS)
        )
        self._keys = keys
        self._calls = calls
        self._region = region
        self._quotas = {quota: TokenBucket(rate, clock()) for quota in QUOTAS}
        self._rate = rate
        self._clock = clock
        self._orders: dict[str, asyncio.Task[Material]] = {}
        self._left: set[str] = set()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws-kms")

    def health(self) -> Health:
        """Say how many keys are known, and what went wrong with the latest call if it concerns all keys."""
        known, trouble = f"{self._region}, {len(self._keys)} keys known", self._calls.trouble
        return Health(not trouble, f"{known}; {trouble}" if trouble else known)

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign; raises PROVIDER_THROTTLED at once when the quota is used up."""
        key_id, row = parse_uri(uri, self._region), row_of(algorithm)
        wait = self._quotas[row.quota].take(self._clock())
        if wait:
            raise SignerdError(
                Reason.PROVIDER_THROTTLED,
                f"the {row.quota} signatures per second at AWS KMS are used up (signatures_per_second)",
                retry_after=wait,
            )
        return await self._in_thread(partial(self._keys.sign, key_id, row, given))

    def share(self, workers: int) -> None:
        """Use that part of the account's quota from now on."""
        now = self._clock()
        for bucket in self._quotas.values():
            bucket.set_rate(self._rate / workers, now)

    async def create(self, order: Order) -> Material:
        """Make or take in a key; raises KEY_EXISTS for a tag that a key in the account has.

        Given up by the caller, it is still finished once CreateKey was sent, which can't be called back.
        """
        row = self._allowed(order)
        while running := self._orders.get(order.tag):
            await asyncio.wait([running])
            if not running.cancelled() and running.exception() is None:
                raise _exists(order)
        task = self._orders[order.tag] = asyncio.ensure_future(self._make(order, row))
        task.add_done_callback(partial(self._finished, order.tag))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                self._left.add(order.tag)
            raise

    def _allowed(self, order: Order) -> Row:
        row, able = row_of(order.algorithm), self.capabilities
        if order.algorithm not in able.algorithms:
            raise unsupported(order.algorithm, "this provider makes no such keys", able.algorithms)
        if order.private_key is not None and not (able.imports and row.imports):
            raise unsupported(order.algorithm, "AWS KMS takes in no such private keys", _importable(able))
        return row

    def _finished(self, tag: str, task: asyncio.Task[Material]) -> None:
        del self._orders[tag]
        self._left.discard(tag)
        if not task.cancelled():
            task.exception()  # read, since the one who ordered may be gone

    async def _make(self, order: Order, row: Row) -> Material:
        if order.private_key is not None:
            await self._in_thread(partial(from_pkcs8, order.private_key, order.algorithm))
        # CreateKey knows no request token: only a look at all keys tells whether an answer was lost.
        tags = await self._each(self._keys.tags, await self._in_thread(self._keys.arns))
        if any(found.get("tag") == order.tag for found in tags):
            raise _exists(order)
        if order.tag in self._left:  # what is made now might be found by nobody
            raise SignerdError(Reason.PROVIDER_TIMEOUT, "the caller left before the key was made")
        return await self._in_thread(partial(self._keys.make, order, row))

    async def find(self, uri: str) -> list[Material]:
        """The key as KMS tells it now; an alias gives the key that it points to."""
        return [await self._in_thread(partial(self._keys.material, parse_uri(uri, self._region)))]

    async def held(self) -> list[Material]:
        """All signing keys of the account in the region, without those that wait for their deletion."""
        found = await self._each(self._keys.seen, await self._in_thread(self._keys.arns))
        return [material for material in found if material is not None]

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable, or schedule the deletion after 7 days; raises KEY_URI_INVALID for an alias."""
        key_id = parse_uri(uri, self._region)
        if is_alias(key_id):
            raise SignerdError(
                Reason.KEY_URI_INVALID,
                f"{uri[:256]!r} is an alias and may mean another key by now; name the key itself",
                field="uri",
            )
        await self._in_thread(partial(self._keys.change, key_id, change))

    async def promote(self, uri: str, key: str, instance: str) -> bool:
        """Let the alias of a key of signerd point to this version; raises PROVIDER_REFUSED if it is another's."""
        key_id = parse_uri(uri, self._region)
        return await self._in_thread(partial(self._keys.point_alias, key_id, key, instance))

    async def close(self) -> None:
        """Let go of threads and connections; what is under way ends by its time limit."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._calls.close()

    async def _each(self, look: Callable[[_A], _T], arguments: Sequence[_A]) -> list[_T]:
        return await each(lambda one: self._in_thread(partial(look, one)), arguments, _LOOKED_AT_ONCE)

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


def _importable(able: Capabilities) -> tuple[Algorithm, ...]:
    return tuple(one for one in able.algorithms if able.imports and row_of(one).imports)


def _exists(order: Order) -> SignerdError:
    return SignerdError(Reason.KEY_EXISTS, f"a key with the tag {order.tag!r} is at AWS KMS already")


def _access_keys(secrets: Mapping[str, Callable[[], bytes]]) -> AccessKeys | None:
    """The access key from the environment; raises CONFIG_INVALID for half of one."""
    given = {name: secrets[name]().decode() for name in (_KEY_ID, _SECRET, _TOKEN) if name in secrets}
    if not given:
        return None
    for name in (_KEY_ID, _SECRET):
        if name not in given:
            raise SignerdError(
                Reason.CONFIG_INVALID, f"${name} is not set, and {', '.join(given)} is; set both or none"
            )
    return AccessKeys(given[_KEY_ID], given[_SECRET], given.get(_TOKEN))


def build(setup: Setup) -> AwsKmsProvider:
    """Build the provider; it connects on first use. Raises CONFIG_INVALID for an unknown profile or half a key."""
    section: Settings = setup.section
    check_profile(section.profile)
    keys = None if section.profile else _access_keys(setup.secrets)
    access = Access(section.region, section.endpoint, section.profile, keys)
    threads = min(section.concurrent, MOST_THREADS)
    # Half the limit for each attempt, so that a lost one leaves time for another.
    repeated = KmsConnection(access, Limits(section.call / _ATTEMPTS, _ATTEMPTS, threads))
    once = KmsConnection(access, Limits(section.create, 1, _LOOKED_AT_ONCE))
    secrets = () if keys is None else tuple(filter(None, (keys.secret, keys.token)))
    calls = KmsCalls(setup.name, repeated, once, secrets)
    provider = AwsKmsProvider(
        KmsKeys(calls, KmsAliases(calls, section.alias_prefix), section.region),
        calls,
        section.region,
        threads,
        section.signatures_per_second,
    )
    # The smallest share, until the supervisor tells how many workers live.
    provider.share(setup.workers)
    return provider
