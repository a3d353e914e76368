"""Pages as scripts: their ```console blocks are run in one shell, and what comes back is compared with what they show.

A block is `$ command` lines (a backslash at the end goes on in the next line) with their output below. What differs
from run to run is not compared: times, base64 and hexadecimal text of some length. `…` stands for any text within a
line, a line of nothing but `…` for any lines.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "(time)"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "(hex)"),
    (re.compile(r"[A-Za-z0-9+/]{40,}={0,2}"), "(base64)"),
)
END = "console-step-ended"
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and the output that the page shows for it; `line` is where it stands, from 1."""

    line: int
    command: str
    shown: str


def steps(page: str, missing: Collection[str] = ()) -> list[Step]:
    """All commands of a page, in order; blocks that call a program of `missing` are left out."""
    found = []
    for block in BLOCK.finditer(page):
        first = page.count("\n", 0, block.start(1)) + 1
        made = _steps(block[1].splitlines(), first)
        if not any(program in step.command.split() for step in made for program in missing):
            found += made
    return found


def _steps(lines: list[str], first: int) -> list[Step]:
    found: list[Step] = []
    at = 0
    while at < len(lines):
        assert lines[at].startswith("$ "), f"line {first + at}: a console block begins with `$ command`"
        start, command = at, lines[at].removeprefix("$ ")
        while command.endswith("\\"):
            at += 1
            command += "\n" + lines[at]
        at += 1
        shown = []
        while at < len(lines) and not lines[at].startswith("$ "):
            shown.append(lines[at])
            at += 1
        found.append(Step(first + start, command, "\n".join(shown).strip()))
    return found


class Shell:
    """One bash for a whole page; `run` gives what a command wrote, stdout and stderr together."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """Run a command to its end, or start one that ends in `&`."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        ending = f"code=$?; printf '\\n{END}\\n'; (exit $code)"  # `echo $?` may follow
        self._bash.stdin.write(f"(exit ${{code:-0}}); {{\n{command}\n}} </dev/null\n{ending}\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        while (line := self._bash.stdout.readline()) != f"{END}\n":
            assert line, f"the shell ended: {''.join(lines)}"
            lines.append(line)
        return "".join(lines).strip()

    def close(self) -> None:
        """End the shell and the jobs it started."""
        if self._bash.poll() is None and self._bash.stdin is not None:
            self._bash.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
            self._bash.stdin.close()
            self._bash.wait(SECONDS)


def differs(shown: str, came: str) -> bool:
    """Whether output is not what a page shows."""
    return re.fullmatch(pattern(shown), settled(came).strip() + "\n") is None


def pattern(shown: str) -> str:
    """The regular expression that a shown output stands for."""
    lines = []
    for line in settled(shown).splitlines():
        text = ".*".join(re.escape(part) for part in line.split("…"))
        lines.append(r"(?:.*\n)*?" if line.strip() == "…" else text.rstrip() + r"[ ]*\n")
    return "".join(lines) or r"\n"


def settled(output: str) -> str:
    """Output without what changes from run to run."""
    for changing, name in CHANGING:
        output = changing.sub(name, output)
    return output
