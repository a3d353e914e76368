"""The methods of service Evidence, and the pruning of old audit records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from signerd.authz.identity import Caller
from signerd.engine.evidence import EvidenceReader
from signerd.engine.grants import Grant
from signerd.engine.periods import Head, Period
from signerd.engine.requests import ReadCall
from signerd.engine.retention import Plan, Retention
from signerd.errors import Reason, SignerdError
from signerd.rpc.messages import position
from signerd.v1 import admin_pb2, evidence_pb2

LATEST: Final = 253402300799
"""Unix time of the end of the year 9999, the last that a datetime has."""


@dataclass(slots=True)
class EvidenceMethods:
    """GetHeads, GetEntries, GetInclusions, ListGrants, RecordEvidence, PruneRecords: from bytes to bytes."""

    reader: EvidenceReader
    retention: Retention

    async def heads(self, caller: Caller, request: evidence_pb2.GetHeadsRequest) -> bytes:
        """The logs at begin and end of a period."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        since, until = checked("since", request.since), checked("until", request.until)
        found = await self.reader.heads(caller, call, since.ToDatetime(UTC), until.ToDatetime(UTC))
        return evidence_pb2.GetHeadsResponse(
            instance=self.reader.instance, shards=[heads_message(one) for one in found]
        ).SerializeToString()

    async def entries(self, caller: Caller, request: evidence_pb2.GetEntriesRequest) -> bytes:
        """Records in order."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.entries(caller, call, request.shard, request.first, request.last)
        return evidence_pb2.GetEntriesResponse(entries=found).SerializeToString()

    async def inclusions(self, caller: Caller, request: evidence_pb2.GetInclusionsRequest) -> bytes:
        """Proofs of many records."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.inclusions(caller, call, request.shard, request.size, request.sequences)
        return evidence_pb2.GetInclusionsResponse(
            inclusions=[evidence_pb2.Inclusion(hashes=hashes) for hashes in found]
        ).SerializeToString()

    async def grants(self, caller: Caller, request: evidence_pb2.ListGrantsRequest) -> bytes:
        """Who may do what."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.granted(caller, call)
        return evidence_pb2.ListGrantsResponse(
            grants=[grant_message(one) for one in found]
        ).SerializeToString()

    async def seal(self, caller: Caller, request: evidence_pb2.RecordEvidenceRequest) -> bytes:
        """Put a folder's digest on record."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        seal = await self.reader.seal(caller, call, request.digest, request.since, request.until)
        return evidence_pb2.RecordEvidenceResponse(
            audit=position(self.reader.log.shard, seal.sequence), entry=seal.entry, proof=seal.proof
        ).SerializeToString()

    async def prune(self, caller: Caller, request: admin_pb2.PruneRecordsRequest) -> bytes:
        """Delete old audit records, or say which."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        before = checked("before", request.before).ToDatetime(UTC)
        plans, sequence = await self.retention.asked(caller, call, before, request.plan_only)
        return admin_pb2.PruneRecordsResponse(
            shards=[pruned_message(one) for one in plans],
            audit=position(self.retention.log.shard, sequence),
        ).SerializeToString()


def checked(field: str, time: Timestamp) -> Timestamp:
    """A time that was given; raises REQUEST_MALFORMED for none, or one outside the years 1970 to 9999."""
    if not 0 < time.seconds <= LATEST or not 0 <= time.nanos < 10**9:
        raise SignerdError(
            Reason.REQUEST_MALFORMED, f"{field} is no time after 1970; it must be set", field=field
        )
    return time


def heads_message(period: Period) -> evidence_pb2.ShardHeads:
    """A shard in a period."""
    return evidence_pb2.ShardHeads(
        shard=period.shard,
        origin=period.origin,
        problem=period.problem,
        begin=head_message(period.begin) if period.begin else None,
        end=head_message(period.end) if period.end else None,
        unproven=period.unproven,
        checkpoint=period.checkpoint.decode(),
        pruned=period.pruned,
    )


def head_message(head: Head) -> evidence_pb2.ProvenHead:
    """A head with its proof."""
    return evidence_pb2.ProvenHead(size=head.size, root=head.root, consistency=head.consistency)


def grant_message(grant: Grant) -> evidence_pb2.Grant:
    """A grant as it goes over the wire."""
    return evidence_pb2.Grant(
        subject=grant.subject,
        proof=grant.proof,
        listener=grant.listener,
        operations=grant.operations,
        keys=grant.keys,
        source=grant.source,
    )


def pruned_message(plan: Plan) -> admin_pb2.PrunedShard:
    """What becomes of a shard."""
    return admin_pb2.PrunedShard(
        shard=plan.shard, before=plan.before, minimum_index=plan.minimum, problem=plan.problem
    )
