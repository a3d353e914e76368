"""Public keys, lists of keys, the audit log and the status, as callers see them."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signerd.core.algorithms import TABLE, Family
from signerd.core.keys import Purpose, State
from signerd.core.public_keys import spki
from signerd.errors import Reason
from signerd.v1 import admin_pb2, audit_pb2, keys_pb2
from signerd.v1 import signer_pb2 as pb
from tests.unit.engine.parts import ANN, BOB, Engine, refused, until


async def public_key(engine: Engine, **fields: Any) -> Any:
    return await engine.call("Signer/PublicKey", pb.PublicKeyRequest(**{"key": "k", **fields}))


async def get(engine: Engine, name: str, **fields: Any) -> Any:
    return await engine.call("Keys/GetKey", keys_pb2.GetKeyRequest(name=name, **fields))


async def list_keys(engine: Engine, **fields: Any) -> Any:
    return await engine.call("Keys/ListKeys", keys_pb2.ListKeysRequest(**fields))


async def records(engine: Engine, **fields: Any) -> Any:
    wanted = {name: fields.pop(name) for name in ("key", "outcome") if name in fields}
    request = audit_pb2.ListRecordsRequest(filter=wanted, **fields)
    return await engine.call("Audit/ListRecords", request)


async def record(engine: Engine, shard: str, sequence: int) -> Any:
    position = {"shard": shard, "sequence": sequence}
    return await engine.call("Audit/GetRecord", audit_pb2.GetRecordRequest(position=position))


async def status(engine: Engine, caller: Any = ANN) -> Any:
    return await engine.call("Admin/GetStatus", admin_pb2.GetStatusRequest(), caller)


@pytest.mark.parametrize("algorithm", [row for row in TABLE if row.size < 3072], ids=str)
async def test_a_public_key_in_all_its_forms(engine: Engine, algorithm: object) -> None:
    key = await engine.add_key("k", str(algorithm))
    (found,) = (await public_key(engine)).versions
    der = key.version(0).public_key
    assert found.der == der
    assert spki(load_pem_public_key(found.pem.encode())) == der  # type: ignore[arg-type]
    assert found.key_id == hashlib.sha256(der).hexdigest()
    assert (found.key_version, found.algorithm, found.primary) == ("keys/k/versions/1", str(algorithm), True)
    has_ssh_form = key.algorithm.family is not Family.ML_DSA
    assert found.ssh_fingerprint.startswith("SHA256:") is has_ssh_form
    assert json.loads(found.jwk)["kty"]
    assert (engine.record().operation, engine.record().version) == ("public-key", 1)


async def test_which_versions_are_shown(engine: Engine) -> None:
    states = [State.ACTIVE, State.VERIFY_ONLY, State.DISABLED, State.ACTIVE]
    await engine.add_key("k", states=states, primary=1)
    shown = (await public_key(engine, all=True)).versions
    assert [one.key_version[-1] for one in shown] == ["1", "4", "2"]
    assert [one.primary for one in shown] == [True, False, False]
    assert [one.key_version[-1] for one in (await public_key(engine)).versions] == ["1"]
    (disabled,) = (await public_key(engine, version=3)).versions
    assert disabled.state == 4
    error = await refused(public_key(engine, version=3, all=True))
    assert (error.reason, error.field) == (Reason.VERSION_INVALID, "version")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"key": "nobody"}, Reason.KEY_NOT_FOUND),
        ({"key": "../k"}, Reason.KEY_NAME_INVALID),
        ({"version": 7}, Reason.VERSION_NOT_FOUND),
        ({"version": -1}, Reason.VERSION_INVALID),
        ({"request_id": "a b"}, Reason.REQUEST_ID_INVALID),
    ],
)
async def test_public_keys_that_are_not_shown(engine: Engine, fields: dict[str, Any], reason: Reason) -> None:
    await engine.add_key("k")
    assert (await refused(public_key(engine, **fields))).reason is reason
    assert engine.record().reason == reason.name


async def test_a_key_and_its_versions(engine: Engine) -> None:
    await engine.add_key("bundle", purpose=Purpose.BUNDLE, states=[State.ACTIVE, State.PENDING])
    answer = await get(engine, "bundle")
    assert (answer.revision, answer.key.primary_version, answer.key.purpose) == (1, 1, 3)
    assert [version.state for version in answer.key.versions] == [2, 1]
    await engine.add_key("late", seen=False)
    assert (await get(engine, "late")).key.name == "late"
    for name, reason in (("nobody", Reason.KEY_NOT_FOUND), ("../k", Reason.KEY_NAME_INVALID)):
        error = await refused(get(engine, name))
        assert (error.reason, error.field) == (reason, "name")


async def test_pages_of_keys(engine: Engine) -> None:
    names = ["a", "a/b", "b", "c", "c-d"]
    for name in reversed(names):
        await engine.add_key(name)
    found: list[str] = []
    token = ""
    for _ in range(9):
        page = await list_keys(engine, page_size=2, page_token=token)
        assert len(page.keys) <= 2
        found += [key.name for key in page.keys]
        token = page.next_page_token
        if not token:
            break
    assert found == names
    assert not (await list_keys(engine)).next_page_token
    assert page.revision == 5


@pytest.mark.parametrize("size", [-1, 1001, 2**31 - 1])
async def test_sizes_of_pages(engine: Engine, size: int) -> None:
    for call in (list_keys(engine, page_size=size), records(engine, page_size=size)):
        error = await refused(call)
        assert (error.reason, error.field) == (Reason.PAGE_INVALID, "page_size")
    assert [one.operation for one in engine.records()] == ["list-keys", "list-records"]


async def test_pages_of_records_newest_first(engine: Engine) -> None:
    await engine.add_key("k")
    for number in range(7):
        await engine.sign("k", request_id=f"{number}")
    found: list[str] = []
    token = ""
    for _ in range(9):
        page = await records(engine, page_size=3, page_token=token, key="k")
        found += [one.request_id for one in page.records]
        token = page.next_page_token
        if not token:
            break
    assert found == ["6", "5", "4", "3", "2", "1", "0"]


async def test_records_of_one_key_or_outcome(engine: Engine) -> None:
    await engine.add_key("k")
    await engine.add_key("far", provider="far")
    engine.far.fault = ZeroDivisionError()
    await engine.sign("k")
    await refused(engine.sign("far"))
    await refused(engine.sign("k", message=b"DSSEv1 x"))
    for fields, wanted in (
        ({"outcome": "ok", "key": "k"}, [("k", "ok")]),
        ({"outcome": "refused"}, [("k", "refused")]),
        ({"outcome": "failed"}, [("far", "failed")]),
        ({"key": "k"}, [("k", "refused"), ("k", "ok")]),
        ({"key": "far", "outcome": "ok"}, []),
    ):
        page = await records(engine, **fields)
        assert [
            (one.key_version.split("/")[1], one.outcome) for one in page.records if one.operation == "sign"
        ] == wanted


async def test_reading_the_log_is_on_record(engine: Engine) -> None:
    await records(engine, key="k")
    assert (engine.record().operation, engine.record().key) == ("list-records", "k")
    await record(engine, "w0", 1)
    assert engine.records()[1].operation == "get-record"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"outcome": "bad"}, Reason.REQUEST_MALFORMED),
        ({"key": "../k"}, Reason.KEY_NAME_INVALID),
        ({"page_token": "x"}, Reason.PAGE_INVALID),
        ({"page_token": "eyJ3MCI6LTF9"}, Reason.PAGE_INVALID),
        ({"page_token": "é"}, Reason.PAGE_INVALID),
    ],
)
async def test_filters_that_are_refused(engine: Engine, fields: dict[str, Any], reason: Reason) -> None:
    assert (await refused(records(engine, **fields))).reason is reason


async def test_one_record(engine: Engine) -> None:
    await engine.add_key("k")
    signed = await engine.sign("k", BOB, request_id="r")
    found = (await record(engine, signed.audit.shard, signed.audit.sequence)).record
    assert found.position == signed.audit
    assert (found.key_version, found.operation, found.outcome) == ("keys/k/versions/1", "sign", "ok")
    assert (found.caller, found.request_id) == (BOB.subject, "r")
    body = json.loads(found.json)
    assert body["signature_sha256"] == hashlib.sha256(signed.signature).hexdigest()
    assert found.json.encode() in engine.written()
    assert found.time.ToJsonString()[:19] == body["time"][:19]


@pytest.mark.parametrize(
    ("shard", "sequence"),
    [
        ("w0", 0),
        ("w0", -1),
        ("w0", 99),
        ("w0", 2**63 - 1),
        ("w9", 1),
        ("", 1),
        ("../audit/w0", 1),
        ("w0/", 1),
    ],
)
async def test_records_that_are_not_there(engine: Engine, shard: str, sequence: int) -> None:
    await engine.add_key("k")
    await engine.sign("k")
    assert (await refused(record(engine, shard, sequence))).reason is Reason.AUDIT_RECORD_NOT_FOUND


async def test_the_status(engine: Engine) -> None:
    await engine.add_key("k")
    await engine.sign("k")
    found = await status(engine, BOB)
    assert (found.serving, found.revision, found.keys, found.caller) == (True, 1, 1, BOB.subject)
    assert (found.worker, found.workers) == (0, 1)
    assert [(one.name, one.type, one.healthy) for one in found.providers] == [
        ("far", "memory", True),
        ("files", "local", True),
        ("here", "memory", True),
    ]
    assert (found.audit.shard, found.audit.sequence, found.audit.healthy) == ("w0", 1, True)
    assert "be careful" in found.warnings
    assert engine.records()[-1].operation == "get-status"


async def test_the_status_tells_of_a_log_that_cant_be_written(engine: Engine) -> None:
    engine.disk.fault = errno.ENOSPC
    await refused(status(engine))
    found = await status(engine)
    assert (found.serving, found.audit.healthy) == (False, False)
    assert "No space left" in found.audit.detail
    assert "No space left" in engine.worker.unready()
    engine.disk.fault = None
    await until(lambda: engine.log.healthy)
    assert (await status(engine)).serving
    assert engine.worker.unready() == ""


async def test_the_status_of_a_worker_that_stops(engine: Engine) -> None:
    engine.worker.status.draining = True
    assert not (await status(engine)).serving
    assert engine.worker.unready() == "stopping"


async def test_reading_goes_on_beside_signing(engine: Engine) -> None:
    await engine.add_key("k")
    calls = [call for _ in range(10) for call in (engine.sign("k"), records(engine), list_keys(engine))]
    assert len(await asyncio.gather(*calls)) == 30
