"""No payload, PIN, token or password in the audit log: looked for in what is written and in the code that does it."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import signerd
from signerd.v1 import audit_pb2, keys_pb2
from signerd.v1 import signer_pb2 as pb
from tests.unit.attestation.test_contents import simple
from tests.unit.attestation.test_statements import statement
from tests.unit.engine.parts import BOB, PASSWORD, Engine, chunk, header, sign_request

MARKER = "hush-5d41402a"
IN_TOTO = "application/vnd.in-toto+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
PAYLOADS = {
    "predicate": (IN_TOTO, statement(predicate={"token": MARKER})),
    "another member": (IN_TOTO, statement(**{MARKER: MARKER})),
    "no statement": (IN_TOTO, b'{"a": "' + MARKER.encode() + b'"}'),
    "wrong type": (IN_TOTO, statement(_type=MARKER)),
    "wrong subject": (IN_TOTO, statement(subject=[{"name": MARKER, "digest": {"sha256": MARKER}}])),
    "wrong algorithm": (IN_TOTO, statement(subject=[{"digest": {MARKER: ""}}])),
    "cut short": (IN_TOTO, statement(predicate={"token": MARKER})[:-3]),
    "not UTF-8": (IN_TOTO, MARKER.encode() + b"\xff"),
    "optional": (SIMPLE, simple(optional={"token": MARKER})),
    "no simple signing": (SIMPLE, json.dumps({"critical": MARKER}).encode()),
    "wrong digest": (SIMPLE, simple(digest=MARKER)),
    "wrong kind": (SIMPLE, simple(kind=MARKER)),
    "other type": ("text/plain", MARKER.encode()),
}


def spellings(secret: bytes) -> Iterator[bytes]:
    """How a secret might show up: as it is, as hex, as base64 at any offset."""
    yield from (secret, secret.hex().encode(), secret.hex().upper().encode())
    yield from (base64.b64encode(secret[offset:])[4:-4] for offset in range(3))


def assert_untold(engine: Engine) -> None:
    written = engine.written()
    assert engine.records()
    for secret in (MARKER.encode(), PASSWORD):
        for spelling in spellings(secret):
            assert spelling not in written


@pytest.mark.parametrize("provider", ["here", "far"])
@pytest.mark.parametrize(("payload_type", "payload"), PAYLOADS.values(), ids=PAYLOADS)
async def test_no_payload_is_on_record(
    engine: Engine, payload_type: str, payload: bytes, provider: str
) -> None:
    await engine.add_key("k", provider=provider)
    dsse = {"payload_type": payload_type, "payload": payload}
    first = pb.SignStreamHeader(key="k", length=len(payload), payload_type=payload_type)
    calls = [
        engine.sign("k", dsse=dsse),
        engine.sign("k", message=payload),
        engine.sign("k", message=b"DSSEv1 " + payload),
        engine.sign("k", dsse=dsse, validate_only=True),
        engine.sign("k", dsse=dsse, input_crc32c=1),
        engine.sign("nobody", dsse=dsse),
        engine.batch([sign_request("k", dsse=dsse), sign_request("k", message=payload)]),
        engine.stream([pb.SignStreamRequest(header=first), chunk(payload)]),
        engine.stream([header("k", len(payload)), chunk(payload)]),
        engine.verify("k", payload, dsse=dsse),
        engine.verify("k", b"0" * 70, message=payload),
    ]
    await asyncio.gather(*calls, return_exceptions=True)
    assert_untold(engine)


async def test_no_words_of_a_provider_are_on_record(engine: Engine) -> None:
    await engine.add_key("k", provider="far")
    for fault in (RuntimeError(MARKER), PermissionError(13, MARKER), ValueError({"token": MARKER})):
        engine.far.fault = fault
        await asyncio.gather(engine.sign("k"), engine.batch([sign_request("k")]), return_exceptions=True)
        await asyncio.gather(engine.stream([header("k", 1), chunk(b"a")]), return_exceptions=True)
    assert_untold(engine)


async def test_no_private_key_or_password_is_on_record(engine: Engine) -> None:
    material = f"-----BEGIN PRIVATE KEY-----\n{MARKER}\n-----END PRIVATE KEY-----\n".encode()
    for provider in ("files", "here", "far", "nowhere"):
        request = keys_pb2.ImportKeyRequest(
            name="new", private_key=material, password=MARKER.encode(), provider=provider
        )
        await asyncio.gather(engine.call("Keys/ImportKey", request, BOB), return_exceptions=True)
    await engine.call("Keys/CreateKey", keys_pb2.CreateKeyRequest(name="kept", provider="files"))
    await engine.sign("kept")
    assert_untold(engine)


async def test_what_is_looked_for_is_not_on_record(engine: Engine) -> None:
    await engine.add_key("k")
    token = base64.b64encode(MARKER.encode()).decode()
    await asyncio.gather(
        engine.call("Audit/ListRecords", audit_pb2.ListRecordsRequest(page_token=token)),
        engine.call("Keys/ListKeys", keys_pb2.ListKeysRequest(page_token=token)),
        return_exceptions=True,
    )
    assert_untold(engine)


SECRETIVE = re.compile(
    r"payload(?!_type)|password|passphrase|secret|token|\bpin\b|private|credential|\bdata\b"
)
SOURCES = sorted(Path(signerd.__file__).parent.rglob("*.py"))


def makers(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that make records, or the facts they are made of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("Record", "Facts", "Contents", "Subject", "record_event"):
                yield node


def test_nothing_secret_is_named_where_records_are_made() -> None:
    found = 0
    for path in SOURCES:
        for call in makers(ast.parse(path.read_text())):
            found += 1
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            names = [
                node.id if isinstance(node, ast.Name) else node.attr
                for argument in arguments
                for node in ast.walk(argument)
                if isinstance(node, ast.Name | ast.Attribute)
            ]
            assert not [name for name in names if SECRETIVE.search(name)], f"{path}:{call.lineno}"
    assert found > 20
