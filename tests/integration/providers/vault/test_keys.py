"""Keys as transit has them: versions of its own, limits on them, other kinds, and what may be deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from signerd.core.algorithms import BY_NAME, DEFAULT, Algorithm
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import generate, to_pkcs8
from signerd.errors import Reason
from signerd.providers.base import Change, Provider
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import BAO, GIVEN, Server, check, order, setup
from tests.integration.providers.vault.test_answers import reason
from tests.support.servers.vault import FakeVault
from tests.support.servers.vault_bao import OpenBao

URI = "vault-transit://transit/{}"


@pytest_asyncio.fixture
async def both(any_server: Server) -> AsyncIterator[Provider]:
    """A provider at the fake, and at a real OpenBao where there is one."""
    if isinstance(any_server, FakeVault):
        any_server.mend()
    provider = VaultProvider(setup(any_server))
    yield provider
    await provider.close()


async def test_a_key_with_its_history(both: Provider, any_server: Server) -> None:
    any_server.call("POST", "transit/keys/history", type="ecdsa-p256")
    for _ in range(10):
        any_server.call("POST", "transit/keys/history/rotate")
    found = await both.find(URI.format("history"))
    assert [one.number for one in found] == list(range(1, 12))  # by number, not by text
    assert [one.uri for one in found] == [f"{URI.format('history')}?version={n}" for n in range(1, 12)]
    assert len({one.public_key for one in found}) == 11
    for one in (found[0], found[9], found[10]):
        assert (dict(one.tags), one.algorithm, one.enabled) == ({}, DEFAULT, True)
        assert await both.find(one.uri) == [one]
        check(one, await both.sign(one.uri, DEFAULT, GIVEN))
    await _refused(both, f"{URI.format('history')}?version=12", Reason.KEY_MATERIAL_UNREADABLE)


async def test_versions_that_may_not_sign(both: Provider, any_server: Server) -> None:
    any_server.call("POST", "transit/keys/floor", type="ecdsa-p256")
    for _ in range(3):
        any_server.call("POST", "transit/keys/floor/rotate")
    any_server.call("POST", "transit/keys/floor/config", min_decryption_version=2, min_encryption_version=3)
    found = await both.find(URI.format("floor"))
    assert [(one.number, one.enabled) for one in found] == [(2, False), (3, True), (4, True)]
    check(found[1], await both.sign(found[1].uri, DEFAULT, GIVEN))
    error = await reason(both.sign(found[0].uri, DEFAULT, GIVEN))
    assert error.reason is Reason.KEY_MATERIAL_DISABLED
    assert "min_encryption_version" in error.message
    await _refused(both, f"{URI.format('floor')}?version=1", Reason.KEY_MATERIAL_UNREADABLE, signs=False)


async def _refused(provider: Provider, uri: str, expected: Reason, *, signs: bool = True) -> None:
    assert (await reason(provider.find(uri))).reason is expected
    if signs:
        assert (await reason(provider.sign(uri, DEFAULT, GIVEN))).reason is expected


@pytest.mark.parametrize(
    "name", ["rsa-pkcs1-2048-sha256", "rsa-pss-2048-sha256", "ed25519", "ecdsa-p521-sha512"]
)
async def test_keys_made_by_others(both: Provider, any_server: Server, name: str) -> None:
    algorithm: Algorithm = BY_NAME[name]
    kind = {"rsa": "rsa-2048", "ed2": "ed25519", "ecd": "ecdsa-p521"}[name[:3]]
    any_server.call("POST", f"transit/keys/own-{name}", type=kind)
    (found,) = await both.find(URI.format(f"own-{name}"))
    assert found.algorithm is (None if kind == "rsa-2048" else algorithm)
    given = prepare(algorithm, Message(b"some bytes"))
    check(found, await both.sign(found.uri, algorithm, given), algorithm, given)
    assert found.uri in {one.uri for one in await both.held()}


async def test_what_signerd_makes_can_not_be_exported(both: Provider, any_server: Server) -> None:
    made = await both.create(order())
    shown = any_server.call("GET", f"transit/keys/{_name(made.uri)}")["data"]
    for setting in ("exportable", "allow_plaintext_backup", "deletion_allowed"):
        assert shown[setting] is False
    await both.change(made.uri, Change.DESTROY)


async def test_only_what_signerd_made_is_deleted(both: Provider, any_server: Server) -> None:
    any_server.call("POST", "transit/keys/theirs", type="ecdsa-p256")
    any_server.call("POST", "transit/keys/theirs/config", deletion_allowed=True)
    made = await both.create(order())
    any_server.call("POST", f"transit/keys/{_name(made.uri)}/rotate")
    for uri in (f"{URI.format('theirs')}?version=1", made.uri):
        error = await reason(both.change(uri, Change.DESTROY))
        assert error.reason is Reason.PROVIDER_REFUSED
        (found,) = await both.find(uri)
        check(found, await both.sign(uri, DEFAULT, GIVEN))


async def test_what_others_added_to_our_key_is_not_ours(both: Provider, any_server: Server) -> None:
    made = await both.create(order())
    any_server.call("POST", f"transit/keys/{_name(made.uri)}/rotate")
    ours, theirs = [one for one in await both.held() if _name(one.uri) == _name(made.uri)]
    assert ours == made
    assert (dict(theirs.tags), theirs.number) == ({}, 2)


async def test_a_signature_needs_a_version_and_the_right_mount(both: Provider) -> None:
    made = await both.create(order())
    name = _name(made.uri)
    for uri in (URI.format(name), f"vault-transit://other/{name}?version=1", f"hashivault://{name}"):
        assert (await reason(both.sign(uri, DEFAULT, GIVEN))).reason is Reason.KEY_URI_INVALID


async def test_a_missing_mount_is_not_a_missing_key(any_server: Server) -> None:
    provider = VaultProvider(setup(any_server, mount="team-a/transit"))
    try:
        for call in (
            provider.find("vault-transit://team-a/transit/k"),
            provider.sign("vault-transit://team-a/transit/k?version=1", DEFAULT, GIVEN),
            provider.held(),
            provider.create(order()),
        ):
            error = await reason(call)
            assert error.reason is Reason.PROVIDER_REFUSED
            assert "mounted" in error.message
    finally:
        await provider.close()


async def test_a_mount_with_a_slash(any_server: Server) -> None:
    if isinstance(any_server, FakeVault):
        any_server.set(mount="team-b/transit")
    else:
        any_server.call("POST", "sys/mounts/team-b/transit", type="transit")
    provider = VaultProvider(setup(any_server, mount="team-b/transit"))
    try:
        made = await provider.create(order())
        assert made.uri.startswith("vault-transit://team-b/transit/signerd-")
        check(made, await provider.sign(made.uri, DEFAULT, GIVEN))
        assert made in await provider.held()
        await provider.change(made.uri, Change.DESTROY)
    finally:
        await provider.close()
        if isinstance(any_server, FakeVault):
            any_server.set(mount="transit")


async def test_foreign_keys_that_may_not_be_read_are_left_out(any_server: Server) -> None:
    provider = VaultProvider(setup(any_server))
    try:
        made = await provider.create(order())
        any_server.call("POST", "transit/keys/hidden", type="ecdsa-p256")
        if isinstance(any_server, FakeVault):
            any_server.set(denied=["transit/keys/hidden"])
            names = {_name(one.uri) for one in await provider.held()}
            assert "hidden" not in names
            any_server.set(denied=[f"transit/keys/{_name(made.uri)}"])
            assert (await reason(provider.held())).reason is Reason.PROVIDER_DENIED
            any_server.mend()
    finally:
        await provider.close()


STRANGE: dict[str, dict[str, object]] = {
    "a number that is none": {"latest_version": "many"},
    "no type": {"type": None},
    "limits that are texts": {"min_encryption_version": "1"},
}


@pytest.mark.parametrize("shown", STRANGE.values(), ids=STRANGE.keys())
async def test_a_foreign_key_that_is_not_understood_hides_no_other(
    provider: VaultProvider, fake: FakeVault, shown: dict[str, object]
) -> None:
    made = await provider.create(order())
    fake.call("POST", "transit/keys/strange", type="ecdsa-p256")
    fake.call("POST", "transit/keys/strange/config", **shown)
    names = {_name(one.uri) for one in await provider.held()}
    assert _name(made.uri) in names
    assert "strange" not in names
    error = await reason(provider.find(URI.format("strange")))
    assert (error.reason, "not understood" in error.message) == (Reason.PROVIDER_INTEGRITY, True)
    fake.call("POST", "transit/keys/strange/config", deletion_allowed=True)
    fake.call("DELETE", "transit/keys/strange")


async def test_a_key_of_ours_that_is_not_understood_is_not_left_out(
    provider: VaultProvider, fake: FakeVault
) -> None:
    made = await provider.create(order())
    fake.call("POST", f"transit/keys/{_name(made.uri)}/config", latest_version="many")
    assert (await reason(provider.held())).reason is Reason.PROVIDER_INTEGRITY
    fake.call("POST", f"transit/keys/{_name(made.uri)}/config", latest_version=1)
    assert made in await provider.held()


async def test_kinds_that_do_not_sign(any_server: Server) -> None:
    if isinstance(any_server, FakeVault):
        any_server.call("POST", "transit/keys/derived", type="ed25519")
        any_server.call("POST", "transit/keys/derived/config", derived=True)
    else:
        any_server.call("POST", "transit/keys/derived", type="ed25519", derived=True)
        any_server.call("POST", "transit/keys/symmetric", type="aes256-gcm96")
    provider = VaultProvider(setup(any_server))
    try:
        names = {_name(one.uri) for one in await provider.held()}
        assert not names & {"derived", "symmetric"}
        assert (await reason(provider.find(URI.format("derived")))).reason is Reason.KEY_MATERIAL_UNREADABLE
    finally:
        await provider.close()


async def test_a_soft_deleted_key_is_disabled(both: Provider, any_server: Server) -> None:
    made = await both.create(order())
    name = _name(made.uri)
    if isinstance(any_server, FakeVault):
        any_server.call("POST", f"transit/keys/{name}/config", soft_deleted=True)
    else:
        try:
            any_server.call("DELETE", f"transit/keys/{name}/soft-delete")
        except OSError:  # Vault and older OpenBaos have no such thing
            return
    assert [one.enabled for one in await both.find(made.uri)] == [False]
    assert (await reason(both.sign(made.uri, DEFAULT, GIVEN))).reason is Reason.KEY_MATERIAL_DISABLED


def _name(uri: str) -> str:
    return uri.rpartition("/")[2].partition("?")[0]


def _documented_policy() -> str:
    page = (Path(__file__).parents[4] / "docs/providers/vault-transit.md").read_text()
    return page.partition("```hcl\n")[2].partition("```")[0]


if BAO is not None:

    async def test_the_documented_policy_is_enough(bao: OpenBao) -> None:
        bao.call("PUT", "sys/policies/acl/signerd", policy=_documented_policy())
        bao.call("POST", "transit/keys/release", type="ecdsa-p256")
        token = bao.call("POST", "auth/token/create", policies=["signerd"])["auth"]["client_token"]
        provider = VaultProvider(setup(bao, {"token": token.encode}))
        try:
            for given in (order(), replace(order(), private_key=to_pkcs8(generate(DEFAULT)))):
                made = await provider.create(given)
                check(made, await provider.sign(made.uri, DEFAULT, GIVEN))
                assert made in await provider.held()
                await provider.change(made.uri, Change.DESTROY)
            (adopted,) = await provider.find(URI.format("release"))
            check(adopted, await provider.sign(adopted.uri, DEFAULT, GIVEN))
            bao.call("POST", "transit/keys/closed", type="ecdsa-p256")
            names = {_name(one.uri) for one in await provider.held()}
            assert "release" in names
            assert "closed" not in names
        finally:
            await provider.close()
