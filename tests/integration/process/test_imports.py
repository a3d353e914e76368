"""What a daemon loads: the SDKs of providers that are configured, and no others."""

from __future__ import annotations

import re

from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon

SDKS = ("aiohttp", "boto3", "botocore", "google.api_core", "google.cloud", "hvac", "kubernetes", "pkcs11")
_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def imported(daemon: Daemon) -> set[str]:
    """All modules that the daemon and its workers imported, by their own report."""
    return set(_IMPORTED.findall(daemon.log.read_text()))


def loaded(daemon: Daemon) -> set[str]:
    """The SDKs among them."""
    names = imported(daemon)
    return {sdk for sdk in SDKS if any(name == sdk or name.startswith(f"{sdk}.") for name in names)}


def test_a_daemon_with_local_keys_loads_no_sdk(new_daemon: NewDaemon) -> None:
    daemon = new_daemon(PYTHONPROFILEIMPORTTIME="1").start()
    artifact = daemon.directory / "artifact"
    artifact.write_bytes(b"some bytes")
    for arguments in (("keys", "create", "k"), ("sign", "--key", "k", str(artifact)), ("status",)):
        done = daemon.ctl(*arguments, PYTHONPROFILEIMPORTTIME="")
        assert done.returncode == 0, done.stderr
    daemon.stop()
    assert {"signerd.providers.unlocked_keys", "signerd.providers.guard"} <= imported(daemon)
    assert loaded(daemon) == set()


def test_a_configured_provider_loads_its_own_sdk_only(new_daemon: NewDaemon) -> None:
    config = "providers:\n  cloud: {type: aws-kms, region: eu-central-1, endpoint: 'http://127.0.0.1:9'}\n"
    secrets = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    daemon = new_daemon(config, PYTHONPROFILEIMPORTTIME="1", **secrets).start()
    daemon.ctl("keys", "create", "k", PYTHONPROFILEIMPORTTIME="")
    daemon.stop()
    assert loaded(daemon) == {"boto3", "botocore"}
