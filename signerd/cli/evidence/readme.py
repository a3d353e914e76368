"""The README of a folder of evidence: what an auditor finds in it, and what it proves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from signerd.cli.evidence.tallies import Tally
    from signerd.v1.evidence_pb2 import ShardHeads

TEXT: Final = """\
# Evidence of signing, {since} to {until}

Made from the audit log of the signerd instance `{instance}`. The end of the period is not part of it.
All times are UTC.

## Verify this folder

Get the public keys of the log, `log.pub`, from somebody else than who gave you this folder: from the operator's
published keys, or from an earlier audit. Then, offline:

    signerctl evidence verify THIS-FOLDER --key log.pub

With `--witness-policy FILE` it also needs the cosignatures of witnesses. The copy of `log.pub` in here is for
comparison. Each `.tlog-proof` (c2sp.org/tlog-proof) can be verified alone, with other tools too.

## What is in it

| file | content |
|---|---|
| `keys.json`, `.csv` | inventory: every version of every key, its owner, provider, algorithm, age, last signature |
| `grants.json`, `.csv` | who may do what, when this folder was made |
| `changes.json`, `.csv` | administration: {changes} records |
| `refusals.json`, `.csv` | refused requests: {refusals} records |
| `refusal-groups.json`, `.csv` | all refusals, counted by reason, operation, caller and key |
| `activity.json`, `.csv` | requests for signatures, counted by key, version, caller and outcome |
| `shards.json`, `.csv` | the logs, one per worker: sizes at begin and end of the period, who cosigned |
| `records/SHARD/N.json` | each record that `changes` and `refusals` quote, byte for byte as the log has it |
| `records/SHARD/N.tlog-proof` | the proof that it is in the log |
| `shards/SHARD/checkpoint` | a signed checkpoint of the log, with the witnesses' cosignatures |
| `shards/SHARD/heads.json` | the log at begin and end of the period, with the proofs that it only grew |
| `manifest.json` | SHA-256 and size of every file above |
| `seal.json`, `seal.tlog-proof` | the record of the audit log that has the hash of the manifest, and its proof |

## What it proves

- Each record in `records/` was in the log before the checkpoint was signed, and was not changed since.
- `changes.json` and `refusals.json` quote these records and no others.
- The logs had at begin and end of the period the sizes and roots in `heads.json`, and only grew in between.
- This folder is the one whose hash the log has: nothing in it was changed after it was made.

`keys`, `grants`, `activity` and `refusal-groups` are what the daemon said when the folder was made. That no record was
left out shows in the log itself: `signerctl audit verify` of a copy, with `shards/SHARD/checkpoint` as `--since`.
{notes}"""


def readme(instance: str, period: tuple[str, str], tally: Tally, shards: Sequence[ShardHeads]) -> bytes:
    """The text."""
    found = notes(tally, shards)
    return TEXT.format(
        instance=instance,
        since=period[0],
        until=period[1],
        changes=len(tally.changes.records),
        refusals=len(tally.refusals.records),
        notes="\n## What is not in it\n\n" + "".join(f"- {note}\n" for note in found) if found else "",
    ).encode()


def notes(tally: Tally, shards: Sequence[ShardHeads]) -> list[str]:
    """What a reader must know is missing."""
    found = []
    for name, quotes in (("changes", tally.changes), ("refusals", tally.refusals)):
        if quotes.left_out:
            found.append(f"{quotes.left_out} {name} are counted, but not quoted: there are too many.")
    for shard in shards:
        if shard.problem:
            found.append(f"Shard {shard.shard}: {shard.problem}.")
        if shard.unproven:
            found.append(f"Shard {shard.shard}: {shard.unproven} records, which no checkpoint covers.")
        if shard.pruned and shard.begin.size <= shard.pruned:
            found.append(
                f"Shard {shard.shard}: its first {shard.pruned} records were pruned; they may be of the period."
            )
    return found
