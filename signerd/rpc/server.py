"""gRPC servers: one for each listener, so that the listener's name is part of the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from grpc import aio

from signerd.authz.roles import Role, denied, may_call
from signerd.rpc.answering import StreamMethod, answering, refusing
from signerd.rpc.auditing import AuditMethods
from signerd.rpc.calls import Gate, Handler, Identify, Method, streaming, unary
from signerd.rpc.evidence import EvidenceMethods
from signerd.rpc.keeping import AdminMethods
from signerd.rpc.keys import KeysMethods
from signerd.rpc.material import MaterialMethods
from signerd.rpc.providers import ProvidersMethods
from signerd.rpc.signing import SigningMethods
from signerd.v1 import admin_pb2, audit_pb2, evidence_pb2, keys_pb2, providers_pb2, signer_pb2

PACKAGE = "/signerd.v1."
SIGN_STREAM = "sign-stream"
TRANSPORT_FACTOR = 4
"""The transport takes messages so many times larger than we do: between the two, the answer has our own words."""

STREAM_WINDOW = 1 << 20
"""Bytes of a stream that may be on their way to us; gRPC's own guess grows to tens of MiB on a fast connection."""
MAX_PENDING = 100_000
"""Calls that wait for us at once; beyond it (gRPC's own limits are 1,000 and 3,000) they end as bare CANCELLED."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    request: int
    streams: int
    keepalive: float
    connection_age: float


@dataclass(frozen=True, slots=True)
class Methods:
    """What answers."""

    signing: SigningMethods
    keys: KeysMethods
    material: MaterialMethods
    providers: ProvidersMethods
    audit: AuditMethods
    admin: AdminMethods
    evidence: EvidenceMethods


class Router(grpc.GenericRpcHandler):
    """Finds the behaviour of a method and counts every call that comes in."""

    def __init__(self, handlers: Mapping[str, Handler], gate: Gate) -> None:
        self._handlers = handlers
        self._gate = gate

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of the method, None for other services' methods."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is not None:
            self._gate.started += 1
        return handler


def router(methods: Methods, gate: Gate, identify: Identify, role: Role = "full") -> Router:
    """All methods of signerd.v1 for one listener; those that its role does not allow refuse every call."""
    found = handlers(methods, gate, identify)
    for path, operation in operations(methods).items():
        if not may_call(role, path):
            found[path] = refusing(operation, partial(denied, role), gate, identify)
    return Router({PACKAGE + path: handler for path, handler in found.items()}, gate)


def handlers(methods: Methods, gate: Gate, identify: Identify) -> dict[str, Handler]:
    """What answers each method, by path."""
    found: dict[str, Handler] = {
        path: grpc.unary_unary_rpc_method_handler(unary(method, gate, identify))
        for path, method in unary_methods(methods).items()
    }
    stream = streaming(SIGN_STREAM, methods.signing.sign_stream, gate, identify)
    found["Signer/SignStream"] = grpc.stream_unary_rpc_method_handler(stream)
    for path, method in stream_methods(methods).items():
        found[path] = answering(method, gate, identify)
    return found


def operations(methods: Methods) -> dict[str, str]:
    """The names that all methods have in the audit log, by path."""
    every: dict[str, Method[Any] | StreamMethod[Any]] = {
        **unary_methods(methods),
        **stream_methods(methods),
    }
    return {"Signer/SignStream": SIGN_STREAM} | {path: one.operation for path, one in every.items()}


def stream_methods(methods: Methods) -> dict[str, StreamMethod[Any]]:
    """Methods that answer with a stream, by path."""
    audit = methods.audit
    return {
        "Audit/TailRecords": StreamMethod("tail-records", audit_pb2.TailRecordsRequest, audit.tail),
        "Audit/ExportRecords": StreamMethod("export-records", audit_pb2.ExportRecordsRequest, audit.export),
    }


def unary_methods(methods: Methods) -> dict[str, Method[Any]]:
    """Methods by path, with the names that their operations have in the audit log."""
    signing, keys, material, providers = methods.signing, methods.keys, methods.material, methods.providers
    audit, admin = methods.audit, methods.admin
    return {
        **evidence_methods(methods.evidence),
        "Signer/Sign": Method("sign", signer_pb2.SignRequest, signing.sign, waits=True),
        "Signer/BatchSign": Method(
            "sign",
            signer_pb2.BatchSignRequest,
            signing.batch_sign,
            waits=True,
            check=signing.signer.recorder.check_batch,
        ),
        "Signer/Verify": Method("verify", signer_pb2.VerifyRequest, signing.verify),
        "Signer/PublicKey": Method("public-key", signer_pb2.PublicKeyRequest, signing.public_key),
        "Keys/CreateKey": Method("create-key", keys_pb2.CreateKeyRequest, keys.create),
        "Keys/ImportKey": Method("import-key", keys_pb2.ImportKeyRequest, keys.import_key),
        "Keys/GetKey": Method("get-key", keys_pb2.GetKeyRequest, keys.get),
        "Keys/ListKeys": Method("list-keys", keys_pb2.ListKeysRequest, keys.list),
        "Keys/AdoptKey": Method("adopt-key", keys_pb2.AdoptKeyRequest, material.adopt),
        "Keys/DiscoverKeys": Method("discover-keys", keys_pb2.DiscoverKeysRequest, material.discover),
        "Keys/CheckKeys": Method("check-keys", keys_pb2.CheckKeysRequest, material.check),
        "Providers/ListProviders": Method(
            "list-providers", providers_pb2.ListProvidersRequest, providers.list
        ),
        "Providers/GetProvider": Method("get-provider", providers_pb2.GetProviderRequest, providers.get),
        "Audit/ListRecords": Method("list-records", audit_pb2.ListRecordsRequest, audit.list),
        "Audit/GetRecord": Method("get-record", audit_pb2.GetRecordRequest, audit.get),
        "Audit/GetProof": Method("prove-record", audit_pb2.GetProofRequest, audit.prove, waits=True),
        "Audit/GetCheckpoint": Method(
            "get-checkpoint", audit_pb2.GetCheckpointRequest, audit.checkpoint, waits=True
        ),
        "Audit/ListLogKeys": Method("list-log-keys", audit_pb2.ListLogKeysRequest, audit.keys),
        "Admin/RotateLogKey": Method("rotate-log-key", admin_pb2.RotateLogKeyRequest, admin.rotate),
        "Admin/GetStatus": Method("get-status", admin_pb2.GetStatusRequest, admin.get),
    }


def evidence_methods(evidence: EvidenceMethods) -> dict[str, Method[Any]]:
    """As `unary_methods`, for evidence and retention."""
    return {
        "Evidence/GetHeads": Method("get-heads", evidence_pb2.GetHeadsRequest, evidence.heads),
        "Evidence/GetEntries": Method("get-entries", evidence_pb2.GetEntriesRequest, evidence.entries),
        "Evidence/GetInclusions": Method(
            "get-inclusions", evidence_pb2.GetInclusionsRequest, evidence.inclusions
        ),
        "Evidence/ListGrants": Method("list-grants", evidence_pb2.ListGrantsRequest, evidence.grants),
        "Evidence/RecordEvidence": Method("evidence", evidence_pb2.RecordEvidenceRequest, evidence.seal),
        "Admin/PruneRecords": Method("prune-records", admin_pb2.PruneRecordsRequest, evidence.prune),
    }


def new_server(limits: Limits, handlers: list[grpc.GenericRpcHandler], reuse_port: bool) -> aio.Server:
    """A server without a port yet."""
    server = aio.server(options=options(limits, reuse_port))
    server.add_generic_rpc_handlers(tuple(handlers))
    return server


def options(limits: Limits, reuse_port: bool) -> list[tuple[str, int]]:
    """Channel arguments: sizes, streams of one connection, keepalive, age."""
    milliseconds: Callable[[float], int] = lambda seconds: int(seconds * 1000)  # noqa: E731
    return [
        ("grpc.max_receive_message_length", limits.request * TRANSPORT_FACTOR),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", limits.streams),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", STREAM_WINDOW),
        ("grpc.server.max_pending_requests", MAX_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING),
        ("grpc.so_reuseport", int(reuse_port)),
        ("grpc.keepalive_time_ms", milliseconds(limits.keepalive)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", milliseconds(limits.connection_age)),
        ("grpc.max_connection_age_grace_ms", 60_000),
    ]
