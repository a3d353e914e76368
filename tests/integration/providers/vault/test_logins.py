"""Ways to log in, and what keeps the token good: renewal, another log-in after loss, files that change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import GIVEN, check, order, setup, until
from tests.support.servers.vault import FakeVault
from tests.support.servers.vault_auth import JWT, ROLE, ROLE_ID, ROOT_TOKEN, SECRET_ID

APPROLE: dict[str, Callable[[], bytes]] = {
    "role_id": ROLE_ID.encode,
    "secret_id": lambda: SECRET_ID.encode() + b"\n",
}


@asynccontextmanager
async def opened(
    server: FakeVault, secrets: dict[str, Callable[[], bytes]], **settings: Any
) -> AsyncIterator[VaultProvider]:
    named = {name: {"env": "UNUSED"} for name in secrets}
    provider = VaultProvider(setup(server, secrets, **{**named, **settings}))
    try:
        yield provider
    finally:
        await provider.close()


async def signs(provider: VaultProvider, made: Material) -> None:
    check(made, await provider.sign(made.uri, DEFAULT, GIVEN))


async def succeeds(call: Awaitable[object]) -> bool:
    """Whether a call is no longer denied."""
    with suppress(SignerdError):
        await call
        return True
    return False


@pytest.mark.parametrize("method", ["kubernetes", "jwt"])
async def test_service_account_tokens(fake: FakeVault, tmp_path: Path, method: str) -> None:
    file = tmp_path / "token"
    await asyncio.to_thread(file.write_text, JWT + "\n")
    async with opened(fake, {}, method=method, role=ROLE, jwt_file=str(file)) as provider:
        made = await provider.create(order())
        await signs(provider, made)
        # A kubelet replaces the token; what a log-in sends is what stands there then.
        await asyncio.to_thread(file.write_text, "eyJold.eyJold.old")
        fake.set(revoke=True)
        with pytest.raises(SignerdError) as refused:
            await signs(provider, made)
        assert refused.value.reason is Reason.PROVIDER_DENIED
        await asyncio.to_thread(file.write_text, JWT)
        await until(lambda: succeeds(signs(provider, made)))


async def test_one_log_in_serves_many_at_once(fake: FakeVault) -> None:
    async with opened(fake, APPROLE, method="approle") as provider:
        before = fake.calls("login")
        await asyncio.gather(*(provider.held() for _ in range(8)))
        assert fake.calls("login") == before + 1


async def test_a_revoked_token_is_replaced_once_for_all(fake: FakeVault) -> None:
    async with opened(fake, APPROLE, method="approle") as provider:
        made = await provider.create(order())
        before = fake.calls("login")
        fake.set(revoke=True)
        await asyncio.gather(*(signs(provider, made) for _ in range(32)))
        assert fake.calls("login") == before + 1


async def test_missing_permissions_do_not_make_log_ins(fake: FakeVault) -> None:
    async with opened(fake, APPROLE, method="approle") as provider:
        made = await provider.create(order())
        fake.set(denied=["transit/sign"])
        before = fake.calls("login")
        for _ in range(5):
            with pytest.raises(SignerdError) as refused:
                await signs(provider, made)
            assert refused.value.reason is Reason.PROVIDER_DENIED
        assert fake.calls("login") == before + 1
        assert (await provider.find(made.uri))[0].uri == made.uri


@pytest.mark.parametrize("renewable", [True, False])
async def test_the_token_is_renewed_ahead_of_its_end(fake: FakeVault, *, renewable: bool) -> None:
    fake.set(auth={"ttl": 3, "longest": 3600, "renewable": renewable})
    async with opened(fake, APPROLE, method="approle") as provider:
        made = await provider.create(order())
        kind = "renew-self" if renewable else "login"
        before = fake.calls(kind)
        await until(lambda: _reached(fake, kind, before + 2))
        await signs(provider, made)


async def test_a_token_at_the_end_of_its_longest_life_is_replaced(fake: FakeVault) -> None:
    fake.set(auth={"ttl": 3, "longest": 4})
    async with opened(fake, APPROLE, method="approle") as provider:
        made = await provider.create(order())
        before = fake.calls("login")
        await until(lambda: _reached(fake, "login", before + 1))
        await signs(provider, made)


async def _reached(fake: FakeVault, kind: str, number: int) -> bool:
    return await asyncio.to_thread(fake.calls, kind) >= number


async def test_renewal_goes_on_after_failures(fake: FakeVault) -> None:
    fake.set(auth={"ttl": 3})
    async with opened(fake, APPROLE, method="approle") as provider:
        made = await provider.create(order())
        fake.set(sealed=True)
        await until(lambda: _unhealthy(provider))
        fake.set(sealed=False)
        before = fake.calls("renew-self") + fake.calls("login")
        await until(lambda: _any_token(fake, before))
        await signs(provider, made)
        assert provider.health().healthy


async def _unhealthy(provider: VaultProvider) -> bool:
    return not provider.health().healthy


async def _any_token(fake: FakeVault, before: int) -> bool:
    return await asyncio.to_thread(lambda: fake.calls("renew-self") + fake.calls("login")) > before


async def test_a_token_file_is_read_again(fake: FakeVault) -> None:
    token = [b"s.notAToken000000000000000"]
    async with opened(fake, {"token": lambda: token[0]}) as provider:
        with pytest.raises(SignerdError) as refused:
            await provider.held()
        assert refused.value.reason is Reason.PROVIDER_DENIED
        token[0] = ROOT_TOKEN.encode() + b"\n"
        await until(lambda: succeeds(provider.held()))


async def test_our_token_is_revoked_in_the_end_and_a_given_one_is_not(fake: FakeVault) -> None:
    before = fake.calls("revoke-self")
    async with opened(fake, APPROLE, method="approle") as provider:
        await provider.held()
    assert fake.calls("revoke-self") == before + 1
    async with opened(fake, {"token": ROOT_TOKEN.encode}) as provider:
        await provider.held()
    assert fake.calls("revoke-self") == before + 1


@pytest.mark.parametrize("broken", ["refused", "unreadable", "control", "no-file"])
async def test_credentials_that_do_not_work_are_told_without_them(
    fake: FakeVault, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable() -> bytes:
        raise SignerdError(Reason.PERMISSIONS_TOO_OPEN, "secret.txt is readable by others")

    secret: Callable[[], bytes] = {
        "refused": SECRET_ID[::-1].encode,
        "control": lambda: SECRET_ID.encode() + b"\r\nX-Evil: 1",
        "unreadable": unreadable,
        "no-file": SECRET_ID.encode,
    }[broken]
    settings: dict[str, Any] = {"method": "approle"}
    secrets = {**APPROLE, "secret_id": secret}
    if broken == "no-file":
        settings = {"method": "kubernetes", "role": ROLE, "jwt_file": "/nowhere/token"}
        secrets = {}
    async with opened(fake, secrets, **settings) as provider:
        with caplog.at_level(logging.DEBUG), pytest.raises(SignerdError) as refused:
            await provider.held()
        assert refused.value.reason is Reason.PROVIDER_DENIED
        assert not provider.health().healthy
        shown = f"{caplog.text}{refused.value!r}{provider.health()!r}{provider!r}{vars(provider)!r}"
    for text in (SECRET_ID, SECRET_ID[::-1], ROLE_ID, JWT, ROOT_TOKEN):
        assert text not in shown


async def test_tokens_do_not_show(fake: FakeVault, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with opened(fake, {"token": ROOT_TOKEN.encode}) as provider:
            made = await provider.create(order())
            await signs(provider, made)
            fake.set(status=500, errors=[f"broken for {ROOT_TOKEN}"])
            for call in (signs(provider, made), provider.held()):
                with pytest.raises(SignerdError) as failed:
                    await call
                assert ROOT_TOKEN not in f"{failed.value!r}"
            parts = " ".join(
                repr(vars(part)) for part in vars(provider).values() if hasattr(part, "__dict__")
            )
    assert ROOT_TOKEN not in caplog.text + parts + repr(provider.health())


async def test_a_namespace_goes_with_every_request(fake: FakeVault) -> None:
    fake.set(namespace="team-a")
    async with opened(fake, APPROLE, method="approle", namespace="team-a") as provider:
        await signs(provider, await provider.create(order()))
    async with opened(fake, APPROLE, method="approle", namespace="team-b") as provider:
        with pytest.raises(SignerdError) as refused:
            await provider.held()
        assert refused.value.reason is Reason.PROVIDER_REFUSED
        assert "namespace" in refused.value.message
