from datetime import UTC, datetime

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.keys import (
    Key,
    KeyVersion,
    Purpose,
    State,
    check_callable,
    check_signs,
    check_verifies,
)
from signerd.errors import Reason, SignerdError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def version(number: int, state: State = State.ACTIVE) -> KeyVersion:
    return KeyVersion("k", number, state, f"memory:k/{number}-t", b"spki", NOW)


def key(*versions: KeyVersion, primary: int = 1, purpose: Purpose = Purpose.ARTIFACT) -> Key:
    return Key("k", DEFAULT, purpose, "local", primary, versions, NOW, "unix:0")


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1), (0, 1), (-1,)])
def test_versions_rise_from_one(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not rising"):
        key(*map(version, numbers), primary=numbers[-1])


def test_the_primary_is_one_of_the_versions() -> None:
    with pytest.raises(ValueError, match="primary"):
        key(version(1), primary=2)
    with pytest.raises(ValueError, match="primary"):
        key()


def test_zero_is_the_primary() -> None:
    some = key(version(1, State.VERIFY_ONLY), version(9), version(11), primary=9)
    assert some.version(0).number == 9
    assert some.version(11).number == 11


@pytest.mark.parametrize(
    ("number", "reason"),
    [(-1, Reason.VERSION_INVALID), (2, Reason.VERSION_NOT_FOUND), (2**62, Reason.VERSION_NOT_FOUND)],
)
def test_versions_that_are_not_there(number: int, reason: Reason) -> None:
    with pytest.raises(SignerdError) as caught:
        key(version(1)).version(number)
    assert caught.value.reason is reason


def test_verifying_versions_come_primary_first_then_newest() -> None:
    some = key(
        version(1, State.VERIFY_ONLY),
        version(2, State.COMPROMISED),
        version(3),
        version(10, State.ACTIVE),
        version(11, State.PENDING),
        primary=3,
    )
    assert [one.number for one in some.verifying()] == [3, 10, 1]


@pytest.mark.parametrize("state", State)
def test_what_states_allow(state: State) -> None:
    may_sign = state is State.ACTIVE
    may_verify = state in (State.ACTIVE, State.VERIFY_ONLY)
    for check, allowed in ((check_signs, may_sign), (check_verifies, may_verify)):
        if allowed:
            check(version(1, state))
            continue
        with pytest.raises(SignerdError, match=state.value) as caught:
            check(version(1, state))
        assert caught.value.reason is Reason.VERSION_STATE


@pytest.mark.parametrize("purpose", Purpose)
def test_keys_of_the_daemon_are_out_of_reach(purpose: Purpose) -> None:
    if purpose in (Purpose.ARTIFACT, Purpose.JWT):
        check_callable(key(version(1), purpose=purpose))
        return
    with pytest.raises(SignerdError) as caught:
        check_callable(key(version(1), purpose=purpose))
    assert caught.value.reason is Reason.KEY_PURPOSE


def test_versions_are_named_as_resources() -> None:
    assert version(3).name == "keys/k/versions/3"
