"""Folders of evidence as docs/auditing.md defines them, made plainly from a log's records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from tests.support.tlogs import INSTANCE, SHARD, Signer, TestLog, b64, mth, path, record, records
from tests.unit.auditor.test_consistency import subproof

SINCE, UNTIL = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"
REFUSED = {4: {"outcome": "refused", "reason": "KEY_NOT_FOUND", "key": "other"}}
CHANGED = {2: {"operation": "create-key"}, 6: {"operation": "rotate-log-key", "key": "signerd.audit-log"}}


def tlog_proof(log: TestLog, index: int, size: int) -> bytes:
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(b64, path(index, log.leaves[:size]))]
    return "\n".join([*lines, "", ""]).encode() + log.checkpoint(size)


def canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Plain:
    """A folder's files; `sealing` changes fields of the record that seals it, `manifest` fields of the manifest."""

    sealing: Mapping[str, object] = field(default_factory=dict)
    manifest: Mapping[str, object] = field(default_factory=dict)
    signers: list[Signer] = field(default_factory=list)
    quoted: Sequence[int] = (1, 2, 6)
    refused: Sequence[int] = (4,)
    begin: int = 1
    end: int = 7
    size: int = 8
    now: int = 0

    def __post_init__(self) -> None:
        entries = records(8, changed={**REFUSED, **CHANGED})
        self.log = TestLog(entries, signers=self.signers, now=self.now)
        self.files = self.contents()

    def contents(self) -> dict[str, bytes]:
        files = {"README.md": b"Read me.\n", "keys.csv": b"name\r\n", "log.pub": self.log.log_pub}
        for name, numbers in (("changes", self.quoted), ("refusals", self.refused)):
            quotes = [json.loads(self.log.entries[number - 1]) for number in numbers]
            files[f"{name}.json"] = json.dumps({"left_out": 0, "records": quotes}, indent=1).encode()
            for number in numbers:
                place = f"records/{SHARD}/{number}"
                files[f"{place}.json"] = self.log.entries[number - 1]
                files[f"{place}.tlog-proof"] = tlog_proof(self.log, number - 1, self.size)
        files[f"shards/{SHARD}/checkpoint"] = self.log.checkpoint(self.size)
        heads = {"begin": self.head(self.begin), "end": self.head(self.end)}
        files[f"shards/{SHARD}/heads.json"] = json.dumps(heads).encode()
        return files

    def head(self, size: int) -> dict[str, object]:
        leaves = self.log.leaves[: self.size]
        hashes = subproof(size, leaves, True) if size else []
        return {"size": size, "root": b64(mth(leaves[:size])), "consistency": [*map(b64, hashes)]}

    def sealed(self) -> dict[str, bytes]:
        """All files, with a manifest and its seal."""
        listed = [
            {"path": name, "sha256": sha256(data).hexdigest(), "size": len(data)}
            for name, data in sorted(self.files.items())
        ]
        period = {"since": SINCE, "until": UNTIL}
        document = {"files": listed, "format": 1, "instance": INSTANCE, **period, **self.manifest}
        manifest = canonical(document)
        seal: dict[str, object] = {
            "operation": "evidence",
            "digest": f"sha256:{sha256(manifest).hexdigest()}",
            "detail": f"evidence from {SINCE} to {UNTIL}",
            **self.sealing,
        }
        entry = record(9, SHARD, **seal)
        log = TestLog([*self.log.entries, entry], signers=self.signers, now=self.now)
        return {
            **self.files,
            "manifest.json": manifest,
            "seal.json": entry,
            "seal.tlog-proof": tlog_proof(log, 8, 9),
        }
