"""Recorded traffic: the fake answers what a real client sends, and answers as the real server did."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from signerd.core.algorithms import DEFAULT
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import GIVEN, Server, setup

VECTORS = Path(__file__).parents[3] / "vectors" / "vault"


@dataclass
class Recorded:
    """One recorded request; `content` is its JSON body, empty where it has none."""

    method: str
    path: str
    headers: dict[str, str]
    content: dict[str, Any]


def recorded() -> Iterator[Recorded]:
    for block in (VECTORS / "requests.log").read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("###")]
        if not lines:
            continue
        method, path = lines[0].split(" ")
        fields = dict(line.strip().split(":", 1) for line in lines[1:])
        body = fields.pop("body").strip()
        headers = {name: value.strip() for name, value in fields.items()}
        yield Recorded(method, path, headers, json.loads(body) if body else {})


def sent(server: Server, method: str, path: str, content: dict[str, Any], token: str) -> tuple[int, Any]:
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
    body = json.dumps(content).encode() if method in ("PUT", "POST") else None
    try:
        with urlopen(Request(server.address + path, body, headers, method=method), timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except HTTPError as error:
        return error.code, json.loads(error.read())


async def test_what_a_real_client_sends_is_answered(any_server: Server) -> None:
    any_server.call("POST", "transit/keys/chains-key", type="ecdsa-p256")
    requests = [one for one in recorded() if "/auth/" not in one.path]
    assert [one.method for one in requests] == ["GET", "PUT", "PUT", "PUT"]
    _, key = sent(any_server, "GET", requests[0].path, {}, any_server.token)
    public_key = serialization.load_pem_public_key(key["data"]["keys"]["1"]["public_key"].encode())
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    signature = ""
    for one in requests[1:3]:
        status, answer = sent(any_server, one.method, one.path, one.content, any_server.token)
        assert status == 200
        signature = answer["data"]["signature"]
        raw = base64.b64decode(signature.removeprefix("vault:v1:"))
        public_key.verify(raw, base64.b64decode(one.content["input"]), ec.ECDSA(Prehashed(hashes.SHA256())))
    verify = requests[3]
    _, answer = sent(
        any_server, verify.method, verify.path, {**verify.content, "signature": signature}, any_server.token
    )
    assert answer["data"] == {"valid": True}


async def test_we_sign_with_the_path_and_fields_of_that_client(
    any_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same method, headers and input: what policies allow it, they allow us."""
    theirs = next(one for one in recorded() if "/sign/" in one.path)
    provider = VaultProvider(setup(any_server))
    seen: list[tuple[str, bytes, str]] = []
    put = provider._wire._put

    async def seeing(url: str, body: bytes, token: str, what: str) -> Any:
        seen.append((url, body, token))
        return await put(url, body, token, what)

    monkeypatch.setattr(provider._wire, "_put", seeing)
    any_server.call("POST", "transit/keys/chains-key", type="ecdsa-p256")
    try:
        await provider.sign("vault-transit://transit/chains-key?version=1", DEFAULT, GIVEN)
    finally:
        await provider.close()
    ((url, body, _),) = seen
    assert url == any_server.address + theirs.path.removesuffix("/sha2-256")
    ours = json.loads(body)
    assert ours["prehashed"] is theirs.content["prehashed"]
    assert ours["hash_algorithm"] == "sha2-256"
    assert len(base64.b64decode(ours["input"])) == len(base64.b64decode(theirs.content["input"]))


async def test_errors_are_those_of_openbao(any_server: Server) -> None:
    """What was recorded is what the fake answers; where there is a real one, what it still answers."""
    name = f"k{uuid4().hex[:8]}"
    for one in json.loads((VECTORS / "answers.json").read_text()):
        path = "/v1/" + one["path"].replace("NAME", name)
        token = any_server.token if one["token"] else "s.notAToken000000000000000"
        status, answer = sent(any_server, one["method"], path, one["content"], token)
        errors = (answer or {}).get("errors")
        shown = [text.replace(name, "NAME") for text in errors] if errors is not None else None
        assert (one["method"], one["path"], status, shown) == (
            one["method"],
            one["path"],
            one["status"],
            one["errors"],
        )
