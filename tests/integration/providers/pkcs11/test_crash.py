"""A daemon that dies between making a key on a token and recording it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from signerd.providers.guard import Guarded
from signerd.providers.pkcs11.provider import Pkcs11Provider
from tests.support.lives import adopted_after_a_crash, destroyed_after_a_crash

Open = Callable[..., Pkcs11Provider]


async def test_the_next_worker_adopts_it(opened: Open, tmp_path: Path) -> None:
    await adopted_after_a_crash(Guarded("hsm", "pkcs11", opened()), tmp_path)


async def test_it_is_destroyed_if_the_name_was_taken(opened: Open, tmp_path: Path) -> None:
    await destroyed_after_a_crash(Guarded("hsm", "pkcs11", opened()), tmp_path)
