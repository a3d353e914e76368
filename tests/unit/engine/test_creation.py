"""CreateKey and ImportKey: once and whole, or not at all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from signerd.core import cosign_keys
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.state.location import SqliteLocation
from signerd.v1 import keys_pb2
from signerd.v1 import resources_pb2 as resources
from tests.unit.engine.parts import ANN, BOB, Engine, Refused, imported, opened, refused

Create = Callable[..., Awaitable[Any]]
SECRET = imported("ecd", 256, 1)


def pem(der: bytes = SECRET) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"


def locked(password: bytes) -> bytes:
    return cosign_keys.encrypt(SECRET, password)


async def create(engine: Engine, name: str = "new", caller: Any = ANN, **fields: Any) -> Any:
    return await engine.call("Keys/CreateKey", keys_pb2.CreateKeyRequest(name=name, **fields), caller)


async def import_key(engine: Engine, name: str = "new", caller: Any = ANN, **fields: Any) -> Any:
    fields = {"private_key": pem(), **fields}
    return await engine.call("Keys/ImportKey", keys_pb2.ImportKeyRequest(name=name, **fields), caller)


both = pytest.mark.parametrize("make", [create, import_key], ids=["create", "import"])


def files(engine: Engine) -> list[Path]:
    """Key files, without the public keys beside them."""
    return sorted(path for path in engine.keys.rglob("*.key") if path.is_file())


@both
@pytest.mark.parametrize("provider", ["here", "far", "files"])
async def test_a_new_key_signs_at_once(engine: Engine, make: Create, provider: str) -> None:
    made = await make(engine, "team-a/new", provider=provider, labels={"team": "ä"})
    assert (made.key.name, made.key.algorithm) == ("team-a/new", "ecdsa-p256-sha256")
    assert (made.key.provider, dict(made.key.labels)) == (provider, {"team": "ä"})
    assert (made.key.primary_version, made.key.created_by) == (1, "unix:ann")
    assert made.key.purpose == resources.KEY_PURPOSE_ARTIFACT
    (version,) = made.key.versions
    assert (version.name, version.version) == ("keys/team-a/new/versions/1", 1)
    assert version.state == resources.KEY_VERSION_STATE_ACTIVE
    signed = await engine.sign("team-a/new", min_revision=made.revision)
    assert (signed.key_id, signed.key_version) == (version.key_id, version.name)
    await engine.verify("team-a/new", signed.signature)


async def test_an_imported_key_is_the_one_that_was_given(engine: Engine) -> None:
    private_key: Any = load_der_private_key(SECRET, None)
    made = await import_key(engine)
    assert made.key.versions[0].key_id == hashlib.sha256(spki(private_key.public_key())).hexdigest()


async def test_passwords_of_imported_keys(engine: Engine) -> None:
    assert (await import_key(engine, private_key=locked(b"right"), password=b"right")).revision
    for password in (b"wrong", b""):
        error = await refused(import_key(engine, "other", private_key=locked(b"right"), password=password))
        assert error.reason is Reason.PASSWORD_WRONG
    assert engine.records()[-1].reason == "PASSWORD_WRONG"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"private_key": b""}, Reason.PRIVATE_KEY_INVALID),
        ({"private_key": b"garbage"}, Reason.PRIVATE_KEY_INVALID),
        ({"private_key": pem(b"garbage")}, Reason.PRIVATE_KEY_INVALID),
        ({"algorithm": "ed25519"}, Reason.ALGORITHM_UNSUPPORTED),
        ({"algorithm": "rot13"}, Reason.ALGORITHM_UNKNOWN),
        ({"purpose": resources.KEY_PURPOSE_BUNDLE}, Reason.KEY_PURPOSE),
        ({"purpose": resources.KEY_PURPOSE_LOG}, Reason.KEY_PURPOSE),
    ],
)
async def test_imports_that_are_refused(engine: Engine, fields: dict[str, Any], reason: Reason) -> None:
    assert (await refused(import_key(engine, provider="files", **fields))).reason is reason
    assert (engine.record().operation, engine.record().reason) == ("import-key", reason.name)
    assert files(engine) == []


LABELS: list[dict[str, str]] = [
    {"": "x"},
    {"A": "x"},
    {"a b": "x"},
    {"a" * 64: "x"},
    {"a\n": "x"},
    {"a": "x" * 256},
    {"a": "\n"},
    {"a": "\x85"},
    {f"a{number}": "" for number in range(65)},
]


@both
@pytest.mark.parametrize("labels", LABELS)
async def test_labels_that_are_refused(engine: Engine, make: Create, labels: dict[str, str]) -> None:
    error = await refused(make(engine, labels=labels))
    assert (error.reason, error.field) == (Reason.LABELS_INVALID, "labels")


@both
async def test_labels_that_are_taken(engine: Engine, make: Create) -> None:
    labels = {f"{'a' * 60}{number}": "ü" * 255 for number in range(63)} | {"a.b/c_d-e": ""}
    assert dict((await make(engine, labels=labels)).key.labels) == labels


@both
@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"name": "../new"}, Reason.KEY_NAME_INVALID, "name"),
        ({"name": ""}, Reason.KEY_NAME_INVALID, "name"),
        ({"name": "a/versions/1"}, Reason.KEY_NAME_INVALID, "name"),
        ({"provider": "nowhere"}, Reason.PROVIDER_UNKNOWN, "provider"),
        ({"purpose": 99}, Reason.REQUEST_MALFORMED, "purpose"),
        ({"algorithm": "rot13"}, Reason.ALGORITHM_UNKNOWN, "algorithm"),
        ({"request_id": "a b"}, Reason.REQUEST_ID_INVALID, "request_id"),
        ({"traceparent": "x"}, Reason.TRACEPARENT_INVALID, "traceparent"),
    ],
)
async def test_fields_that_are_refused(
    engine: Engine, make: Create, fields: dict[str, Any], reason: Reason, field: str
) -> None:
    error = await refused(make(engine, **fields))
    assert (error.reason, error.field) == (reason, field)
    assert engine.record().reason == reason.name


@pytest.mark.parametrize("purpose", ["KEY_PURPOSE_BUNDLE", "KEY_PURPOSE_LOG"])
async def test_keys_of_the_daemon_can_be_made_but_not_used(engine: Engine, purpose: str) -> None:
    made = await create(engine, purpose=purpose)
    assert made.key.purpose == resources.KeyPurpose.Value(purpose)
    assert (await refused(engine.sign("new"))).reason is Reason.KEY_PURPOSE


@both
async def test_a_name_is_given_once(engine: Engine, make: Create) -> None:
    first = await make(engine, provider="files")
    error = await refused(make(engine, provider="files"))
    assert (error.reason, error.field) == (Reason.KEY_EXISTS, "name")
    assert len(files(engine)) == 1
    assert (await engine.sign("new")).key_id == first.key.versions[0].key_id


async def test_of_many_who_want_a_name_one_gets_it(engine: Engine) -> None:
    calls = [create(engine, provider="files", request_id=f"{number}") for number in range(8)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    won = [one for one in results if not isinstance(one, BaseException)]
    lost = [one.reason for one in results if isinstance(one, Refused)]
    assert len(won) == 1
    assert lost == [Reason.KEY_EXISTS] * 7
    assert len(files(engine)) == 1
    assert (await engine.sign("new")).key_id == won[0].key.versions[0].key_id
    assert sorted(record.outcome for record in engine.records()[:8]) == ["ok", *["refused"] * 7]


@both
async def test_the_same_request_gets_the_first_answer(engine: Engine, make: Create) -> None:
    first = await make(engine, request_id="r", provider="files", labels={"a": "1", "b": "2"})
    again = await make(engine, request_id="r", provider="files", labels={"b": "2", "a": "1"})
    assert (again.key, again.revision) == (first.key, first.revision)
    assert again.audit.sequence > first.audit.sequence
    assert len(files(engine)) == 1
    assert [record.outcome for record in engine.records()] == ["ok", "ok"]


@both
async def test_the_same_request_at_once_makes_one_key(engine: Engine, make: Create) -> None:
    answers = await asyncio.gather(*(make(engine, request_id="r", provider="files") for _ in range(6)))
    assert len({answer.key.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert len(files(engine)) == 1
    assert (await engine.sign("new")).key_id == answers[0].key.versions[0].key_id


@both
@pytest.mark.parametrize(
    "fields",
    [
        {"name": "other"},
        {"algorithm": "ecdsa-sha2-256-nistp256"},
        {"provider": "far"},
        {"labels": {"a": "b"}},
    ],
)
async def test_the_id_of_another_request_is_refused(
    engine: Engine, make: Create, fields: dict[str, Any]
) -> None:
    await make(engine, request_id="r", provider="files")
    error = await refused(make(engine, **({"request_id": "r", "provider": "files"} | fields)))
    assert (error.reason, error.field) == (Reason.REQUEST_ID_REUSED, "request_id")
    assert len(files(engine)) == 1


async def test_another_private_key_is_another_request(engine: Engine) -> None:
    await import_key(engine, request_id="r")
    error = await refused(import_key(engine, request_id="r", private_key=pem(imported("ecd", 256, 2))))
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert (await refused(create(engine, request_id="r"))).reason is Reason.REQUEST_ID_REUSED


async def test_ids_belong_to_their_callers(engine: Engine) -> None:
    await create(engine, "one", ANN, request_id="r")
    assert (await create(engine, "two", BOB, request_id="r")).key.name == "two"


@pytest.fixture
async def restarted(
    location: SqliteLocation, home: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Any, Engine]]:
    """The answer of a worker that has ended, and the next one."""
    async with opened(location, home, monkeypatch) as engine:
        first = await create(engine, request_id="r", provider="files")
    async with opened(location, home, monkeypatch) as engine:
        yield first, engine


async def test_the_first_answer_outlives_the_worker(restarted: tuple[Any, Engine]) -> None:
    first, engine = restarted
    again = await create(engine, request_id="r", provider="files")
    assert (again.key, again.revision) == (first.key, first.revision)
    assert (await refused(create(engine, request_id="r"))).reason is Reason.REQUEST_ID_REUSED
    signed = await engine.sign("new")
    assert signed.key_id == first.key.versions[0].key_id


async def test_a_caller_that_goes_away_stops_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, begun, go_on = engine.store.commit_key, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await commit(*args)

    monkeypatch.setattr(engine.store, "commit_key", slow)
    request = asyncio.create_task(create(engine, request_id="r", provider="files"))
    await begun.wait()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    go_on.set()
    await engine.worker.listeners.methods.keys.creator.settle()
    begun_record, record = engine.records(begun=True)
    assert (begun_record.operation, begun_record.request_id) == ("create-key-begun", "r")
    assert (record.operation, record.outcome, record.request_id) == ("create-key", "ok", "r")
    assert (await engine.sign("new")).signature
    assert (await create(engine, request_id="r", provider="files")).key.name == "new"


async def test_material_of_a_key_that_may_exist_is_kept(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = engine.store.commit_key

    async def unanswered(*args: Any) -> Any:
        await commit(*args)
        raise SignerdError(Reason.STATE_UNAVAILABLE)

    monkeypatch.setattr(engine.store, "commit_key", unanswered)
    assert (
        await refused(create(engine, request_id="r", provider="files"))
    ).reason is Reason.STATE_UNAVAILABLE
    monkeypatch.undo()
    made = await create(engine, request_id="r", provider="files")
    assert (await engine.sign("new", min_revision=made.revision)).signature


@pytest.mark.parametrize("provider", ["far", "files"])
async def test_a_provider_that_breaks_leaves_no_key(
    engine: Engine, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(engine.worker.providers[provider]._provider, "create", broken)
    assert (await refused(create(engine, provider=provider))).reason is Reason.PROVIDER_UNAVAILABLE
    assert "secret" not in engine.record().detail
    assert (await create(engine, provider="here")).key.provider == "here"
