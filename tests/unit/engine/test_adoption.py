"""AdoptKey: material that others made comes under signerd whole, or nothing happens; none of it is ever destroyed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from signerd.core.algorithms import algorithm_named
from signerd.core.keys import State
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Capabilities, Material, Order
from signerd.v1 import keys_pb2
from signerd.v1 import resources_pb2 as resources
from tests.unit.engine.adopted import (
    ACTIVE,
    DISABLED,
    VERIFY_ONLY,
    History,
    adopt,
    history,
    material,
    numbers_and_states,
)
from tests.unit.engine.parts import Engine, imported, refused

__all__ = ["history"]


async def test_an_adopted_key_signs_with_the_material_that_was_there(engine: Engine) -> None:
    made = await material(engine)
    answer = await adopt(engine, uri=made.uri, labels={"team": "a"})
    assert (answer.key.name, answer.key.algorithm) == ("release", "ecdsa-p256-sha256")
    assert (answer.key.provider, dict(answer.key.labels)) == ("far", {"team": "a"})
    assert (answer.key.primary_version, answer.key.created_by) == (1, "unix:ann")
    assert answer.key.versions[0].uri == made.uri
    signed = await engine.sign("release", min_revision=answer.revision)
    assert signed.key_version == "keys/release/versions/1"
    await engine.verify("release", signed.signature)


async def test_adoption_is_on_record_before_and_after(engine: Engine) -> None:
    made = await material(engine)
    answer = await adopt(engine, uri=made.uri, request_id="id-1")
    begun, ended = engine.records(begun=True)
    assert (begun.operation, begun.key, begun.request_id) == ("adopt-key-begun", "release", "id-1")
    assert (ended.operation, ended.outcome, ended.sequence) == ("adopt-key", "ok", answer.audit.sequence)
    other = await material(engine, "b")
    await adopt(engine, uri=other.uri, public_only=True)
    assert [one.operation for one in engine.records(begun=True)[2:]] == ["adopt-key-begun", "adopt-key"]


async def test_versions_have_the_numbers_of_the_technology(engine: Engine, history: History) -> None:
    history(
        await material(engine, "a", number=2),
        await material(engine, "b", number=3, enabled=False),
        await material(engine, "c", number=7),
        await material(engine, "d", number=9, enabled=False),
    )
    answer = await adopt(engine)
    assert numbers_and_states(answer.key) == [(2, VERIFY_ONLY), (3, DISABLED), (7, ACTIVE), (9, DISABLED)]
    assert answer.key.primary_version == 7
    assert (await engine.sign("release")).key_version == "keys/release/versions/7"


async def test_versions_without_numbers_are_counted(engine: Engine, history: History) -> None:
    history(await material(engine, "a"), await material(engine, "b", number=5), await material(engine, "c"))
    answer = await adopt(engine)
    assert numbers_and_states(answer.key) == [(1, VERIFY_ONLY), (2, VERIFY_ONLY), (3, ACTIVE)]


async def test_older_versions_verify_what_they_signed(engine: Engine, history: History) -> None:
    old, new = await material(engine, "a"), await material(engine, "b")
    before = await adopt(engine, "before", uri=old.uri)
    signature = (await engine.sign("before", min_revision=before.revision)).signature
    history(replace(old, uri="memory:again/1-a"), new)
    await adopt(engine)
    found = await engine.verify("release", signature)
    assert found.key_version == "keys/release/versions/1"


@pytest.mark.parametrize(
    ("made", "tied", "asked", "becomes"),
    [
        ("rsa-pkcs1-2048-sha256", "", "", "rsa-pkcs1-2048-sha256"),
        ("rsa-pkcs1-2048-sha256", "", "rsa-pss-2048-sha256", "rsa-pss-2048-sha256"),
        ("rsa-pkcs1-2048-sha256", "rsa-pss-2048-sha256", "", "rsa-pss-2048-sha256"),
        ("ed25519", "ed25519ph", "ed25519ph", "ed25519ph"),
        ("ecdsa-p384-sha384", "", "", "ecdsa-p384-sha384"),
    ],
)
async def test_the_algorithm_is_the_tied_one_else_the_one_asked_for_else_the_usual_one(
    engine: Engine, history: History, made: str, tied: str, asked: str, becomes: str
) -> None:
    history(await material(engine, "a", made, algorithm=algorithm_named(tied) if tied else None))
    answer = await adopt(engine, algorithm=asked)
    assert answer.key.algorithm == becomes
    assert (await engine.sign("release")).algorithm == becomes


@pytest.mark.parametrize(
    ("tied", "asked", "reason"),
    [
        ("ecdsa-p256-sha256", "ed25519", Reason.ALGORITHM_UNSUPPORTED),
        ("", "rsa-pss-2048-sha256", Reason.ALGORITHM_UNSUPPORTED),
        ("rsa-pss-2048-sha256", "", Reason.ALGORITHM_UNSUPPORTED),
        ("", "rot13", Reason.ALGORITHM_UNKNOWN),
    ],
)
async def test_algorithms_that_the_material_is_not_of(
    engine: Engine, history: History, tied: str, asked: str, reason: Reason
) -> None:
    history(await material(engine, algorithm=algorithm_named(tied) if tied else None))
    assert (await refused(adopt(engine, algorithm=asked))).reason is reason
    assert engine.keyring.view.snapshot.keys == {}


async def test_versions_of_several_algorithms_are_no_key(engine: Engine, history: History) -> None:
    history(await material(engine, "a", "ed25519"), await material(engine, "b"))
    error = await refused(adopt(engine))
    assert (error.reason, error.field) == (Reason.ALGORITHM_UNSUPPORTED, "uri")
    assert "one version" in error.message


async def test_an_algorithm_that_the_provider_does_not_sign_with(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await material(engine)
    only = Capabilities((algorithm_named("ed25519"),))
    monkeypatch.setattr(engine.far, "capabilities", only)
    error = await refused(adopt(engine, uri=made.uri))
    assert error.reason is Reason.ALGORITHM_UNSUPPORTED
    assert "only with ed25519" in error.message
    assert (await adopt(engine, uri=made.uri, public_only=True)).key.primary_version == 1


@pytest.mark.parametrize("provider", ["far", "here"])
async def test_a_canary_that_does_not_verify_ends_it(
    engine: Engine, history: History, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    guarded: Any = engine.worker.providers[provider]
    made, other = await material(engine, "a"), await material(engine, "b")
    swapped = replace(made, public_key=other.public_key)
    for of in (engine.far, guarded._provider):

        async def find(uri: str) -> list[Material]:
            return [swapped]

        monkeypatch.setattr(of, "find", find)
        monkeypatch.setattr(of, "_keys", engine.far._keys)
    guarded._counts[made.uri] = 7  # no sample is due
    error = await refused(adopt(engine, uri=made.uri, provider=provider))
    assert error.reason is Reason.PROVIDER_INTEGRITY
    assert engine.keyring.view.snapshot.keys == {}
    assert len(await engine.far.held()) == 2


async def test_material_that_can_t_sign_is_not_adopted(engine: Engine) -> None:
    made = await material(engine)
    engine.far.fault = SignerdError(Reason.PROVIDER_DENIED, "no sign permission")
    assert (await refused(adopt(engine, uri=made.uri))).reason is Reason.PROVIDER_DENIED
    assert len(await engine.far.held()) == 1


async def test_material_without_an_enabled_version(engine: Engine, history: History) -> None:
    history(await material(engine, enabled=False))
    assert (await refused(adopt(engine))).reason is Reason.KEY_MATERIAL_DISABLED
    answer = await adopt(engine, public_only=True)
    assert numbers_and_states(answer.key) == [(1, VERIFY_ONLY)]


async def test_managed_material_is_refused_and_its_key_named(engine: Engine, history: History) -> None:
    key = await engine.add_key("owner", provider="far")
    for fields in ({"uri": key.versions[0].uri}, {"uri": key.versions[0].uri, "public_only": True}):
        error = await refused(adopt(engine, **fields))
        assert (error.reason, error.field) == (Reason.KEY_EXISTS, "uri")
        assert "'owner'" in error.message
    history(await material(engine), replace(await material(engine, "b"), uri=key.versions[0].uri))
    assert (await refused(adopt(engine))).reason is Reason.KEY_EXISTS


async def test_a_name_that_another_worker_took(engine: Engine) -> None:
    made = await material(engine)
    await engine.add_key("release", seen=False)
    error = await refused(adopt(engine, uri=made.uri))
    assert (error.reason, error.field) == (Reason.KEY_EXISTS, "name")
    assert made.uri in {one.uri for one in await engine.far.held()}


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"name": "../x"}, Reason.KEY_NAME_INVALID, "name"),
        ({"labels": {"A": "x"}}, Reason.LABELS_INVALID, "labels"),
        ({"purpose": resources.KEY_PURPOSE_BUNDLE}, Reason.KEY_PURPOSE, "purpose"),
        ({"purpose": resources.KEY_PURPOSE_LOG}, Reason.KEY_PURPOSE, "purpose"),
        ({"request_id": "a b"}, Reason.REQUEST_ID_INVALID, "request_id"),
        ({"uri": ""}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "memory"}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "memory:"}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "ftp://x/y"}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "memory:a\nb"}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "memory:" + "a" * 1024}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "local:x/1-a.key"}, Reason.KEY_URI_INVALID, "uri"),
        ({"uri": "local:x/1-a.key", "provider": "files"}, Reason.KEY_MATERIAL_UNREADABLE, ""),
        ({"provider": "elsewhere"}, Reason.PROVIDER_UNKNOWN, "provider"),
        ({"provider": ""}, Reason.PROVIDER_UNKNOWN, "provider"),
        ({"provider": "", "uri": "aws-kms://eu-central-1/x"}, Reason.PROVIDER_UNKNOWN, "provider"),
        ({"uri": "memory:nothing/1-a"}, Reason.KEY_MATERIAL_UNREADABLE, ""),
    ],
)
async def test_requests_that_are_refused(
    engine: Engine, fields: dict[str, Any], reason: Reason, field: str
) -> None:
    error = await refused(adopt(engine, **fields))
    assert (error.reason, error.field) == (reason, field)
    record = engine.record()
    assert (record.operation, record.reason) == ("adopt-key", reason.name)


async def test_the_provider_of_a_scheme_needs_no_name_where_there_is_one(engine: Engine) -> None:
    made = await engine.worker.providers["files"].create(
        Order("others", 1, algorithm_named(""), "t", imported("ecdsa", 256, 1))
    )
    answer = await adopt(engine, uri=made.uri, provider="")
    assert answer.key.provider == "files"
    error = await refused(adopt(engine, "other", provider=""))
    assert "far, here" in error.message


async def test_an_adopted_history_passes_the_check(engine: Engine, history: History) -> None:
    """A version of another provider, of which only the public key was taken, is not looked for at this one."""
    await engine.add_key("release", provider="files")
    made = await material(engine, "a")
    await adopt(engine, uri=made.uri, public_only=True)
    answer = await engine.call("Keys/CheckKeys", keys_pb2.CheckKeysRequest(names=["release"]))
    assert [(one.version, one.ok, one.message) for one in answer.findings] == [(1, True, ""), (2, True, "")]


async def test_states_survive_a_new_reading(engine: Engine, history: History) -> None:
    history(await material(engine, "a", enabled=False), await material(engine, "b"))
    await adopt(engine)
    read = await engine.store.load()
    assert [one.state for one in read.keys["release"].versions] == [State.DISABLED, State.ACTIVE]
