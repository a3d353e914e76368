"""`make bench`: run everything, print a table, write build/bench.json."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import uvloop

from bench.audited import measure_log
from bench.cases import Bench
from bench.measures import Measure, Sample, alone, table, write
from bench.processes import address, bare_server, daemon
from bench.providers import measure_providers
from bench.verified import measure_verification

OUTPUT = Path("build/bench.json")
STARTS = 5


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", help="run the cases whose names begin like this")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median of all is shown")
    parser.add_argument("--seconds", type=float, default=1.5, help="seconds of a case in a round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "build")) as directory:
        place = Path(directory)
        measures = [*throughput(place, options), *start_up(place, options.only)]
        given = (options.only, options.rounds, options.seconds)
        measures += measure_log(place.resolve(), *given, progress)
        measures += measure_providers(place.resolve(), *given, progress)
        measures += measure_verification(place / "verified", options.only, options.rounds, progress)
    progress("")
    print(table(measures))
    write(measures, OUTPUT)


def throughput(directory: Path, options: argparse.Namespace) -> list[Measure]:
    """All cases that need a running daemon and nothing else."""
    if options.only.startswith(("provider", "audit")):
        return []
    home = directory / "home"
    with daemon(home) as (process, _), bare_server(directory) as bare:
        bench = Bench(address(home), bare, process.pid, directory, options.seconds)
        return uvloop.run(bench.run(options.rounds, options.only, progress))


def start_up(directory: Path, only: str) -> list[Measure]:
    """Seconds to SERVING, on a home that exists."""
    if not "serving_s".startswith(only):
        return []
    samples = []
    for number in range(STARTS):
        progress(f"start {number + 1} of {STARTS}")
        with daemon(directory / "home") as (_, seconds):
            samples.append(Sample(seconds))
    return [alone("serving_s", "s", samples)]


def progress(text: str) -> None:
    """Say how far it is, on a terminal over and over on one line."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    Path("build").mkdir(exist_ok=True)
    main()
