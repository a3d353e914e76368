"""Verification of a folder of evidence, offline: its seal, every file, every proof, and what the tables quote."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from signerd.auditor.contents import files_below
from signerd.auditor.inclusion import Included, verify_inclusion
from signerd.auditor.manifests import MANIFEST, OPERATION, PROOF, RECORD, SEALS, Manifest, parse_manifest
from signerd.auditor.periods import CHECKPOINT, HEADS, check_heads
from signerd.auditor.policies import Policy
from signerd.auditor.records import Record
from signerd.auditor.verdicts import wrong
from signerd.auditor.vkeys import VerifierKey, parse_log_keys
from signerd.errors import SignerdError

TABLES: Final = ("changes.json", "refusals.json")
LOG_KEYS: Final = "log.pub"
_ENTRY: Final = re.compile(r"records/(?P<shard>[a-z0-9][a-z0-9_-]{0,63})/(?P<number>[1-9][0-9]{0,15})\.json")
_PROOF: Final = ".tlog-proof"
_decode = msgspec.json.Decoder(Record).decode


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """Records that a table quotes whole; `left_out` more are only counted."""

    left_out: int
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the verifier knows beside the folder."""

    keys: Sequence[VerifierKey]
    policy: Policy | None = None
    on_progress: Callable[[int], None] = lambda count: None


@dataclass(slots=True)
class EvidenceReport:
    """What was verified. `sealed` is SHARD/SEQUENCE of the record with the manifest's hash, `time` when it was written.

    `witnessed`: Unix time at which enough witnesses had seen the log with the seal, None where none were asked for.
    """

    manifest: Manifest
    sealed: str
    time: str
    witnessed: int | None
    shards: list[str] = field(default_factory=list)
    proofs: int = 0

    @property
    def files(self) -> int:
        """How many files the seal covers."""
        return len(self.manifest.files)


def verify_evidence(directory: Path, given: Trusted) -> EvidenceReport:
    """Verify a folder. Raises AUDIT_EVIDENCE_INVALID, naming the first file that is not as it was; OSError."""
    report = _sealed(directory, given)
    _check_names(directory, report.manifest)
    quoted: dict[tuple[str, int], Record] = {}
    for entry in report.manifest.files:
        data = _read(directory, entry.path)
        if len(data) != entry.size or sha256(data).hexdigest() != entry.sha256:
            wrong(entry.path, f"is not the file that {MANIFEST} has the hash of")
        _check_file(directory, entry.path, data, report, given, quoted)
        given.on_progress(1)
    _check_tables(directory, report.manifest, quoted)
    return report


def _sealed(directory: Path, given: Trusted) -> EvidenceReport:
    """The manifest, once a record in the log has its hash."""
    record, data = _read(directory, RECORD), _read(directory, MANIFEST)
    included = _included(directory, PROOF, record, given)
    fields = _decode(record)
    if fields["operation"] != OPERATION or fields["outcome"] != "ok":
        wrong(RECORD, "is not the record that seals a folder of evidence")
    if fields.get("digest") != f"sha256:{sha256(data).hexdigest()}":
        wrong(MANIFEST, f"is not the one that record {included.position} has the hash of")
    manifest = _parsed(data)
    if fields.get("detail") != manifest.sealed_text():
        wrong(RECORD, "names another period than the manifest")
    if included.origin.rpartition("/")[0] != manifest.instance:
        wrong(MANIFEST, f"is of instance {manifest.instance[:80]}, the seal of {included.origin[:200]}")
    return EvidenceReport(manifest, included.position, str(fields["time"]), included.witnessed)


def _parsed(data: bytes) -> Manifest:
    try:
        return parse_manifest(data)
    except SignerdError as error:
        wrong(MANIFEST, error.message.removeprefix(f"{MANIFEST}: "))


def _check_names(directory: Path, manifest: Manifest) -> None:
    there = set(files_below(directory))
    listed = {*SEALS, *(one.path for one in manifest.files)}
    for name in sorted(there ^ listed):
        wrong(name[:300], "is missing" if name in listed else "is not in the manifest")


def _check_file(
    directory: Path,
    path: str,
    data: bytes,
    report: EvidenceReport,
    given: Trusted,
    quoted: dict[tuple[str, int], Record],
) -> None:
    found = _ENTRY.fullmatch(path)
    if found:
        proof = path.removesuffix(".json") + _PROOF
        if _included(directory, proof, data, given).position != f"{found['shard']}/{found['number']}":
            wrong(path, "is another record than its name says")
        quoted[found["shard"], int(found["number"])] = _decode(data)
        report.proofs += 1
    elif path.endswith(_PROOF):
        if not (directory / (path.removesuffix(_PROOF) + ".json")).exists():
            wrong(path, "has no record beside it")
    elif path.endswith(f"/{CHECKPOINT}"):
        shard = path.removesuffix(f"/{CHECKPOINT}").removeprefix("shards/")
        heads = _read(directory, f"shards/{shard}/{HEADS}")
        check_heads(shard, data, heads, report.manifest.instance, given.keys, given.policy)
        report.shards.append(shard)
    elif path == LOG_KEYS:
        parse_log_keys(data, LOG_KEYS)


def _check_tables(directory: Path, manifest: Manifest, quoted: dict[tuple[str, int], Record]) -> None:
    """Each record that a table quotes is proven, and each that is proven is quoted."""
    listed = {one.path for one in manifest.files}
    seen: set[tuple[str, int]] = set()
    for name in TABLES:
        if name not in listed:
            wrong(name, "is missing")
        for record in _table(name, _read(directory, name)).records:
            shard, number = record.get("shard"), record.get("sequence")
            position = (str(shard), number if isinstance(number, int) else 0)
            if quoted.get(position) != record:
                wrong(name, f"does not quote record {position[0][:64]}/{position[1]} as records/ has it")
            seen.add(position)
    for shard, number in sorted(quoted.keys() - seen):
        wrong(f"records/{shard}/{number}.json", "is in none of the tables")


def _table(name: str, data: bytes) -> Table:
    try:
        return msgspec.json.decode(data, type=Table)
    except msgspec.DecodeError as error:
        wrong(name, f"is no table of records: {error}")


def _included(directory: Path, proof: str, record: bytes, given: Trusted) -> Included:
    try:
        return verify_inclusion(_read(directory, proof), record, given.keys, given.policy)
    except SignerdError as error:
        wrong(proof, f"does not prove the record beside it: {error.message}")


def _read(directory: Path, path: str) -> bytes:
    try:
        return (directory / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        wrong(path, "is missing")
