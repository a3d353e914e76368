"""What a folder of evidence is made of, asked of the daemon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp

from signerd.auditor.checkpoints import parse_checkpoint
from signerd.auditor.proofs import Proof
from signerd.cli.evidence.tallies import SIGNING, Quote
from signerd.client.arguments import new_id
from signerd.client.methods import Method
from signerd.v1 import evidence_pb2

if TYPE_CHECKING:
    from signerd.client import Client
    from signerd.v1.evidence_pb2 import GetHeadsResponse, Grant, RecordEvidenceResponse, ShardHeads
    from signerd.v1.resources_pb2 import Key

LOG_KEY: Final = "signerd.audit-log"
PAGE: Final = 1000
PROOFS: Final = 500
SECONDS: Final = 60.0
"""How long heads, proofs and the seal may take: they wait for checkpoints and read tiles."""
_SERVICE: Final = "/signerd.v1.Evidence/"
_HEADS = Method(f"{_SERVICE}GetHeads", evidence_pb2.GetHeadsRequest, evidence_pb2.GetHeadsResponse)
_ENTRIES = Method(f"{_SERVICE}GetEntries", evidence_pb2.GetEntriesRequest, evidence_pb2.GetEntriesResponse)
_INCLUSIONS = Method(
    f"{_SERVICE}GetInclusions", evidence_pb2.GetInclusionsRequest, evidence_pb2.GetInclusionsResponse
)
_GRANTS = Method(f"{_SERVICE}ListGrants", evidence_pb2.ListGrantsRequest, evidence_pb2.ListGrantsResponse)
_SEAL = Method(
    f"{_SERVICE}RecordEvidence", evidence_pb2.RecordEvidenceRequest, evidence_pb2.RecordEvidenceResponse
)


@dataclass(frozen=True, slots=True)
class Source:
    """The daemon behind a client; every method raises SignerdError."""

    client: Client

    def heads(self, since: datetime, until: datetime) -> GetHeadsResponse:
        """The logs at begin and end of a period."""
        request = evidence_pb2.GetHeadsRequest(
            since=_timestamp(since), until=_timestamp(until), request_id=new_id()
        )
        return self.client.call(_HEADS, request, timeout=SECONDS)

    def entries(self, shard: ShardHeads) -> Iterator[Sequence[bytes]]:
        """Records of the period in the order of the log, some at a time."""
        at = shard.begin.size
        while at < shard.end.size:
            request = evidence_pb2.GetEntriesRequest(
                shard=shard.shard, first=at + 1, last=shard.end.size, request_id=new_id()
            )
            found = self.client.call(_ENTRIES, request, timeout=SECONDS).entries
            at += len(found)
            yield found

    def proofs(self, shard: ShardHeads, quotes: Sequence[Quote]) -> Iterator[tuple[Quote, bytes]]:
        """Records of a shard with their `.tlog-proof`s."""
        checkpoint = parse_checkpoint(shard.checkpoint.encode(), f"checkpoint of {shard.shard}")
        for start in range(0, len(quotes), PROOFS):
            some = quotes[start : start + PROOFS]
            request = evidence_pb2.GetInclusionsRequest(
                shard=shard.shard,
                size=checkpoint.head.size,
                sequences=[one.sequence for one in some],
                request_id=new_id(),
            )
            found = self.client.call(_INCLUSIONS, request, timeout=SECONDS).inclusions
            for quote, one in zip(some, found, strict=True):
                yield quote, Proof(quote.sequence - 1, tuple(one.hashes), checkpoint).format()

    def grants(self) -> Sequence[Grant]:
        """Who may do what."""
        return self.client.call(_GRANTS, evidence_pb2.ListGrantsRequest(request_id=new_id())).grants

    def keys(self) -> list[Key]:
        """All keys, the log's own too."""
        found = [self.client.get_key(LOG_KEY).key]
        token = ""
        while True:
            page = self.client.list_keys(page_size=PAGE, page_token=token)
            found += page.keys
            token = page.next_page_token
            if not token:
                return found

    def log_keys(self) -> bytes:
        """The file log.pub: what checkpoints are verified with."""
        return "".join(f"{one.vkey}\n" for one in self.client.audit.log_keys()).encode()

    def last_use(self, key: str, version: int, until: datetime) -> str:
        """When a version signed for the last time before a moment, RFC 3339; empty if it never did."""
        return max(self._last(key, version, operation, until) for operation in SIGNING)

    def _last(self, key: str, version: int, operation: str, until: datetime) -> str:
        token = ""
        while True:
            page = self.client.audit.list_records(
                page_size=1,
                page_token=token,
                key=key,
                version=version,
                operation=operation,
                outcome="ok",
                until=until,
                timeout=SECONDS,
            )
            if page.records:
                return page.records[0].time.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
            token = page.next_page_token
            if not token:
                return ""

    def seal(self, digest: str, since: str, until: str) -> RecordEvidenceResponse:
        """Put the digest of the manifest on record."""
        request = evidence_pb2.RecordEvidenceRequest(
            digest=digest, since=since, until=until, request_id=new_id()
        )
        return self.client.call(_SEAL, request, timeout=SECONDS)


def _timestamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
