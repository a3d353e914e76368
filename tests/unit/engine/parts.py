"""A worker without its sockets: requests go in as bytes where gRPC would hand them over, answers come out.

All parts are real (SQLite, audit log, providers); only the disk of the log and the provider `far` do as they are told.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message as Protobuf
from google.rpc.status_pb2 import Status

from signerd import daemon, provision
from signerd.audit.log import Log, Tuning, open_log
from signerd.audit.reading import list_records
from signerd.audit.records import Record
from signerd.authz.identity import Caller
from signerd.config_file import read
from signerd.core.algorithms import TABLE, Algorithm, algorithm_named
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.keys import Key, KeyVersion, Purpose, State
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.engine.checkpointer import Checkpointer
from signerd.instance import Wiring, Worker
from signerd.providers.base import Order
from signerd.providers.guard import Guarded
from signerd.providers.local.provider import LocalProvider
from signerd.providers.memory import MemoryProvider
from signerd.rpc import calls
from signerd.rpc.server import router
from signerd.state.changes import ChangeRequest
from signerd.state.database import Database
from signerd.state.location import SqliteLocation
from signerd.state.state_key import StateKey
from signerd.state.store import Store, utc_now
from signerd.state.watcher import Watcher
from signerd.v1 import signer_pb2 as pb
from tests.support.daemons import response_type
from tests.support.refusals import Refused, refused
from tests.unit.audit.samples import FaultyDisk

__all__ = ["Refused", "refused"]


ANN = Caller("unix:ann", "unix-socket", "ann")
BOB = Caller("spiffe://example.org/bob", "mtls", "tcp", "ipv4:192.0.2.1:4711")
PASSWORD = b"correct-horse-battery"
CONFIG = b"""
providers: {here: {type: memory}, far: {type: memory}, files: {type: local, directory: keys}}
default_provider: here
limits: {request: 1MiB, payload: 4096, concurrent: 300}
"""
REQUEST_LIMIT, PAYLOAD_LIMIT, CONCURRENT = 1 << 20, 4096, 300


@dataclass
class Context:
    """What gRPC hands over with a call, as far as signerd asks for it."""

    caller: Caller

    async def abort(self, code: grpc.StatusCode, message: str, trailers: Iterable[tuple[str, bytes]]) -> None:
        ((name, packed),) = trailers
        status = Status.FromString(packed)
        assert (name, status.code, status.message) == ("grpc-status-details-bin", code.value[0], message)
        raise Refused(status)


class Far(MemoryProvider):
    """A provider outside this process. It waits at `gate`, and raises `fault` if that is set."""

    in_process = False

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: BaseException | None = None
        self.waiting = self.most_waiting = 0

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.fault is not None:
            raise self.fault
        return await super().sign(uri, algorithm, given)


class CountingStore(Store):
    """A store that counts how often requests had it look at the state."""

    loads = 0

    async def revision(self) -> int:
        self.loads += 1
        return await super().revision()


@dataclass
class Called:
    """What gRPC looks a method up by."""

    method: str


class Engine:
    """The worker under test, and what tests need of its surroundings."""

    def __init__(self, worker: Worker, store: CountingStore, disk: FaultyDisk, far: Far, home: Path) -> None:
        self.worker, self.store, self.disk, self.far = worker, store, disk, far
        self.log: Log = worker.log
        self.keyring = worker.keyring
        store.loads = 0
        self.audit, self.keys = home / "audit", home / "keys"
        identify: Callable[[Any], Caller] = lambda context: context.caller  # noqa: E731
        self._router: Any = router(worker.listeners.methods, worker.gate, identify)

    def handler(self, path: str) -> Any:
        """What gRPC would call for a method, `Signer/Sign`."""
        return self._router.service(Called(f"/signerd.v1.{path}"))

    def context(self, caller: Caller) -> Context:
        """The context of a call."""
        return Context(caller)

    async def raw(self, path: str, request: bytes, caller: Caller = ANN) -> bytes:
        """Call a method with bytes."""
        answer: bytes = await self.handler(path).unary_unary(request, Context(caller))
        return answer

    async def call(self, path: str, request: Protobuf, caller: Caller = ANN) -> Any:
        """Call a method; raises Refused."""
        answer = await self.raw(path, request.SerializeToString(), caller)
        return response_type(path).FromString(answer)

    async def sign(self, key: str, caller: Caller = ANN, **fields: Any) -> pb.SignResponse:
        """Sign `some bytes`, or the input that is given."""
        answer: pb.SignResponse = await self.call("Signer/Sign", sign_request(key, **fields), caller)
        return answer

    async def batch(
        self, items: Sequence[pb.SignRequest], caller: Caller = ANN, **fields: Any
    ) -> list[pb.SignResponse | Refused]:
        """Sign a batch; items that failed come back as Refused."""
        answer = await self.call("Signer/BatchSign", pb.BatchSignRequest(items=items, **fields), caller)
        return [
            Refused(one.error) if one.WhichOneof("result") == "error" else one.response
            for one in answer.results
        ]

    async def verify(
        self, key: str, signature: bytes, caller: Caller = ANN, **fields: Any
    ) -> pb.VerifyResponse:
        """Verify a signature over `some bytes`, or the input that is given."""
        request = pb.VerifyRequest(key=key, signature=signature, **with_input(fields))
        answer: pb.VerifyResponse = await self.call("Signer/Verify", request, caller)
        return answer

    async def stream(
        self, parts: Iterable[pb.SignStreamRequest | bytes], caller: Caller = ANN
    ) -> pb.SignResponse:
        """Sign a stream of messages; bytes go in as they are."""

        async def messages() -> AsyncIterator[bytes]:
            for part in parts:
                yield part if isinstance(part, bytes) else part.SerializeToString()

        answer = await self.handler("Signer/SignStream").stream_unary(messages(), Context(caller))
        return pb.SignStreamResponse.FromString(answer).response

    async def add_key(
        self,
        name: str,
        algorithm: str = "ecdsa-p256-sha256",
        *,
        purpose: Purpose = Purpose.ARTIFACT,
        provider: str = "here",
        states: Sequence[State] = (State.ACTIVE,),
        primary: int = 1,
        seen: bool = True,
    ) -> Key:
        """Put a key into the state; without `seen` the worker does not know of it yet."""
        row = algorithm_named(algorithm)
        versions = [await self._version(name, row, provider, *one) for one in enumerate(states, 1)]
        key = Key(name, row, purpose, provider, primary, tuple(versions), utc_now(), "unix:ann")
        await self.store.commit_key(key, ChangeRequest("", "unix:ann", b"", "create-key"), lambda _: b"")
        if seen:
            await self.keyring.reload()
        self.store.loads = 0
        return key

    async def _version(
        self, name: str, row: Algorithm, provider: str, number: int, state: State
    ) -> KeyVersion:
        order = Order(name, number, row, "tag", imported(row.family.value[:3], row.size, number))
        material = await self.worker.providers[provider].create(order)
        return KeyVersion(name, number, state, material.uri, material.public_key, utc_now())

    def records(self, begun: bool = False) -> list[Record]:
        """All durable records, oldest first; those of changes that were begun only if asked for."""
        page = list_records(self.audit, page_size=1000)
        assert not page.next_token
        found = [entry.record for entry in page.entries][::-1]
        return [record for record in found if begun or not record.operation.endswith(("-begun", "-intent"))]

    def record(self) -> Record:
        """The only record there is."""
        (record,) = self.records()
        return record

    @property
    def under_way(self) -> int:
        """How many calls are, by the metrics."""
        (line,) = re.findall(rb"^signerd_in_flight (\d+)", self.worker.exposition(), re.MULTILINE)
        return int(line)

    def written(self) -> bytes:
        """All bytes of the audit log's files."""
        return b"".join(path.read_bytes() for path in sorted(self.audit.rglob("*.log")))


def sign_request(key: str, **fields: Any) -> pb.SignRequest:
    return pb.SignRequest(key=key, **with_input(fields))


def with_input(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with an input; `message=None` leaves it out."""
    if not fields.keys() & {"message", "digest", "dsse", "ml_dsa_mu"}:
        return {"message": b"some bytes", **fields}
    return {name: value for name, value in fields.items() if value is not None}


def header(key: str, length: int, **fields: Any) -> pb.SignStreamRequest:
    """The first message of a stream."""
    return pb.SignStreamRequest(header=pb.SignStreamHeader(key=key, length=length, **fields))


def chunk(data: bytes) -> pb.SignStreamRequest:
    """A further message of a stream."""
    return pb.SignStreamRequest(chunk=data)


def check_signature(key: Key, data: bytes, signature: bytes, version: int = 0) -> None:
    """Raise unless the signature is one of the version over the message."""
    public_key = load_public_key(key.version(version).public_key, key.algorithm)
    verifier(public_key, key.algorithm)(prepare(key.algorithm, Message(data)), signature)


class QuietWatcher(Watcher):
    """Sees no changes: tests say when the state is read."""

    async def run(self) -> None:
        await asyncio.Event().wait()


async def forever(*_: object) -> None:
    """Checkpoints are not what is looked at."""
    await asyncio.Event().wait()


async def no_record(*_: object) -> None:
    """Start and stop of the worker are not what is looked at."""


@asynccontextmanager
async def opened(
    location: SqliteLocation, home: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    """The worker over a migrated database and what an earlier one left in `home`."""
    disk, far, stores = FaultyDisk(), Far(), list[CountingStore]()
    providers = {
        "here": Guarded("here", "memory", MemoryProvider()),
        "far": Guarded("far", "memory", far),
        "files": Guarded("files", "local", LocalProvider(home / "keys", lambda: PASSWORD)),
    }

    def new_store(database: Database, secret: StateKey) -> CountingStore:
        stores.append(CountingStore(database, secret))
        return stores[-1]

    async def new_log(directory: Path, shard: str, *, tuning: Tuning, **more: Any) -> Log:
        quick = replace(tuning, gather=0.0005, probe=0.01)
        return await open_log(directory, "w0", tuning=quick, disk=disk, **more)

    monkeypatch.setattr(daemon, "Store", new_store)
    monkeypatch.setattr(provision, "open_log", new_log)
    monkeypatch.setattr(provision, "guarded", lambda setup, *_: providers[setup.name])
    monkeypatch.setattr(daemon, "own_listeners", lambda wiring: [])
    monkeypatch.setattr(daemon, "record_life", no_record)
    monkeypatch.setattr(daemon, "begin_shard", no_record)
    monkeypatch.setattr(Checkpointer, "run", forever)
    monkeypatch.setattr(Checkpointer, "begin", no_record)
    monkeypatch.setattr(Checkpointer, "finish", no_record)
    monkeypatch.setattr(daemon, "Watcher", QuietWatcher)
    monkeypatch.setattr(calls, "LINGER", 0.0)
    config = read(CONFIG, "config.yaml", home, {"SIGNERD_HOME": str(home)})
    wiring = Wiring(config, location, StateKey(bytes(32)), {}, ("be careful",))
    async with daemon.running(wiring) as worker:
        try:
            yield Engine(worker, stores[-1], disk, far, home)
        finally:
            disk.fault = None
            disk.gate.set()


@cache
def imported(kind: str, size: int, number: int) -> bytes:
    """A private key, PKCS#8 DER, made once for all tests: RSA takes seconds. `kind` begins the family's name."""
    row = next(row for row in TABLE if row.family.value.startswith(kind) and row.size == size)
    return to_pkcs8(generate(row))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)
