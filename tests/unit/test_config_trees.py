"""Whatever a file holds, it is a configuration or a list of problems."""

from __future__ import annotations

import json

from hypothesis import example as case
from hypothesis import given
from hypothesis import strategies as st

from signerd.config_file import ConfigInvalid, read
from tests.unit.config_text import BASE, ENV, sections

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.sampled_from(
    [*sorted({name for s in sections() for name in s.model_fields}), "local", "type", "x", "<<", "&a"]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(TREES)
def test_any_tree_is_a_configuration_or_a_list_of_problems(tree: object) -> None:
    attempt(json.dumps(tree).encode())


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@case(b"a: &a [*a]")
@case(b"!!set {a}")
@case(b"a: !!timestamp x")
@case(b"a: !!bool x")
@case(b"a: 0x")
@case(b"a: 1_:2")
@case(b"<<: 1")
@case(b"%YAML 9.9\n---\n")
def test_any_bytes_are_a_configuration_or_a_list_of_problems(raw: bytes) -> None:
    attempt(raw)


def attempt(raw: bytes) -> None:
    try:
        read(raw, "c.yaml", BASE, ENV)
    except ConfigInvalid as error:
        wrong = [problem for problem in error.problems if problem.line < 1 or not problem.text]
    else:
        wrong = []
    assert wrong == []
