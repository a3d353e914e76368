"""Two daemons on one PostgreSQL database: what one makes, the other signs with at once."""

from __future__ import annotations

import shutil
import stat

import pytest

from signerd.client import SignerdError
from signerd.state.location import PostgresLocation
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, tell
from tests.integration.state.cluster import PASSWORD as DATABASE_PASSWORD
from tests.integration.state.conftest import cluster, empty

__all__ = ["cluster", "empty"]
KEYS = 5


@pytest.fixture
def daemons(new_daemon: NewDaemon, empty: PostgresLocation) -> list[Daemon]:
    """Two that share database, state key and key files; each has its own home and audit log."""
    made = [new_daemon() for _ in range(2)]
    shared = made[0].directory / "shared"
    shared.mkdir(mode=stat.S_IRWXU)
    (shared / "password").write_text(DATABASE_PASSWORD)
    (shared / "state.key").write_text("5a" * 32)
    for file in shared.iterdir():
        file.chmod(0o600)
    for daemon in made:
        daemon.file.write_text(
            f"state: {{url: '{empty.uri}', password_file: {shared}/password, key_file: {shared}/state.key}}\n"
            f"providers: {{local: {{type: local, directory: {shared}/keys}}}}\n"
        )
        daemon.start()
    return made


def test_a_key_made_in_one_signs_in_the_other_without_a_sleep(daemons: list[Daemon]) -> None:
    with daemons[0].client() as one, daemons[1].client() as other:
        for number in range(KEYS):
            made = one.create_key(f"keys/k{number}", request_id=f"create-{number}")
            other.remember(made.revision)
            assert other.sign(f"keys/k{number}", message=b"x").key_id == made.key.versions[0].key_id
            assert other.create_key(f"keys/k{number}", request_id=f"create-{number}").key == made.key
        one.create_key("unseen")
        assert other.sign("unseen", message=b"x").signature
        with pytest.raises(SignerdError, match="exists"):
            other.create_key("unseen")
    tell(f"{KEYS} keys made by one daemon signed in another without a sleep")
    for daemon in daemons:
        assert daemon.stop() == 0


def test_another_state_key_is_refused(daemons: list[Daemon]) -> None:
    with daemons[0].client() as client:
        client.create_key("k")
    daemons[1].stop()
    other = daemons[1].directory / "state.key"
    shutil.copy(daemons[0].directory / "shared" / "state.key", other)
    other.write_text("a5" * 32)
    text = daemons[1].file.read_text()
    daemons[1].file.write_text(text.replace(f"{daemons[0].directory}/shared/state.key", str(other)))
    done = daemons[1].run()
    assert done.returncode == 4
    assert "state database" in done.stderr
