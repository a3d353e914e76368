"""Write the parts of README.md and docs/ that are made from the code; with --check, only say whether they are current.

A part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. Run it as `python -m tools.write_docs [--check]`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.docs_text import algorithms, api, commands, errors, metrics

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- begin ([a-z-]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
Render = Callable[[], str]
PARTS: Mapping[str, Render] = {
    "algorithms": algorithms.render,
    "api": api.render,
    "errors": errors.render,
    "metrics": metrics.render,
    "signerctl-help": commands.render_signerctl,
    "signerd-help": commands.render_signerd,
}


def main() -> int:
    """Write, or check; the exit code is 1 where the check finds a difference."""
    parser = argparse.ArgumentParser(
        description="Write the parts of the documentation that are made from code."
    )
    parser.add_argument("--check", action="store_true", help="change nothing, fail if a page is out of date")
    check: bool = parser.parse_args().check
    stale = [page for page in pages(ROOT) if written(page.read_text("utf-8")) != page.read_text("utf-8")]
    for page in stale:
        if check:
            print(f"{page.relative_to(ROOT)} is out of date: run `make docs-text`", file=sys.stderr)
        else:
            page.write_text(written(page.read_text("utf-8")), "utf-8")
            print(f"docs: {page.relative_to(ROOT)} written")
    return 1 if check and stale else 0


def pages(root: Path) -> list[Path]:
    """Every page of the documentation."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def written(page: str) -> str:
    """A page with all its parts made anew; raises KeyError for a part that nobody makes."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", page)


if __name__ == "__main__":
    sys.exit(main())
