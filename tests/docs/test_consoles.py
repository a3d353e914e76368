"""The comparer of pages and programs can tell a difference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.consoles import Shell, differs, steps

PAGE = """\
# Page

```console
$ echo one
one
$ printf '%s\\n' two \\
    three
two
three
```

```sh
$ not run
```
"""


def test_steps_are_commands_with_the_output_below_them() -> None:
    found = steps(PAGE)
    assert [(one.line, one.shown) for one in found] == [(4, "one"), (6, "two\nthree")]
    assert found[1].command == "printf '%s\\n' two \\\n    three"


def test_blocks_with_a_missing_program_are_left_out() -> None:
    assert len(steps(PAGE, ("other",))) == 2
    assert steps(PAGE, ("printf",)) == []


def test_a_block_that_begins_with_output_is_refused() -> None:
    with pytest.raises(AssertionError, match="line 2"):
        steps("```console\nno command\n```\n")


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("plain", "plain"),
        ("at 2026-01-02T03:04:05Z", "at 2031-12-31T23:59:59Z"),
        ("id " + "0123456789abcdef" * 4, "id " + "fedcba9876543210" * 4),
        ("from … to b", "from /some/where to b"),
        ("first\n…\nlast", "first\na\nb\nlast"),
        ("…", "a\nb"),
        ("ends …", "ends here"),
        ("", ""),
    ],
)
def test_what_changes_is_no_difference(shown: str, came: str) -> None:
    assert not differs(shown, came)


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("plain", "other"),
        ("plain", "plain\nand more"),
        ("plain\nand more", "plain"),
        ("a.c", "abc"),
        ("from … to b", "from here to c"),
        ("first\n…\nlast", "first\na"),
        ("", "something"),
        ("something", ""),
    ],
)
def test_what_is_different_is(shown: str, came: str) -> None:
    assert differs(shown, came)


def test_a_shell_keeps_its_state_and_joins_both_outputs(tmp_path: Path) -> None:
    shell = Shell(tmp_path, os.environ)
    try:
        assert shell.run("name=value") == ""
        assert shell.run("echo $name; echo wrong >&2; false") == "value\nwrong"
        assert shell.run("echo $?") == "1"
    finally:
        shell.close()
