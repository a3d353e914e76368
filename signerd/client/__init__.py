"""The public Python library: `Client` (blocking) and `AsyncClient` (asyncio).

It imports signerd.v1, core and errors, nothing of the daemon; gRPC is touched in `channels` only. Answers are the
protobuf messages of signerd.v1, errors are `SignerdError`.
"""

from signerd.client.aio import AsyncClient
from signerd.client.arguments import CallOptions, sign_request
from signerd.client.blocking import Client
from signerd.client.endpoints import Endpoint, parse_endpoint
from signerd.client.retries import Backoff
from signerd.client.settings import Settings, settings_from
from signerd.errors import Reason, SignerdError

__all__ = [
    "AsyncClient",
    "Backoff",
    "CallOptions",
    "Client",
    "Endpoint",
    "Reason",
    "Settings",
    "SignerdError",
    "parse_endpoint",
    "settings_from",
    "sign_request",
]
