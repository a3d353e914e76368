"""A given token that has ended is told from one that may not look itself up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from signerd.config_providers import Secret
from signerd.config_providers import VaultProvider as Section
from signerd.errors import Reason, SignerdError
from signerd.providers.vault.admin import Admin
from signerd.providers.vault.answers import Answer, Reader
from signerd.providers.vault.login import Logins, Token

TOKEN = "hvs.aTokenOfTheTests0000000000"
ALIVE = Answer(200, msgspec.json.encode({"data": {"ttl": 60, "renewable": False}}))


def denied(*errors: str) -> Answer:
    return Answer(403, msgspec.json.encode({"errors": ["permission denied", *errors]}))


class Answering:
    """An Admin that answers everything the same."""

    answer = ALIVE

    async def call(self, *_: object) -> Answer:
        return self.answer

    async def in_pool(self, function: Callable[[], Any]) -> Any:
        return function()


@pytest.fixture
def admin() -> Answering:
    return Answering()


@pytest.fixture
def token() -> list[str]:
    return [TOKEN]


@pytest.fixture
def logins(admin: Answering, token: list[str]) -> Logins:
    section = Section(
        type="vault-transit", address="https://vault", mount="transit", token=Secret(env="VAULT_TOKEN")
    )

    def now() -> bytes:
        return token[0].encode()

    return Logins("v", section, {"token": now}, cast("Admin", admin), Reader("v"))


async def ended(logins: Logins, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SignerdError) as caught:
        await logins.login()
    assert caught.value.reason is Reason.PROVIDER_DENIED
    assert "has ended" in caplog.text
    assert TOKEN not in caplog.text + caught.value.message


async def test_one_that_never_could_is_taken(logins: Logins, admin: Answering) -> None:
    admin.answer = denied()
    assert await logins.login() == Token(TOKEN)


async def test_one_that_could_before_has_ended(
    logins: Logins, admin: Answering, token: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = await logins.login()
    assert before.lease == 60
    admin.answer = denied()
    for _ in range(2):
        await ended(logins, caplog)
    with pytest.raises(SignerdError):
        await logins.refresh(before)
    token[0] = "hvs.another"
    assert await logins.login() == Token("hvs.another")


async def test_one_that_vault_calls_invalid_has_ended(
    logins: Logins, admin: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    admin.answer = denied(f"2 errors occurred: permission denied, invalid token {TOKEN}")
    await ended(logins, caplog)
