"""The suite finds what is wrong with a provider: each fault makes the case fail that is about it."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from signerd.core.algorithms import DEFAULT, Algorithm, algorithm_named
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import generate
from signerd.core.signatures import signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Change, Health, Material, Order
from signerd.providers.memory import MemoryProvider

pytest_plugins = ["pytester"]

CASES = f"""
import pytest
from importlib import import_module
import sys
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject

@pytest.fixture(scope="class")
def subject():
    faulty = sys.modules[{__name__!r}]
    return Subject(
        type_name="faulty",
        open=lambda: faulty.UNDER_TEST[0](),
        unknown_uri="memory:nobody/1-x",
        survives=faulty.UNDER_TEST[0] is faulty.Forgetful,
        secrets=["hunter2"],
    )

class TestFaulty(ProviderConformance):
    pass
"""
OPTIONS = (
    *("-p", "no:cacheprovider"),
    *("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"),
)
UNDER_TEST: list[type[MemoryProvider]] = [MemoryProvider]


class Forgetful(MemoryProvider):
    """Says that its keys survive."""


class MakesTwice(MemoryProvider):
    async def create(self, order: Order) -> Material:
        try:
            return await super().create(order)
        except SignerdError:
            return await super().create(replace(order, version=order.version + 1))


class HidesWhatWasLost(MemoryProvider):
    async def held(self) -> list[Material]:
        return []


class NoTags(MemoryProvider):
    async def create(self, order: Order) -> Material:
        return replace(await super().create(order), tags={})


class OthersTags(MemoryProvider):
    async def held(self) -> list[Material]:
        return [replace(one, tags={**one.tags, "version": "7"}) for one in await super().held()]


class SignsWhenDisabled(MemoryProvider):
    async def change(self, uri: str, change: Change) -> None:
        if change is Change.DESTROY:
            await super().change(uri, change)


class SignsWhenDestroyed(MemoryProvider):
    async def change(self, uri: str, change: Change) -> None:
        if change is not Change.DESTROY:
            await super().change(uri, change)


class WrongKey(MemoryProvider):
    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        return signer(generate(algorithm), algorithm)(given)


class MakesWhatItDoesNotClaim(MemoryProvider):
    capabilities = Capabilities((DEFAULT,), imports=True, disable=True)


class RefusesWithoutWords(MemoryProvider):
    capabilities = Capabilities((DEFAULT,), imports=True, disable=True)

    async def create(self, order: Order) -> Material:
        if order.algorithm is not DEFAULT:
            raise SignerdError(Reason.ALGORITHM_UNSUPPORTED, "no")
        return await super().create(order)


class ClaimsTwice(MemoryProvider):
    capabilities = Capabilities((DEFAULT, DEFAULT, algorithm_named("ed25519")), destroy_delay=timedelta(1))


class VendorErrors(MemoryProvider):
    async def find(self, uri: str) -> list[Material]:
        return [self._keys[uri][1]]


class LogsSecrets(MemoryProvider):
    def health(self) -> Health:
        logging.getLogger("signerd.providers.faulty").debug("logged in with %s", "hunter2")
        return super().health()


class KeepsSecrets(MemoryProvider):
    def __init__(self) -> None:
        super().__init__()
        self.token = "hunter2"


class OneUri(MemoryProvider):
    async def create(self, order: Order) -> Material:
        return await super().create(replace(order, key=order.key.replace(".", "-")))


class MixesAnswers(MemoryProvider):
    last: ClassVar[list[bytes]] = []

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        self.last[:] = [await super().sign(uri, algorithm, given)]
        import asyncio

        await asyncio.sleep(0)
        return self.last[0]


FOUND_BY = [
    (Forgetful, "outlives_the_provider"),
    (MakesTwice, "tag_used_twice"),
    (HidesWhatWasLost, "lost_answer"),
    (NoTags, "told_as_it_was_ordered"),
    (OthersTags, "listed_with_its_tags"),
    (SignsWhenDisabled, "disabled_material"),
    (SignsWhenDestroyed, "destroyed_material"),
    (WrongKey, "signs_messages and p256"),
    (MakesWhatItDoesNotClaim, "signs_messages and ed25519"),
    (RefusesWithoutWords, "signs_messages and ed25519"),
    (ClaimsTwice, "capabilities"),
    (VendorErrors, "unknown_material"),
    (LogsSecrets, "health"),
    (KeepsSecrets, "health"),
    (OneUri, "look_alike"),
    (MixesAnswers, "many_at_once"),
]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signerd.testing.trials._ROUND_SECONDS", 0)


def run(pytester: pytest.Pytester, provider: type[MemoryProvider], cases: str) -> dict[str, int]:
    UNDER_TEST[0] = provider
    pytester.makepyfile(CASES)
    done = pytester.runpytest_inprocess(*OPTIONS, "-k", cases)
    return done.parseoutcomes()


@pytest.mark.parametrize(("provider", "case"), FOUND_BY, ids=[one.__name__ for one, _ in FOUND_BY])
def test_a_fault_is_found(pytester: pytest.Pytester, provider: type[MemoryProvider], case: str) -> None:
    outcomes = run(pytester, provider, case)
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0), outcomes


def test_a_good_provider_passes(pytester: pytest.Pytester) -> None:
    outcomes = run(pytester, MemoryProvider, " or ".join(case for _, case in FOUND_BY if " and " not in case))
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 0, outcomes
    assert outcomes["passed"] >= 12
