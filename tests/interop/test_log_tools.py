"""Programs of others accept our audit log: tessera's fsck the whole of it, Go's sumdb packages checkpoint and proof."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signerd.audit.proofs import tlog_proof
from signerd.audit.reading import entries
from signerd.auditor.shards import Given, ShardReport, verify_shard
from signerd.auditor.vkeys import parse_log_keys
from tests.support.made_logs import SIGNER, append, opened, publish
from tests.support.tlogs import SHARD

ROOT = Path(__file__).parents[2]
KILLED = """
import asyncio, os, sys
from pathlib import Path
from tests.support.made_logs import append, opened, publish

async def main():
    log = await opened(Path(sys.argv[1]))
    while True:
        await append(log, 37)
        await publish(log)
        print(log.sequence, flush=True)

asyncio.run(main())
"""


def program(name: str) -> str:
    path = Path(os.environ.get(f"SIGNERD_TEST_{name.upper()}", ROOT / ".cache" / "tools" / name / name))
    if not path.exists():
        pytest.skip(f"no {name}: python -m tools.install_tools {name}")
    return str(path)


@pytest.fixture
def vkey(tmp_path: Path) -> Path:
    (tmp_path / "log.pub").write_text(SIGNER.vkey)
    return tmp_path / "log.pub"


def fsck(shard: Path, vkey: Path) -> str:
    """What fsck says in the end. It ends with 0 whatever it finds, and hangs on damage: then it is killed."""
    command = [
        program("fsck"),
        "-storage_url",
        f"file://{shard}/",
        "-public_key",
        str(vkey),
        "-ui=false",
        "-v=1",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Successfully fsck'd log" in line or "Invalid" in line or "failed" in line:
                running.kill()
                return line
    return "nothing"


def sumdb(*arguments: Path) -> tuple[int, str]:
    done = subprocess.run(
        [program("sumdb"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip()


def verified(shard: Path) -> ShardReport:
    report = verify_shard(shard, SHARD, Given(keys=parse_log_keys(SIGNER.vkey.encode())))
    assert report.problem == ""
    return report


async def check_made(directory: Path, vkey: Path, count: int) -> None:
    """A log made by the daemon's code: our verdict and fsck's."""
    log = await opened(directory)
    await append(log, count)
    await publish(log)
    await log.close()
    assert verified(directory / SHARD).checked == count
    assert f"log with size {count} " in fsck(directory / SHARD, vkey)


async def test_fsck_accepts_what_the_daemon_writes(tmp_path: Path, vkey: Path) -> None:
    await check_made(tmp_path / "audit", vkey, 3000)


@pytest.mark.soak
async def test_fsck_accepts_100000_records(tmp_path: Path, vkey: Path) -> None:
    await check_made(tmp_path / "audit", vkey, 100_000)


async def test_fsck_finds_a_changed_entry(tmp_path: Path, vkey: Path) -> None:
    await check_made(tmp_path / "audit", vkey, 700)
    bundle = tmp_path / "audit" / SHARD / "tile" / "entries" / "001"
    bundle.write_bytes(bundle.read_bytes().replace(b"release", b"rel3ase", 1))
    assert "Successfully" not in fsck(tmp_path / "audit" / SHARD, vkey)


def killed_after(directory: Path, checkpoints: int) -> int:
    """Run a writer, kill it after so many checkpoints; gives the last size it told."""
    command = [sys.executable, "-c", KILLED, str(directory)]
    size = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        for _ in range(checkpoints):
            size = int(running.stdout.readline())
        running.kill()
    return size


async def check_kills(directory: Path, vkey: Path, kills: int) -> None:
    size = 0
    for number in range(kills):
        told = killed_after(directory, 1 + number % 4)
        assert told > size
        size = told
        assert verified(directory / SHARD).size >= size
    log = await opened(directory)
    await append(log, 1)
    await publish(log)
    await log.close()
    report = verified(directory / SHARD)
    assert report.size > size
    assert not report.unproven
    assert f"log with size {report.size} " in fsck(directory / SHARD, vkey)


async def test_fsck_accepts_a_log_after_kills(tmp_path: Path, vkey: Path) -> None:
    await check_kills(tmp_path / "audit", vkey, 3)


@pytest.mark.soak
async def test_fsck_accepts_a_log_after_50_kills(tmp_path: Path, vkey: Path) -> None:
    await check_kills(tmp_path / "audit", vkey, 50)


def test_a_log_verifies_while_it_is_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        sizes = [0]
        for told in running.stdout:
            sizes.append(verified(tmp_path / SHARD).size)
            assert sizes[-1] >= int(told)
            if len(sizes) > 30:
                break
        running.kill()
    assert sizes == sorted(sizes)


async def test_go_verifies_checkpoint_and_proof(tmp_path: Path, vkey: Path) -> None:
    log = await opened(tmp_path / "audit")
    await append(log, 700)
    made = await publish(log)
    await log.close()
    shard = tmp_path / "audit" / SHARD
    assert sumdb(vkey, shard / "checkpoint") == (0, f"{made.origin} 700")
    for index, entry in enumerate(entries(shard, 0, 699)):
        if index in (0, 255, 256, 511, 698, 699):
            (tmp_path / "entry").write_bytes(entry)
            (tmp_path / "proof").write_text(tlog_proof(shard, index, made))
            assert sumdb(vkey, tmp_path / "proof", tmp_path / "entry") == (0, f"{made.origin} 700 {index}")
            (tmp_path / "entry").write_bytes(entry + b" ")
            assert sumdb(vkey, tmp_path / "proof", tmp_path / "entry")[0] == 1


async def test_go_refuses_a_changed_checkpoint(tmp_path: Path, vkey: Path) -> None:
    await check_made(tmp_path / "audit", vkey, 5)
    checkpoint = tmp_path / "audit" / SHARD / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n5\n", b"\n4\n"))
    assert sumdb(vkey, checkpoint)[0] == 1
