"""A worker of the daemon in this process, on real sockets: `async with serving(home) as daemon`.

The home directory has to be short, since socket paths are limited: use `short_home`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from signerd.audit.reading import list_records
from signerd.audit.records import Record
from signerd.authz.identity import DAEMON
from signerd.config import Config
from signerd.config_file import read
from signerd.daemon import running
from signerd.instance import Worker, prepared
from signerd.state.location import SqliteLocation
from signerd.state.migration import ensure_schema
from signerd.v1.keys_pb2 import CreateKeyRequest
from tests.support.refusals import from_call

PROVIDERS = "providers: {keys: {type: memory}}\n"


@contextmanager
def short_home() -> Iterator[Path]:
    """A home directory with a short path, in memory where that can be (real disks are slow); gone afterwards."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None, prefix="s") as made:
        yield Path(made)


@dataclass
class Daemon:
    """A worker that serves, and a channel to one of its listeners."""

    worker: Worker
    home: Path
    channel: grpc.aio.Channel

    async def call(self, path: str, request: Message, **options: Any) -> Any:
        """Call a method, `Signer/Sign`; raises Refused."""
        answer = await self.raw(f"/signerd.v1.{path}", request.SerializeToString(), **options)
        return response_type(path).FromString(answer)

    async def raw(self, path: str, request: bytes, **options: Any) -> bytes:
        """Call a method with bytes; raises Refused."""
        try:
            return await raw_call(self.channel, path, request, **options)
        except grpc.aio.AioRpcError as error:
            raise from_call(error) from None

    async def add_key(self, name: str, **fields: Any) -> Any:
        """Create a key."""
        return await self.call("Keys/CreateKey", CreateKeyRequest(name=name, **fields))

    def records(self) -> list[Record]:
        """All durable records of requests, oldest first; without what the daemon does by itself."""
        entries = list_records(self.home / "audit", page_size=1000).entries[::-1]
        return [entry.record for entry in entries if entry.record.caller != DAEMON.subject]


@asynccontextmanager
async def serving(home: Path, config: str = PROVIDERS) -> AsyncIterator[Daemon]:
    """A daemon under a home directory; the channel leads to its Unix socket."""
    settings = read(config.encode(), "config.yaml", home, {"SIGNERD_HOME": str(home)})
    migrate(settings)
    async with (
        running(prepared(settings, {}, 0, 1)) as worker,
        grpc.aio.insecure_channel(f"unix:{home}/run/signerd.sock") as channel,
    ):
        yield Daemon(worker, home, channel)


def migrate(config: Config) -> None:
    """Give a home a database of today's schema, as `signerd serve` does; making it takes long, so it is copied."""
    path = config.home / "state.db"
    if not path.exists():
        path.write_bytes(_migrated())
        path.chmod(0o600)


@cache
def _migrated() -> bytes:
    with short_home() as home:
        path = home / "state.db"
        ensure_schema(SqliteLocation(path))
        return path.read_bytes()


async def raw_call(channel: grpc.aio.Channel, path: str, request: bytes, **options: Any) -> bytes:
    """Call a unary method with bytes; waits 30 s unless told otherwise."""
    method: Any = channel.unary_unary(path)
    answer: bytes = await method(request, **{"timeout": 30, **options})
    return answer


async def stream_call(channel: grpc.aio.Channel, path: str, messages: Iterable[bytes]) -> bytes:
    """Call a method that takes a stream; raises Refused."""
    method: Any = channel.stream_unary(path)
    try:
        answer: bytes = await method(iter(messages), timeout=30)
    except grpc.aio.AioRpcError as error:
        raise from_call(error) from None
    return answer


def response_type(path: str) -> type[Any]:
    """The message that a method answers with."""
    service, method = path.split("/")
    found = descriptor_pool.Default().FindServiceByName(f"signerd.v1.{service}")
    return message_factory.GetMessageClass(found.methods_by_name[method].output_type)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
