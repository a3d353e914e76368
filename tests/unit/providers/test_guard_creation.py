"""New material proves itself before it is a key, and what fails to is destroyed."""

import asyncio

import pytest

from signerd.core.algorithms import DEFAULT, algorithm_named
from signerd.core.inputs import SigningInput
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import spki
from signerd.core.signatures import signer
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.calls import Limits
from tests.unit.providers.guarded import BOTH, URI, Subject, refusing, wrong


@BOTH
async def test_new_material_proves_itself(in_process: bool) -> None:
    subject = Subject(in_process)
    material = await subject.guarded.create(Order("k", 1, DEFAULT, "t"))
    assert material.uri == URI
    assert subject.provider.calls == 1
    assert subject.provider.destroyed == []


@BOTH
@pytest.mark.parametrize("fault", ["other algorithm", "no key", "signs wrongly", "not the imported one"])
async def test_new_material_that_is_not_as_ordered_is_refused(in_process: bool, fault: str) -> None:
    subject = Subject(in_process)
    order = Order("k", 1, DEFAULT, "t")
    if fault == "other algorithm":
        subject.provider.told = spki(generate(algorithm_named("ed25519")).public_key())
    elif fault == "no key":
        subject.provider.told = b"junk"
    elif fault == "signs wrongly":
        subject.provider.signatures = wrong
    else:
        order = Order("k", 1, DEFAULT, "t", to_pkcs8(generate(DEFAULT)))
    error = await subject.failure(subject.guarded.create(order))
    assert error.reason is Reason.PROVIDER_INTEGRITY
    assert subject.violations == ["p"]
    assert subject.provider.destroyed == [URI]


@BOTH
async def test_new_material_that_does_not_sign_is_destroyed(in_process: bool) -> None:
    subject = Subject(in_process)
    subject.provider.signatures = refusing
    error = await subject.failure(subject.guarded.create(Order("k", 1, DEFAULT, "t")))
    assert (error.reason, error.message) == (Reason.PROVIDER_UNAVAILABLE, "sealed")
    assert subject.provider.destroyed == [URI]


def throttled(times: int, subject: Subject, retry_after: float | None = 0.001) -> None:
    """Have the provider refuse so many signatures as too many."""

    async def sign(given: SigningInput) -> bytes:
        if subject.provider.calls <= times:
            raise SignerdError(Reason.PROVIDER_THROTTLED, "slow down", retry_after=retry_after)
        return signer(subject.provider.key, DEFAULT)(given)

    subject.provider.signatures = sign


async def test_a_throttled_first_signature_is_waited_for() -> None:
    subject = Subject(in_process=False)
    throttled(5, subject)
    assert (await subject.guarded.create(Order("k", 1, DEFAULT, "t"))).uri == URI
    assert subject.provider.calls == 6
    assert subject.provider.destroyed == []


@pytest.mark.parametrize("retry_after", [None, 60.0])
async def test_new_material_is_kept_when_its_first_signature_stays_throttled(
    retry_after: float | None,
) -> None:
    subject = Subject(in_process=False, limits=Limits(call=0.5, create=0.5))
    throttled(1000, subject, retry_after)
    error = await subject.failure(subject.guarded.create(Order("k", 1, DEFAULT, "t")))
    assert error.reason is Reason.PROVIDER_THROTTLED
    assert subject.provider.calls == 1
    assert subject.provider.destroyed == []


async def test_a_provider_in_this_process_leaves_nothing_that_did_not_sign() -> None:
    subject = Subject(in_process=True)
    throttled(1000, subject, 60.0)
    await subject.failure(subject.guarded.create(Order("k", 1, DEFAULT, "t")))
    assert subject.provider.destroyed == [URI]


@BOTH
async def test_material_that_can_not_be_destroyed_is_logged_and_hides_no_error(
    in_process: bool, caplog: pytest.LogCaptureFixture
) -> None:
    subject = Subject(in_process)
    subject.provider.told = b"junk"
    subject.provider.clings = True
    error = await subject.failure(subject.guarded.create(Order("k", 1, DEFAULT, "t")))
    assert error.reason is Reason.PROVIDER_INTEGRITY
    assert "unusable" in error.message
    assert f"{URI} is left behind" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_caller_who_leaves_while_a_key_proves_itself_leaves_no_key() -> None:
    subject = Subject(in_process=False)
    signing = asyncio.Event()

    async def hang(given: SigningInput) -> bytes:
        signing.set()
        await asyncio.Event().wait()
        return b""

    subject.provider.signatures = hang
    task = asyncio.create_task(subject.guarded.create(Order("k", 1, DEFAULT, "t")))
    await signing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert subject.provider.destroyed == [URI]
