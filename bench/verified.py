"""How fast `signerctl audit verify` is: records that one core verifies in a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import process_time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.measures import Measure, Sample, alone
from signerd.audit import checkpoints, notes
from signerd.audit.log import Tuning, open_log
from signerd.audit.records import Record
from signerd.auditor.shards import Given, verify_shard
from signerd.auditor.vkeys import parse_log_keys

NAME = "audit.verify_per_s"
RECORDS = 50_000
AT_ONCE = 4000


def measure_verification(
    directory: Path, only: str, rounds: int, progress: Callable[[str], None]
) -> list[Measure]:
    """Verify one log again and again; processor time counts, so what else runs hardly matters."""
    if not NAME.startswith(only):
        return []
    progress(f"a log of {RECORDS} records")
    vkey = asyncio.run(make_log(directory))
    samples = []
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}: {NAME}")
        samples.append(Sample(RECORDS / _seconds(directory, vkey)))
    return [alone(NAME, "1/s", samples)]


async def make_log(directory: Path) -> str:
    """Write a log as the daemon does, most of it in tiles; gives its vkey."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    log = await open_log(
        directory, "bench", instance="bench", tuning=Tuning(segment_bytes=1 << 20, reserve=0)
    )
    for at in range(0, RECORDS, AT_ONCE):
        numbers = range(at, min(at + AT_ONCE, RECORDS))
        tickets = [log.append(_record(number)) for number in numbers]
        await tickets[-1].durable
    text = checkpoints.body(log.origin, log.tree_head())
    line = notes.signature_line(log.origin, public, key.sign(text))
    await log.publish(checkpoints.parse(notes.note(text, [line]), log.origin))
    await log.close()
    return notes.vkey(log.origin, public)


def _record(number: int) -> Record:
    """A record as a signature's is, with every field that such a one has."""
    digest = sha256(str(number).encode()).hexdigest()
    return Record(
        algorithm="ecdsa-p256-sha256",
        caller="spiffe://bench.example/ns/ci/sa/builder",
        digest=f"sha256:{digest}",
        duration_us=300 + number % 100,
        key="team-a/release",
        key_id=digest,
        listener="grpc",
        operation="sign",
        outcome="ok",
        peer="192.0.2.7:40000",
        proof="mtls",
        provider="local",
        request_id=digest[:32],
        revision=7,
        signature_sha256=digest,
        version=1,
    )


def _seconds(directory: Path, vkey: str) -> float:
    started = process_time()
    report = verify_shard(directory / "bench", "bench", Given(keys=parse_log_keys(vkey.encode())))
    spent = process_time() - started
    if report.problem or report.checked != RECORDS:
        raise RuntimeError(f"the log does not verify: {report.where}: {report.problem}")
    return spent
