"""The pytest plugin tells how many cases ran for whom, and costs nothing where it is not used."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
CASES = """
import pytest
from signerd.testing.plugin import PROPERTY

@pytest.fixture(params=["kms", "hsm"])
def case(request, record_property):
    record_property(PROPERTY, request.param)
    return request.param

def test_fine(case):
    pass

def test_hsm_only(case):
    assert case == "hsm"

def test_not_here(case):
    pytest.skip("no server")

def test_something_else():
    pass
"""


def test_cases_are_counted_by_provider_and_outcome(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CASES)
    result = pytester.runpytest_inprocess(*QUIET)
    result.stdout.fnmatch_lines(
        [
            "*conformance of providers*",
            "hsm: 3 cases, 2 passed, 1 skipped",
            "kms: 3 cases, 1 failed, 1 passed, 1 skipped",
        ]
    )


def test_nothing_is_told_where_no_provider_was_on_trial(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess(*QUIET)
    result.stdout.no_fnmatch_line("*conformance*")


def test_loading_it_loads_little() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import signerd.testing.plugin; "
        "print(*sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["signerd", "signerd.testing", "signerd.testing.plugin"]
