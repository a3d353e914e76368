import re

import pytest

from signerd.codes import Code
from signerd.errors import FAILURES, Reason, SignerdError


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_can_stand_in_error_info(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9_]{0,61}[A-Z0-9]", reason.name)
    assert reason.value.meaning.endswith(".")
    assert reason.value.remedy.endswith(".")


def test_no_two_reasons_are_the_same() -> None:
    """Members of an Enum with equal values would become aliases of each other."""
    assert len(Reason.__members__) == len(list(Reason))


def test_the_message_is_the_meaning_unless_there_is_a_better_one() -> None:
    assert SignerdError(Reason.KEY_NOT_FOUND).message == Reason.KEY_NOT_FOUND.value.meaning
    assert str(SignerdError(Reason.KEY_NOT_FOUND, "no key x")) == "no key x"


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_refusals_and_failures_are_told_apart(reason: Reason) -> None:
    assert SignerdError(reason).refused is (reason.value.code not in FAILURES)


def test_what_helps_later_is_a_failure() -> None:
    assert not SignerdError(Reason.PROVIDER_TIMEOUT).refused
    assert SignerdError(Reason.SIGNATURE_MISMATCH).refused
    assert SignerdError(Reason.PROVIDER_INTEGRITY).code is Code.DATA_LOSS
