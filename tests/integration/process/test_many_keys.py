"""A daemon with 1,000 keys starts as one with none: nothing is unlocked before it is used."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT
from signerd.core.keys import Key, KeyVersion, Purpose, State
from signerd.core.private_keys import PrivateKey, generate
from signerd.core.public_keys import spki
from signerd.providers.local.files import LocalFiles
from signerd.providers.local.uris import place
from signerd.state.changes import ChangeRequest
from signerd.state.database import open_database
from signerd.state.location import parse_location
from signerd.state.state_key import read_state_key
from signerd.state.store import Store
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import PASSWORD, Daemon, memory, tell

KEYS = 1000


@pytest.fixture
def memory_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory where there is one: making the keys syncs thousands of times."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path_factory.mktemp("d")
        return
    with tempfile.TemporaryDirectory(prefix="sd-", dir="/dev/shm") as made:
        yield Path(made)


@pytest.mark.alone
def test_a_thousand_keys_do_not_slow_the_start(
    new_daemon: NewDaemon, memory_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = new_daemon(directory=memory_directory).start()
    with daemon.client() as client:
        client.create_key("real")
    one = start_time(daemon)
    real = next((daemon.home / "keys" / "real").glob("*.key")).read_bytes()
    daemon.stop()
    # scrypt for each would take minutes: the files get a key of the same form, which nobody unlocks here.
    monkeypatch.setattr(cosign_keys, "encrypt", lambda plain, password: real)
    asyncio.run(add_keys(daemon.home))
    many = start_time(daemon)
    with daemon.client() as client:
        assert client.status().keys == KEYS + 1
        assert client.sign("real", message=b"x").signature
        assert client.public_key("many/k999").versions
        # The key of the audit log is open too.
        assert f"2 of {KEYS + 2} keys unlocked" in client.status().providers[0].detail
    tell(
        f"SERVING after {one:.2f} s with 1 key, {many:.2f} s with {KEYS + 1} keys; "
        f"RSS {memory(daemon.pid, 'VmRSS')} MiB"
    )


def start_time(daemon: Daemon) -> float:
    """Seconds from the start of the process to SERVING."""
    if daemon.alive:
        daemon.stop()
    began = time.monotonic()
    daemon.start()
    return time.monotonic() - began


async def add_keys(home: Path) -> None:
    """Put keys into the state and their files beside it, as the daemon does."""
    files = LocalFiles(home / "keys", PASSWORD.encode)
    database = open_database(parse_location(f"sqlite:///{home / 'state.db'}"))
    store = Store(database, read_state_key(home / "state.key"))
    await store.open()
    for number in range(KEYS):
        change = ChangeRequest("", "test", b"", "create-key")
        await store.commit_key(made(files, number), change, _answer)
    await database.close()


def _answer(revision: int) -> bytes:
    return b"%d" % revision


def made(files: LocalFiles, number: int, generated: Callable[..., PrivateKey] = generate) -> Key:
    name, now, private_key = f"many/k{number}", datetime.now(UTC), generated(DEFAULT)
    where = place(name, 1, f"{number:016x}")
    files.write(where, private_key)
    version = KeyVersion(name, 1, State.ACTIVE, where.uri, spki(private_key.public_key()), now)
    return Key(
        name=name,
        algorithm=DEFAULT,
        purpose=Purpose.ARTIFACT,
        provider="local",
        primary=1,
        versions=(version,),
        created=now,
        created_by="test",
        labels={},
    )
