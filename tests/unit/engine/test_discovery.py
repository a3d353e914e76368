"""DiscoverKeys, CheckKeys and the service Providers."""

from __future__ import annotations

from typing import Any

import pytest

from signerd.config_file import read
from signerd.config_providers import shown_settings
from signerd.core.algorithms import TABLE, algorithm_named
from signerd.core.keys import State
from signerd.core.public_keys import key_id
from signerd.errors import Reason
from signerd.providers.base import Capabilities, Change, Material, Order
from signerd.v1 import keys_pb2, providers_pb2
from tests.unit.engine.parts import Engine, imported, refused

NO_KEY = b"no public key"


async def discover(engine: Engine, **fields: Any) -> Any:
    fields = {"provider": "far", **fields}
    return await engine.call("Keys/DiscoverKeys", keys_pb2.DiscoverKeysRequest(**fields))


async def material(engine: Engine, tag: str, instance: str = "") -> Material:
    order = Order("some/key", 1, algorithm_named(""), tag, imported("ecdsa", 256, 1), instance)
    return await engine.far.create(order)


async def test_what_no_key_uses_is_found(engine: Engine) -> None:
    await engine.add_key("mine", provider="far", states=(State.VERIFY_ONLY, State.ACTIVE), primary=2)
    await engine.add_key("elsewhere")
    await engine.add_key("unseen", provider="far", seen=False)
    second, first = await material(engine, "b"), await material(engine, "a")
    answer = await discover(engine)
    assert answer.provider == "far"
    assert [one.uri for one in answer.keys] == [first.uri, second.uri]
    found = answer.keys[0]
    assert (found.algorithm, found.key_id) == ("ecdsa-p256-sha256", key_id(first.public_key))
    assert (found.enabled, dict(found.tags)) == (True, dict(first.tags))
    assert (engine.record().operation, engine.record().outcome) == ("discover-keys", "ok")


async def test_what_this_instance_left_is_told_from_what_others_made(engine: Engine) -> None:
    instance = engine.keyring.view.snapshot.instance
    await material(engine, "a", "another")
    await material(engine, "b", instance)
    await material(engine, "c")
    assert instance
    assert [one.leftover for one in (await discover(engine)).keys] == [False, True, False]


async def test_keys_without_an_algorithm_here_are_shown_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tied = algorithm_named("ml-dsa-65")

    async def held() -> list[Material]:
        return [
            Material("memory:x/1-a", NO_KEY, enabled=False, number=3),
            Material("memory:x/1-b", NO_KEY, algorithm=tied),
        ]

    monkeypatch.setattr(engine.far, "held", held)
    answer = await discover(engine)
    assert [(one.algorithm, one.version, one.enabled) for one in answer.keys] == [
        ("", 3, False),
        ("ml-dsa-65", 0, True),
    ]


async def test_without_a_name_it_is_the_default_provider(engine: Engine) -> None:
    assert (await discover(engine, provider="")).provider == "here"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"provider": "nowhere"}, Reason.PROVIDER_UNKNOWN),
        ({"traceparent": "x"}, Reason.TRACEPARENT_INVALID),
        ({"min_revision": 99}, Reason.STATE_STALE),
    ],
)
async def test_discoveries_that_are_refused(engine: Engine, fields: dict[str, Any], reason: Reason) -> None:
    assert (await refused(discover(engine, **fields))).reason is reason
    assert engine.record().reason == reason.name


async def check(engine: Engine, *names: str, **fields: Any) -> Any:
    request = keys_pb2.CheckKeysRequest(names=names, **fields)
    return (await engine.call("Keys/CheckKeys", request)).findings


async def test_checks_tell_how_each_version_is(engine: Engine) -> None:
    await engine.add_key("good")
    key = await engine.add_key("sad", provider="far")
    await engine.far.change(key.versions[0].uri, Change.DISABLE)
    good, sad = await check(engine)
    assert (good.key, good.version, good.provider, good.ok, good.reason) == ("good", 1, "here", True, "")
    assert (sad.key, sad.ok, sad.reason) == ("sad", False, "KEY_MATERIAL_DISABLED")
    assert key.versions[0].uri in sad.message
    assert [one.key for one in await check(engine, "good")] == ["good"]
    assert [one.operation for one in engine.records()] == ["canary", "check-keys", "check-keys"]


@pytest.mark.parametrize(
    ("names", "fields", "reason"),
    [
        (["nobody"], {}, Reason.KEY_NOT_FOUND),
        (["../x"], {}, Reason.KEY_NAME_INVALID),
        ([], {"request_id": "a b"}, Reason.REQUEST_ID_INVALID),
        ([], {"min_revision": 99}, Reason.STATE_STALE),
    ],
)
async def test_checks_that_are_refused(
    engine: Engine, names: list[str], fields: dict[str, Any], reason: Reason
) -> None:
    assert (await refused(check(engine, *names, **fields))).reason is reason
    assert (engine.record().operation, engine.record().reason) == ("check-keys", reason.name)


async def providers(engine: Engine) -> Any:
    return await engine.call("Providers/ListProviders", providers_pb2.ListProvidersRequest())


async def provider(engine: Engine, name: str, **fields: Any) -> Any:
    request = providers_pb2.GetProviderRequest(name=name, **fields)
    return (await engine.call("Providers/GetProvider", request)).provider


async def test_providers_are_listed_by_name(engine: Engine) -> None:
    listed = (await providers(engine)).providers
    assert [(one.name, one.type, one.is_default) for one in listed] == [
        ("far", "memory", False),
        ("files", "local", False),
        ("here", "memory", True),
    ]
    assert engine.record().operation == "list-providers"


async def test_a_provider_tells_what_it_can_do(engine: Engine) -> None:
    shown = await provider(engine, "files")
    assert (shown.scheme, shown.healthy, shown.detail) == ("local", True, "0 of 0 keys unlocked")
    able = shown.capabilities
    assert list(able.algorithms) == [row.name for row in TABLE]
    assert (able.create, able.imports, able.disable) == (True, True, False)
    assert able.HasField("destroy_delay")
    assert able.destroy_delay.ToTimedelta().total_seconds() == 0
    assert dict(shown.settings) == {"verify_after_sign": "sampled"}
    assert engine.record().operation == "get-provider"


async def test_material_that_is_never_destroyed_has_no_delay(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.far, "capabilities", Capabilities((), destroy_delay=None))
    assert not (await provider(engine, "far")).capabilities.HasField("destroy_delay")


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [("nobody", {}, Reason.PROVIDER_UNKNOWN), ("far", {"request_id": "a b"}, Reason.REQUEST_ID_INVALID)],
)
async def test_providers_that_are_not_shown(
    engine: Engine, name: str, fields: dict[str, Any], reason: Reason
) -> None:
    assert (await refused(provider(engine, name, **fields))).reason is reason
    assert engine.record().reason == reason.name


CONFIG = b"""
providers:
  files: {type: local, directory: keys, password_env: SECRET_PLACE}
  hsm: {type: pkcs11, module: /usr/lib/p11.so, token: main, pin: {file: /etc/secret-pin}, call: 1500ms}
  ring: {type: gcp-kms, key_ring: projects/p/locations/l/keyRings/r}
default_provider: files
"""


def test_settings_are_shown_without_secrets_and_files(tmp_path: Any) -> None:
    sections = read(CONFIG, "config.yaml", tmp_path, {"SIGNERD_HOME": str(tmp_path)}).providers
    assert shown_settings(sections["hsm"]) == {
        "call": "1.5s",
        "create": "60s",
        "concurrent": "256",
        "token": "main",
    }
    assert shown_settings(sections["files"]) == {"verify_after_sign": "sampled"}
    ring = shown_settings(sections["ring"])
    assert (ring["key_ring"], ring["insecure_plaintext"]) == ("projects/p/locations/l/keyRings/r", "false")
