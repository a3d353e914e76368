"""The circuit breaker, told the time."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from signerd.providers.breaker import Breaker, State

FAILURES, PAUSE, LONGEST, PATIENCE = 3, 1.0, 4.0, 5.0


def breaker() -> Breaker:
    return Breaker(FAILURES, PAUSE, LONGEST, PATIENCE)


def state(one: Breaker) -> State:
    return one.state


def fail(one: Breaker, now: float, times: int = FAILURES) -> None:
    for _ in range(times):
        call = one.admit(now)
        assert call is not None
        one.failed(call, now)


def test_it_opens_after_failures_in_a_row_only() -> None:
    one = breaker()
    fail(one, 0.0, FAILURES - 1)
    call = one.admit(0.0)
    assert call is not None
    one.succeeded(call)
    fail(one, 0.0, FAILURES - 1)
    assert state(one) is State.CLOSED
    fail(one, 0.0, 1)
    assert state(one) is State.OPEN
    assert one.admit(0.999) is None
    assert one.wait(0.25) == 0.75


def test_one_probe_goes_out_after_the_pause_and_closes_it() -> None:
    one = breaker()
    fail(one, 0.0)
    probe = one.admit(1.0)
    assert probe is not None
    assert state(one) is State.HALF_OPEN
    assert one.admit(1.0) is None
    assert one.wait(1.0) == PAUSE
    one.succeeded(probe)
    assert state(one) is State.CLOSED
    assert one.wait(1.0) == 0
    fail(one, 1.0, FAILURES - 1)
    assert state(one) is State.CLOSED


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    one, now, pauses = breaker(), 0.0, []
    fail(one, now)
    for _ in range(5):
        pauses.append(one.wait(now))
        now += pauses[-1]
        fail(one, now, 1)
    assert pauses == [1, 2, 4, 4, 4]
    probe = one.admit(now + LONGEST)
    assert probe is not None
    one.succeeded(probe)
    fail(one, now + LONGEST)
    assert one.wait(now + LONGEST) == PAUSE


def test_what_went_out_before_says_nothing_about_now() -> None:
    one = breaker()
    late = one.admit(0.0)
    assert late is not None
    fail(one, 0.0)
    one.succeeded(late)
    assert state(one) is State.OPEN
    probe = one.admit(1.0)
    one.succeeded(late)
    one.failed(late, 1.0)
    assert state(one) is State.HALF_OPEN
    assert probe is not None
    one.succeeded(probe)
    one.failed(probe, 1.0)
    one.failed(late, 1.0)
    one.failed(late, 1.0)
    assert state(one) is State.CLOSED


def test_a_probe_whose_caller_left_makes_room_for_another() -> None:
    one = breaker()
    fail(one, 0.0)
    probe = one.admit(1.0)
    assert probe is not None
    one.abandoned(probe, 1.0)
    assert state(one) is State.OPEN
    assert one.admit(1.0) is not None


def test_a_probe_that_takes_long_holds_up_nobody_for_long() -> None:
    one = breaker()
    fail(one, 0.0)
    making = one.admit(1.0)
    assert making is not None
    assert one.admit(1.0 + PATIENCE - 0.1) is None
    quick = one.admit(1.0 + PATIENCE)
    assert quick is not None
    assert one.admit(1.0 + PATIENCE) is None
    one.succeeded(quick)
    assert state(one) is State.CLOSED
    one.failed(making, 60.0)
    assert state(one) is State.CLOSED


def test_answers_that_always_take_long_close_it_all_the_same() -> None:
    one = breaker()
    fail(one, 0.0)
    slow = one.admit(1.0)
    assert slow is not None
    assert one.admit(1.0 + PATIENCE) is not None
    one.succeeded(slow)
    assert state(one) is State.CLOSED


def test_callers_who_leave_open_nothing() -> None:
    one = breaker()
    for _ in range(FAILURES + 1):
        call = one.admit(0.0)
        assert call is not None
        one.abandoned(call, 0.0)
    assert state(one) is State.CLOSED


class Traffic(RuleBasedStateMachine):
    """Calls that go out and end in any order, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = breaker()
        self.now = 0.0
        self.under_way: list[int] = []
        self.opened_at: float | None = None
        self.probed_at = 0.0

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def call(self) -> None:
        before = self.breaker.state
        number = self.breaker.admit(self.now)
        if before is State.CLOSED:
            assert number is not None
        elif before is State.HALF_OPEN:
            assert (number is None) == (self.now < self.probed_at + PATIENCE)
        if number is not None:
            self.probed_at = self.now
            self.under_way.append(number)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0), outcome=st.sampled_from(["succeeded", "failed", "failed", "abandoned"]))
    def end(self, which: int, outcome: str) -> None:
        before = self.breaker.state
        number = self.under_way.pop(which % len(self.under_way))
        if outcome == "succeeded":
            self.breaker.succeeded(number)
        else:
            getattr(self.breaker, outcome)(number, self.now)
        if before is State.OPEN:
            assert self.breaker.state is State.OPEN
        if outcome == "succeeded" and before is State.CLOSED:
            assert self.breaker.state is State.CLOSED

    @invariant()
    def probes_are_awaited(self) -> None:
        if self.breaker.state is State.HALF_OPEN:
            assert self.under_way

    @invariant()
    def nobody_waits_longer_than_the_longest_pause(self) -> None:
        assert 0 <= self.breaker.wait(self.now) <= LONGEST

    def teardown(self) -> None:
        """It closes again as soon as calls succeed."""
        for number in self.under_way:
            self.breaker.succeeded(number)
        self.now += PATIENCE
        probe = self.breaker.admit(self.now)
        assert probe is not None
        self.breaker.succeeded(probe)
        assert self.breaker.state is State.CLOSED


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
