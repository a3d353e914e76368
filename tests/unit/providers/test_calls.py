"""The way out to a provider: limits, the one retry, the circuit breaker, and what is counted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers.breaker import Breaker
from signerd.providers.calls import Calls, Limits, foreign

UNAVAILABLE = SignerdError(Reason.PROVIDER_UNAVAILABLE, "sealed")


class Recorded:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.breakers: list[bool] = []

    def call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((provider, operation, outcome))

    def breaker(self, provider: str, is_open: bool) -> None:
        self.breakers.append(is_open)

    def integrity_failure(self, provider: str) -> None:
        raise AssertionError("nobody checks anything here")


class Subject:
    """Calls to a provider that gives `answers` one after the other, then 42."""

    def __init__(self, limits: Limits | None = None, *answers: BaseException) -> None:
        self.meter = Recorded()
        self.now = 0.0
        self.calls = Calls("p", limits or Limits(), self.meter, Breaker(3, 1.0, 4.0), lambda: self.now)
        self.answers = list(answers)
        self.asked = 0

    async def answer(self) -> int:
        self.asked += 1
        if self.answers:
            raise self.answers.pop(0)
        return 42

    async def run(self, operation: str = "sign") -> int:
        return await self.calls.run(operation, self.answer)

    async def failure(
        self, operation: str = "sign", call: Callable[[], Awaitable[object]] | None = None
    ) -> SignerdError:
        with pytest.raises(SignerdError) as caught:
            await self.calls.run(operation, call or self.answer)
        return caught.value


async def hang() -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signerd.providers.calls._RETRY_PAUSE", 0)


async def test_an_answer_is_handed_on_and_counted() -> None:
    subject = Subject()
    assert await subject.run("find") == 42
    assert subject.meter.calls == [("p", "find", "ok")]
    assert subject.calls.fault == ""


@pytest.mark.parametrize("operation", ["sign", "find", "held"])
async def test_what_makes_nothing_twice_is_tried_twice(operation: str) -> None:
    subject = Subject(None, UNAVAILABLE)
    assert await subject.run(operation) == 42
    assert subject.asked == 2
    assert subject.meter.calls == [("p", operation, "ok")]
    subject = Subject(None, UNAVAILABLE, UNAVAILABLE)
    assert (await subject.failure(operation)).message == "sealed"
    assert subject.asked == 2


@pytest.mark.parametrize("operation", ["create", "change"])
async def test_what_might_happen_twice_is_tried_once(operation: str) -> None:
    subject = Subject(None, UNAVAILABLE)
    assert (await subject.failure(operation)).reason is Reason.PROVIDER_UNAVAILABLE
    assert subject.asked == 1


@pytest.mark.parametrize(
    "error",
    [
        SignerdError(Reason.PROVIDER_UNAVAILABLE, "come back", retry_after=1.0),
        SignerdError(Reason.PROVIDER_TIMEOUT),
        SignerdError(Reason.PROVIDER_THROTTLED, retry_after=1.0),
        SignerdError(Reason.PROVIDER_DENIED),
        SignerdError(Reason.KEY_MATERIAL_DISABLED),
        SignerdError(Reason.KEY_MATERIAL_UNREADABLE),
    ],
    ids=lambda error: error.reason.name,
)
async def test_other_errors_are_told_at_once(error: SignerdError) -> None:
    subject = Subject(None, error)
    assert await subject.failure() is error
    assert subject.asked == 1
    assert subject.meter.calls == [("p", "sign", error.reason.name)]


async def test_time_limits_hold_for_both_tries_together() -> None:
    subject = Subject(Limits(call=0.02, create=0.03), UNAVAILABLE)
    tries: list[int] = []

    async def first_lost_then_slow() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise UNAVAILABLE
        await hang()

    error = await subject.failure("sign", first_lost_then_slow)
    assert error.reason is Reason.PROVIDER_TIMEOUT
    assert "0.02 s" in error.message
    assert len(tries) == 2
    for operation in ("create", "held"):
        assert "0.03 s" in (await subject.failure(operation, hang)).message


async def test_a_foreign_exception_is_told_by_class(caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("token s.hunter2 refused")
    subject = Subject(None, error, error)
    told = await subject.failure()
    assert told.reason is Reason.PROVIDER_UNAVAILABLE
    assert "RuntimeError" in told.message
    assert "hunter2" not in told.message + caplog.text
    assert foreign("p", TimeoutError()).reason is Reason.PROVIDER_TIMEOUT


async def test_no_more_calls_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signerd.providers.calls._LEAST_WAITING", 0)
    subject = Subject(Limits(concurrent=1))
    assert Limits(concurrent=1).waiting == 4
    gate = asyncio.Event()
    waiting = [asyncio.ensure_future(subject.calls.run("sign", gate.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    error = await subject.failure()
    assert error.reason is Reason.PROVIDER_THROTTLED
    assert error.retry_after
    assert subject.asked == 0
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 5
    assert await subject.run() == 42


async def test_a_turn_that_does_not_come_is_not_waited_for() -> None:
    subject = Subject(Limits(call=0.02, concurrent=1, create=5))
    gate = asyncio.Event()
    long = asyncio.ensure_future(subject.calls.run("create", gate.wait))
    await asyncio.sleep(0)
    error = await subject.failure()
    assert (error.reason, subject.asked) == (Reason.PROVIDER_THROTTLED, 0)
    gate.set()
    await long
    assert await subject.run() == 42


async def test_a_provider_that_does_not_answer_is_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    subject = Subject(None, *[UNAVAILABLE] * 4)
    caplog.set_level(logging.INFO)
    for _ in range(3):
        await subject.failure("change")
    assert subject.asked == 3
    error = await subject.failure("change")
    assert (error.reason, error.retry_after, subject.asked) == (Reason.PROVIDER_UNAVAILABLE, 1.0, 3)
    assert "does not answer" in subject.calls.fault
    subject.now = 1.0
    assert await subject.failure("change") is UNAVAILABLE
    assert subject.meter.breakers == [True]
    subject.now = 3.0
    assert await subject.run("change") == 42
    assert subject.meter.breakers == [True, False]
    assert subject.calls.fault == ""
    assert [record.getMessage() for record in caplog.records] == [
        "provider p does not answer",
        "provider p answers again",
    ]


async def test_what_a_retry_mends_opens_nothing() -> None:
    subject = Subject()
    for _ in range(10):
        subject.answers = [UNAVAILABLE]
        assert await subject.run() == 42
    assert subject.meter.breakers == []


async def test_refusals_are_answers() -> None:
    subject = Subject(None, *[SignerdError(Reason.PROVIDER_DENIED)] * 10)
    for _ in range(10):
        await subject.failure()
    assert subject.meter.breakers == []


async def test_a_caller_who_leaves_is_counted_as_such_and_gives_the_turn_back() -> None:
    subject = Subject(Limits(concurrent=1))
    for _ in range(5):
        task = asyncio.ensure_future(subject.calls.run("sign", hang))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert subject.meter.calls == [("p", "sign", "CANCELLED")] * 5
    assert await subject.run() == 42


async def test_a_probe_whose_caller_left_does_not_close_the_door() -> None:
    subject = Subject(None, *[UNAVAILABLE] * 3)
    for _ in range(3):
        await subject.failure("change")
    subject.now = 1.0
    probe = asyncio.ensure_future(subject.calls.run("change", hang))
    await asyncio.sleep(0)
    assert (await subject.failure()).retry_after
    probe.cancel()
    await asyncio.wait([probe])
    assert await subject.run() == 42
