"""Witness policies: their grammar, and when a quorum is reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.auditor.policies import Policy, parse_policy
from signerd.errors import Reason, SignerdError
from tests.support.tlogs import Signer

KEYS = {
    name: Signer(f"{name}.example", 4, seed).vkey
    for seed, name in enumerate(("x1", "x2", "x3", "y1", "y2"), 1)
}
LOG = Signer("log.example", 1, 77).vkey
WITNESSES = "".join(f"witness {name} {key}\n" for name, key in KEYS.items())
# The example of c2sp.org/tlog-policy.
SPEC = (
    f"log {LOG}\n\n{WITNESSES}group X-witnesses 2 x1 x2 x3\n"
    "group Y-witnesses any y1 y2\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)


def parsed(text: str) -> Policy:
    return parse_policy(text.encode())


def test_the_example_of_the_specification() -> None:
    policy = parsed(SPEC)
    assert policy.quorum == "X-and-Y"
    assert [key.name for key in policy.logs] == ["log.example"]
    assert policy.reached({"x1": 5, "x3": 7, "y2": 6}) == 5
    assert policy.reached({"x1": 5, "x2": 9, "x3": 7, "y1": 8, "y2": 6}) == 7
    assert policy.reached({"x1": 5, "y1": 5, "y2": 5}) is None
    assert policy.reached({"x1": 5, "x2": 5, "x3": 5}) is None


def test_a_single_witness_and_none() -> None:
    assert parsed(f"{WITNESSES}quorum x2\n").reached({"x2": 3, "x1": 9}) == 3
    assert parsed("quorum none\n").reached({}) is None


@given(times=st.dictionaries(st.sampled_from(list(KEYS)), st.integers(0, 9)))
def test_later_cosignatures_never_make_a_quorum_older(times: dict[str, int]) -> None:
    policy = parsed(SPEC)
    before, later = policy.reached(times), policy.reached({name: time + 1 for name, time in times.items()})
    assert (before is None) == (later is None)
    assert before is None or later == before + 1


def test_blanks_comments_and_urls() -> None:
    policy = parsed(f" # comment\n\t\nlog\t{LOG}   https://log.example/\n  quorum \t none \t\n")
    assert (len(policy.logs), policy.quorum) == (1, "none")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none",
        "quorum none\r\n",
        "quorum none\nquorum none\n",
        "quorum\n",
        "quorum none none\n",
        "quorum x1\n",
        f"quorum x1\n{WITNESSES}",
        "Quorum none\n",
        f"log {LOG}\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {KEYS['x1']}\nquorum none\n",
        f"witness x1 {LOG}\nquorum none\n",
        f"witness none {KEYS['x1']}\nquorum none\n",
        f"witness a {KEYS['x1']}\nwitness a {KEYS['x2']}\nquorum a\n",
        f"witness a {KEYS['x1']}\nwitness b {KEYS['x1']}\nquorum a\n",
        f"witness a {KEYS['x1']} url more\nquorum a\n",
        f"{WITNESSES}group g all\nquorum g\n",
        f"{WITNESSES}group g 0 x1\nquorum g\n",
        f"{WITNESSES}group g 2 x1\nquorum g\n",
        f"{WITNESSES}group g 01 x1\nquorum g\n",
        f"{WITNESSES}group g some x1\nquorum g\n",
        f"{WITNESSES}group g any none\nquorum g\n",
        f"{WITNESSES}group g any g\nquorum g\n",
        f"{WITNESSES}group g any x1 x1\nquorum g\n",
        f"{WITNESSES}group g any x1\ngroup h any x1\nquorum g\n",
        f"{WITNESSES}group x1 any x2\nquorum x1\n",
        "quorum no\x7fne\n",
    ],
)
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parsed(text)
    assert caught.value.reason is Reason.AUDIT_FORMAT_INVALID


def test_the_line_is_named() -> None:
    with pytest.raises(SignerdError, match="policy, line 3: "):
        parsed("# one\n\nwitness a b\nquorum none\n")


def test_names_are_octets() -> None:
    policy = parse_policy(b"witness K\xff " + KEYS["x1"].encode() + b"\nquorum K\xff\n")
    assert policy.format() == b"witness K\xff " + KEYS["x1"].encode() + b"\nquorum K\xff\n"
