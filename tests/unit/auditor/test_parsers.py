"""No parser crashes, and each would write what it takes byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.errors import Reason, SignerdError
from tests.support.mutants import mutants
from tests.unit.auditor.examples import EXAMPLES


def is_taken(name: str, data: bytes) -> bool:
    """Whether the parser takes it; then it must be what the parser would write."""
    try:
        written = EXAMPLES[name][0](data)
    except SignerdError as error:
        refused = error
    else:
        assert written == data
        return True
    assert refused.reason is Reason.AUDIT_FORMAT_INVALID
    assert refused.field
    return False


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_taken(name: str) -> None:
    for data in EXAMPLES[name][1]:
        assert is_taken(name, data), data


def check_fuzzed(name: str, count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(data=st.one_of(mutants(EXAMPLES[name][1]), st.binary(max_size=300)))
    def check(data: bytes) -> None:
        is_taken(name, data)

    check()


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_taken_is_strict(name: str) -> None:
    check_fuzzed(name, 300)


@pytest.mark.soak
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_taken_is_strict_at_length(name: str) -> None:
    check_fuzzed(name, 30_000)
