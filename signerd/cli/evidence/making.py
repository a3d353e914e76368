"""A folder of evidence from what the daemon says: gathered, written, sealed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signerd.auditor.checkpoints import parse_checkpoint
from signerd.auditor.manifests import MANIFEST, PROOF, RECORD, build_manifest
from signerd.auditor.periods import Heads, proven_head
from signerd.cli.evidence.folder import Folder, new_folder
from signerd.cli.evidence.readme import readme
from signerd.cli.evidence.source import LOG_KEY, Source
from signerd.cli.evidence.tables import (
    counted_rows,
    grant_rows,
    key_rows,
    quoted,
    shard_rows,
    table,
)
from signerd.cli.evidence.tallies import Quote, Tally
from signerd.cli.progress import counting

if TYPE_CHECKING:
    from signerd.v1.evidence_pb2 import GetHeadsResponse, ShardHeads

REFUSAL: Final = ("reason", "operation", "caller", "key")
USE: Final = ("key", "version", "caller", "outcome")


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the folder's figures, and SHARD/SEQUENCE of the record that seals it."""

    files: int
    records: int
    proofs: int
    sealed: str


def make(source: Source, directory: Path, since: datetime, until: datetime, most: int) -> Made:
    """Make the folder. Raises FileExistsError, OSError, SignerdError; then there is none."""
    period = _text(since), _text(until)
    with new_folder(directory) as folder:
        heads = source.heads(since, until)
        shards = [one for one in heads.shards if not one.problem]
        tally = _tallied(source, shards, most)
        _write_tables(source, folder, heads, tally, until)
        proofs = _write_proofs(source, folder, shards, [*tally.changes.records, *tally.refusals.records])
        folder.add({"README.md": readme(heads.instance, period, tally, heads.shards)})
        sealed = _seal(source, folder, heads.instance, period)
    return Made(len(folder.entries), tally.records, proofs, sealed)


def _tallied(source: Source, shards: Sequence[ShardHeads], most: int) -> Tally:
    tally = Tally({one.shard: one.end.size for one in shards}, most)
    total = sum(one.end.size - one.begin.size for one in shards)
    with counting(total, "records read") as done:
        for shard in shards:
            for bodies in source.entries(shard):
                tally.take(bodies)
                done(len(bodies))
    return tally


def _write_tables(
    source: Source, folder: Folder, heads: GetHeadsResponse, tally: Tally, until: datetime
) -> None:
    keys = source.keys()
    used = {
        version.name: source.last_use(key.name, version.version, until)
        for key in keys
        if key.name != LOG_KEY
        for version in key.versions
    }
    cosigners = {one.shard: _cosigners(one) for one in heads.shards if one.checkpoint}
    folder.add(table("keys", key_rows(keys, used, until)))
    folder.add(table("grants", grant_rows(source.grants())))
    folder.add(quoted("changes", tally.changes))
    folder.add(quoted("refusals", tally.refusals))
    folder.add(table("refusal-groups", counted_rows(REFUSAL, tally.groups)))
    folder.add(table("activity", counted_rows(USE, tally.activity)))
    folder.add(table("shards", shard_rows(heads.shards, cosigners)))
    folder.add({"log.pub": source.log_keys()})


def _cosigners(shard: ShardHeads) -> list[str]:
    checkpoint = parse_checkpoint(shard.checkpoint.encode())
    return sorted({one.name for one in checkpoint.signatures if one.name != shard.origin})


def _write_proofs(
    source: Source, folder: Folder, shards: Sequence[ShardHeads], quotes: Sequence[Quote]
) -> int:
    by_shard: dict[str, list[Quote]] = defaultdict(list)
    for quote in quotes:
        by_shard[quote.shard].append(quote)
    with counting(len(quotes), "records proven") as done:
        for shard in shards:
            place = f"shards/{shard.shard}"
            folder.add(
                {f"{place}/checkpoint": shard.checkpoint.encode(), f"{place}/heads.json": _heads(shard)}
            )
            for quote, proof in source.proofs(shard, by_shard[shard.shard]):
                path = f"records/{quote.shard}/{quote.sequence}"
                folder.add({f"{path}.json": quote.body, f"{path}.tlog-proof": proof})
                done(1)
    return len(quotes)


def _heads(shard: ShardHeads) -> bytes:
    begin, end = (proven_head(one.size, one.root, one.consistency) for one in (shard.begin, shard.end))
    return Heads(begin, end).encoded()


def _seal(source: Source, folder: Folder, instance: str, period: tuple[str, str]) -> str:
    manifest = build_manifest(instance, *period, folder.entries).encoded()
    folder.write(MANIFEST, manifest)
    sealed = source.seal(f"sha256:{sha256(manifest).hexdigest()}", *period)
    folder.write(RECORD, sealed.entry)
    folder.write(PROOF, sealed.proof.encode())
    return f"{sealed.audit.shard}/{sealed.audit.sequence}"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
