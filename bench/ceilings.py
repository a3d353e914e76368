"""What the machine can do at best: plain signatures on one core, syncs of a file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from time import perf_counter

from bench.measures import Sample
from signerd.core.algorithms import DEFAULT
from signerd.core.digests import Digest, Hash
from signerd.core.private_keys import generate
from signerd.core.signatures import signer

RECORD = b"x" * 600


def plain_signatures(seconds: float) -> Sample:
    """P-256 signatures a second by `cryptography` on one core."""
    sign = signer(generate(DEFAULT), DEFAULT)
    digest = Digest(Hash.SHA256, hashlib.sha256(b"bench").digest())
    made, started = 0, perf_counter()
    while perf_counter() - started < seconds:
        for _ in range(100):
            sign(digest)
        made += 100
    return Sample(made / (perf_counter() - started))


def syncs(directory: Path, seconds: float) -> Sample:
    """Writes of one record with fdatasync, a second."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        done, started = 0, perf_counter()
        while perf_counter() - started < seconds:
            os.write(file.fileno(), RECORD)
            os.fdatasync(file.fileno())
            done += 1
        return Sample(done / (perf_counter() - started))
