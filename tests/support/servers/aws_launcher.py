"""moto server as AWS KMS and STS, with what moto gets wrong about KMS put right. Run as a program:

    python -m tests.support.servers.aws_launcher [--port N] [--latency SECONDS]

It prints its port in a line of its own, and ends with its standard input. Corrected, after AWS's
API reference and its page on key states:

- a digest is signed as it is, not hashed again, and has the length of its hash,
- RSA-PSS has a salt as long as the digest,
- keys that are disabled or wait for their deletion do not sign and do not show their public key,
- what waits for its deletion can't be changed; and a change takes the ARN of a key, not only its id.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend
from moto.kms.responses import KmsResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support.servers.aws import end_with_parent
from tests.support.servers.aws_signing import Refusal, signed

CHANGES = ("disable_key", "enable_key", "schedule_key_deletion")


def _key(response: KmsResponse) -> Key:
    key_id = response._get_param("KeyId")
    response._validate_key_id(key_id)
    return response.kms_backend.describe_key(key_id)


def _check_usable(key: Key) -> None:
    if key.key_state == "PendingDeletion":
        raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if not key.enabled:
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")


def sign(response: KmsResponse) -> str:
    """Sign, instead of moto's."""
    key, algorithm = _key(response), response._get_param("SigningAlgorithm")
    _check_usable(key)
    if algorithm not in key.signing_algorithms:
        raise JsonRESTError(
            "InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}."
        )
    message_type = response._get_param("MessageType") or "RAW"
    private_key: Any = key.private_key
    try:
        made = signed(private_key.private_key, algorithm, response._get_param("Message"), message_type)
    except Refusal as refusal:
        raise JsonRESTError(refusal.kind, refusal.text) from None
    return json.dumps(
        {"KeyId": key.arn, "Signature": base64.b64encode(made).decode(), "SigningAlgorithm": algorithm}
    )


def correct() -> None:
    """Put the corrections in place."""
    show = KmsResponse.get_public_key

    def get_public_key(response: KmsResponse) -> str:
        _check_usable(_key(response))
        return show(response)

    for name in CHANGES:
        setattr(KmsBackend, name, _by_arn(getattr(KmsBackend, name)))
    changes = {name: _unless_deleted(getattr(KmsResponse, name)) for name in CHANGES}
    for name, corrected in {"sign": sign, "get_public_key": get_public_key, **changes}.items():
        setattr(KmsResponse, name, corrected)


def _by_arn(change: Callable[..., Any]) -> Callable[..., Any]:
    def changed(backend: KmsBackend, key_id: str, *rest: Any) -> Any:
        return change(backend, backend.get_key_id(key_id), *rest)

    return changed


def _unless_deleted(change: Callable[[KmsResponse], str]) -> Callable[[KmsResponse], str]:
    def changed(response: KmsResponse) -> str:
        response._validate_cmk_id(response._get_param("KeyId"))
        key = _key(response)
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return change(response)

    return changed


class Delayed:
    """A WSGI application that answers later."""

    def __init__(self, app: Callable[..., Iterable[bytes]], seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        time.sleep(self._seconds)
        return self._app(environ, start_response)


class Handler(WSGIRequestHandler):
    """Keeps connections open, and is silent."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    end_with_parent()
    correct()
    app = Delayed(DomainDispatcherApplication(create_backend_app), given.latency)
    server = make_server("127.0.0.1", given.port, app, threaded=True, request_handler=Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
