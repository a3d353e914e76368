"""The guard: what a provider does wrong stops there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from unittest.mock import AsyncMock, patch

import pytest

from signerd.core.algorithms import DEFAULT, Algorithm, algorithm_named
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import generate
from signerd.core.public_keys import spki
from signerd.core.signatures import Sign, signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, PinnedVersion, VerifyAfterSign, pinned_version
from tests.unit.providers.guarded import BOTH, GIVEN, URI, FakeProvider, Subject, refusing, wrong


async def nothing(given: SigningInput) -> bytes:
    return b""


async def raising(given: SigningInput) -> bytes:
    raise RuntimeError("token s.hunter2 refused")


@BOTH
async def test_good_signatures_pass(in_process: bool) -> None:
    subject = Subject(in_process)
    for _ in range(3):
        subject.version.verify(GIVEN, await subject.guarded.sign(subject.version, GIVEN))
    assert subject.guarded.name == "p"
    assert subject.guarded.type == "fake"
    assert subject.guarded.health().detail == "fine"


@BOTH
@pytest.mark.parametrize("answer", [wrong, nothing])
async def test_a_wrong_signature_is_not_released(
    in_process: bool, answer: Callable[[SigningInput], Awaitable[bytes]]
) -> None:
    subject = Subject(in_process)
    subject.provider.signatures = answer
    for count in (1, 2):
        error = await subject.failure()
        assert error.reason is Reason.PROVIDER_INTEGRITY
        assert subject.violations == ["p"] * count


async def test_every_signature_from_outside_is_verified() -> None:
    subject = Subject(in_process=False)
    for _ in range(3):
        await subject.guarded.sign(subject.version, GIVEN)
    subject.provider.signatures = wrong
    assert (await subject.failure()).reason is Reason.PROVIDER_INTEGRITY


@pytest.mark.parametrize(("mode", "expected"), [(VerifyAfterSign.SAMPLED, 3), (VerifyAfterSign.ALWAYS, 513)])
async def test_signatures_of_in_process_keys_are_verified_by_sample_or_all(
    mode: VerifyAfterSign, expected: int
) -> None:
    subject = Subject(True, mode)
    signature = await subject.guarded.sign(subject.version, GIVEN)
    verified = []
    version = PinnedVersion("fake:k/2", DEFAULT, lambda given, signature: verified.append(signature))

    async def same(given: SigningInput) -> bytes:
        return signature

    subject.provider.signatures = same
    for _ in range(513):
        await subject.guarded.sign(version, GIVEN)
    assert len(verified) == expected


async def test_an_empty_signature_is_caught_between_samples() -> None:
    subject = Subject(in_process=True)
    await subject.guarded.sign(subject.version, GIVEN)
    subject.provider.signatures = nothing
    assert (await subject.failure()).reason is Reason.PROVIDER_INTEGRITY


@BOTH
async def test_foreign_exceptions_are_told_by_class_only(
    in_process: bool, caplog: pytest.LogCaptureFixture
) -> None:
    subject = Subject(in_process)
    subject.provider.signatures = raising
    with caplog.at_level(logging.DEBUG):
        error = await subject.failure()
    assert error.reason is Reason.PROVIDER_UNAVAILABLE
    assert "RuntimeError" in error.message
    assert "RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text + repr(error)
    assert error.__suppress_context__


@BOTH
async def test_errors_of_our_own_pass_unchanged(in_process: bool) -> None:
    subject = Subject(in_process)
    subject.provider.signatures = refusing
    error = await subject.failure()
    assert (error.reason, error.message, error.retry_after) == (Reason.PROVIDER_UNAVAILABLE, "sealed", 1.0)
    assert not subject.violations


async def test_a_provider_that_hangs_is_given_up() -> None:
    subject = Subject(in_process=False, limits=Limits(call=0.01))
    subject.provider.signatures = lambda given: asyncio.Event().wait()  # type: ignore[assignment,return-value]
    assert (await subject.failure()).reason is Reason.PROVIDER_TIMEOUT


async def test_only_so_many_calls_go_out_at_once() -> None:
    subject = Subject(in_process=False, limits=Limits(concurrent=3))
    signature = await subject.guarded.sign(subject.version, GIVEN)
    under_way, most = 0, 0

    async def slow(given: SigningInput) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return signature

    subject.provider.signatures = slow
    await asyncio.gather(*(subject.guarded.sign(subject.version, GIVEN) for _ in range(20)))
    assert most == 3


async def test_a_caller_who_leaves_is_not_an_error_of_the_provider() -> None:
    subject = Subject(in_process=False)
    subject.provider.signatures = lambda given: asyncio.Event().wait()  # type: ignore[assignment,return-value]
    task = asyncio.create_task(subject.guarded.sign(subject.version, GIVEN))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_provider_without_names_or_quota_is_asked_for_neither() -> None:
    subject = Subject(in_process=False)
    assert not subject.guarded.follows
    assert await subject.guarded.promote(URI, "k", "i") is False
    subject.guarded.share(3)


class Named(FakeProvider):
    """Has names that follow, and a quota to share."""

    def __init__(self) -> None:
        super().__init__()
        self.told_of: list[object] = []

    async def promote(self, uri: str, key: str, instance: str) -> bool:
        self.told_of.append((uri, key, instance))
        await asyncio.sleep(0 if key == "k" else 10)
        return True

    def share(self, workers: int) -> None:
        self.told_of.append(workers)


async def test_names_and_shares_reach_the_provider_within_its_limits() -> None:
    provider = Named()
    guarded = Guarded("p", "fake", provider, limits=Limits(call=0.05))
    assert guarded.follows
    assert await guarded.promote(URI, "k", "i")
    guarded.share(3)
    assert provider.told_of == [(URI, "k", "i"), 3]
    with pytest.raises(SignerdError) as caught:
        await guarded.promote(URI, "slow", "i")
    assert caught.value.reason is Reason.PROVIDER_TIMEOUT


async def test_health_tells_of_a_provider_that_does_not_answer() -> None:
    subject = Subject(in_process=False)
    subject.provider.signatures = raising
    for _ in range(5):
        await subject.failure()
    health = subject.guarded.health()
    assert not health.healthy
    assert health.detail == "it does not answer, and gets one call now and then; fine"


async def test_keys_in_this_process_sign_whatever_has_become_of_where_they_came_from() -> None:
    subject = Subject(in_process=True, limits=Limits(call=0.01))
    subject.provider.find = lambda uri: asyncio.Event().wait()  # type: ignore[assignment,method-assign,return-value]
    for _ in range(6):
        assert (await subject.failure(subject.guarded.find(URI))).reason in (
            Reason.PROVIDER_TIMEOUT,
            Reason.PROVIDER_UNAVAILABLE,
        )
    assert not subject.guarded.health().healthy
    subject.version.verify(GIVEN, await subject.guarded.sign(subject.version, GIVEN))


@BOTH
@pytest.mark.parametrize("answer", [None, "text", 7])
async def test_what_is_no_bytes_is_no_signature(in_process: bool, answer: object) -> None:
    subject = Subject(in_process)

    async def odd(given: SigningInput) -> bytes:
        return answer  # type: ignore[return-value]

    subject.provider.signatures = odd
    assert (await subject.failure()).reason is Reason.PROVIDER_INTEGRITY
    assert subject.violations == ["p"]


async def test_the_public_key_is_compared_with_the_pinned_one() -> None:
    subject = Subject(in_process=False)
    pinned = spki(subject.provider.key.public_key())
    await subject.guarded.compare_public_key(URI, pinned)
    subject.provider.told = spki(generate(DEFAULT).public_key())
    error = await subject.failure(subject.guarded.compare_public_key(URI, pinned))
    assert error.reason is Reason.PROVIDER_INTEGRITY


@pytest.mark.parametrize("enabled", [False, True])
async def test_disabled_material_may_come_without_its_public_key(enabled: bool) -> None:
    subject = Subject(in_process=False)
    pinned = spki(subject.provider.key.public_key())
    found = await subject.provider.find(URI)
    untold = [replace(one, public_key=b"", enabled=enabled) for one in found]
    with patch.object(subject.provider, "find", AsyncMock(return_value=untold)):
        if not enabled:
            assert await subject.guarded.compare_public_key(URI, pinned) == untold[0]
            return
        error = await subject.failure(subject.guarded.compare_public_key(URI, pinned))
        assert error.reason is Reason.PROVIDER_INTEGRITY


async def test_the_rest_goes_through() -> None:
    subject = Subject(in_process=False)
    assert [one.uri for one in await subject.guarded.held()] == [URI]
    await subject.guarded.change(URI, Change.DESTROY)
    assert [one.uri for one in await subject.guarded.find(URI)] == [URI]


def test_a_public_key_of_another_algorithm_is_not_pinned() -> None:
    with pytest.raises(SignerdError) as caught:
        pinned_version(URI, DEFAULT, spki(generate(algorithm_named("ed25519")).public_key()))
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


class InlineProvider(FakeProvider):
    """Has its key open, until it is told to forget it."""

    def __init__(self) -> None:
        super().__init__(in_process=True)
        self.forgotten: list[str] = []

    def signer(self, uri: str, algorithm: Algorithm) -> Sign | None:
        return signer(self.key, algorithm)

    def forget(self, uri: str) -> None:
        self.forgotten.append(uri)


async def test_a_key_that_is_not_the_pinned_one_is_opened_anew_once_it_was_found_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = InlineProvider()
    right, provider.key = provider.key, generate(DEFAULT)
    guarded = Guarded("p", "fake", provider)
    version = pinned_version(URI, DEFAULT, spki(right.public_key()))
    sign = guarded.signer(version)
    assert sign is not None
    with pytest.raises(SignerdError) as caught:
        sign(GIVEN)
    assert caught.value.reason is Reason.PROVIDER_INTEGRITY
    assert provider.forgotten == [URI]
    assert "does not verify" in caplog.text

    provider.key = right
    again = guarded.signer(version)
    assert again is not None
    version.verify(GIVEN, again(GIVEN))
