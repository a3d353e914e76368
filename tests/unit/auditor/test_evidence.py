from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from signerd.auditor.evidence import EvidenceReport, Trusted, verify_evidence
from signerd.auditor.policies import parse_policy
from signerd.auditor.vkeys import parse_log_keys
from signerd.errors import Reason, SignerdError
from tests.support.tlogs import INSTANCE, SHARD, Signer, write_files
from tests.unit.auditor.folders import Plain

RECORDS = f"records/{SHARD}"
KEY = parse_log_keys(Plain().log.log_pub)
NAMES = sorted(Plain().sealed())


def verify(directory: Path, given: Trusted | None = None) -> EvidenceReport:
    return verify_evidence(directory, given or Trusted(KEY))


def written(directory: Path, files: Mapping[str, bytes]) -> Path:
    write_files(directory, files)
    return directory


def refusal(directory: Path, given: Trusted | None = None) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        verify(directory, given)
    assert caught.value.reason is Reason.AUDIT_EVIDENCE_INVALID
    return caught.value


def test_a_folder_is_what_its_seal_says(tmp_path: Path) -> None:
    done: list[int] = []
    report = verify(written(tmp_path, Plain().sealed()), Trusted(KEY, on_progress=done.append))

    assert (report.sealed, report.time) == (f"{SHARD}/9", "2026-11-01T12:00:00.063000Z")
    assert (report.files, report.proofs, report.shards) == (len(NAMES) - 3, 4, [SHARD])
    assert sum(done) == report.files
    assert report.witnessed is None


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_changed_is_found(tmp_path: Path, name: str) -> None:
    files = Plain().sealed()
    for at in {0, len(files[name]) // 2, len(files[name]) - 1}:
        data = bytearray(files[name])
        data[at] ^= 1
        write_files(tmp_path, {**files, name: bytes(data)})

        found = refusal(tmp_path)
        # A changed seal is no longer what its proof is of; a changed manifest not what the seal has the hash of.
        assert found.field in {name, "seal.tlog-proof" if name.startswith("seal") else name}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_removed_or_emptied_is_found(tmp_path: Path, name: str) -> None:
    directory = written(tmp_path / "f", Plain().sealed())
    (directory / name).write_bytes(b"")
    assert refusal(directory).field in {name, "seal.tlog-proof" if name.startswith("seal") else name}

    (directory / name).unlink()
    found = refusal(directory)
    assert found.field == name
    assert "missing" in found.message


@pytest.mark.parametrize(
    "name", ["extra", f"{RECORDS}/7.json", "shards/worker-1/checkpoint", ".hidden", "README.md~"]
)
def test_every_file_that_is_added_is_found(tmp_path: Path, name: str) -> None:
    assert refusal(written(tmp_path, {**Plain().sealed(), name: b"x"})).field == name


def test_links_are_no_files_of_the_folder(tmp_path: Path) -> None:
    directory = written(tmp_path / "f", Plain().sealed())
    shutil.move(directory / "README.md", tmp_path / "README.md")
    (directory / "README.md").symlink_to(tmp_path / "README.md")

    assert refusal(directory).field.startswith("README.md")


@pytest.mark.parametrize("sealing", [{"operation": "sign"}, {"outcome": "refused"}, {"detail": "evidence"}])
def test_another_record_is_no_seal(tmp_path: Path, sealing: dict[str, object]) -> None:
    assert refusal(written(tmp_path, Plain(sealing=sealing).sealed())).field == "seal.json"


@pytest.mark.parametrize("sealing", [{"digest": None}, {"digest": f"sha256:{64 * '0'}"}])
def test_a_seal_is_of_one_manifest(tmp_path: Path, sealing: dict[str, object]) -> None:
    assert refusal(written(tmp_path, Plain(sealing=sealing).sealed())).field == "manifest.json"


@pytest.mark.parametrize(
    "manifest",
    [
        {"instance": "another"},
        {"format": 2},
        {"more": 1},
        {"files": []},
        {"files": [{"path": "../x", "sha256": 64 * "0", "size": 0}]},
        {"files": [{"path": "/etc/passwd", "sha256": 64 * "0", "size": 0}]},
        {"files": [{"path": "x", "sha256": 64 * "0", "size": 0}] * 2},
        {"files": [{"path": "seal.json", "sha256": 64 * "0", "size": 0}]},
    ],
)
def test_a_sealed_manifest_must_be_in_its_format(tmp_path: Path, manifest: dict[str, object]) -> None:
    found = refusal(written(tmp_path, Plain(manifest=manifest).sealed()))
    assert found.field == ("README.md" if manifest == {"files": []} else "manifest.json")


def changed(edit: Callable[[dict[str, bytes]], None]) -> dict[str, bytes]:
    """A folder that was made wrong and then sealed."""
    plain = Plain()
    edit(plain.files)
    return plain.sealed()


def swapped(files: dict[str, bytes]) -> None:
    for end in ("json", "tlog-proof"):
        one, other = f"{RECORDS}/1.{end}", f"{RECORDS}/2.{end}"
        files[one], files[other] = files[other], files[one]


def lied(files: dict[str, bytes]) -> None:
    table = json.loads(files["refusals.json"])
    table["records"][0]["caller"] = "unix:bob"
    files["refusals.json"] = json.dumps(table).encode()


def forgot(files: dict[str, bytes]) -> None:
    files["refusals.json"] = b'{"left_out":0,"records":[]}'


def grew(files: dict[str, bytes]) -> None:
    heads = json.loads(files[f"shards/{SHARD}/heads.json"])
    heads["begin"] = heads["end"] | {"size": heads["end"]["size"] - 1}
    files[f"shards/{SHARD}/heads.json"] = json.dumps(heads).encode()


def turned(files: dict[str, bytes]) -> None:
    heads = json.loads(files[f"shards/{SHARD}/heads.json"])
    heads["begin"], heads["end"] = heads["end"], heads["begin"]
    files[f"shards/{SHARD}/heads.json"] = json.dumps(heads).encode()


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (swapped, f"{RECORDS}/1.json"),
        (lied, "refusals.json"),
        (forgot, f"{RECORDS}/4.json"),
        (grew, f"shards/{SHARD}/heads.json"),
        (turned, f"shards/{SHARD}/heads.json"),
        (lambda files: files.pop("changes.json"), "changes.json"),
        (lambda files: files.pop(f"{RECORDS}/6.tlog-proof"), f"{RECORDS}/6.tlog-proof"),
        (lambda files: files.pop(f"{RECORDS}/6.json"), f"{RECORDS}/6.tlog-proof"),
        (lambda files: files.pop(f"shards/{SHARD}/heads.json"), f"shards/{SHARD}/heads.json"),
        (lambda files: files.update({"changes.json": b"[]"}), "changes.json"),
        (lambda files: files.update({f"shards/{SHARD}/heads.json": b"{}"}), f"shards/{SHARD}/heads.json"),
    ],
)
def test_a_folder_that_lies_is_found_though_it_is_sealed(
    tmp_path: Path, edit: Callable[[dict[str, bytes]], None], name: str
) -> None:
    assert refusal(written(tmp_path, changed(edit))).field == name


def test_keys_are_those_that_were_given(tmp_path: Path) -> None:
    other = parse_log_keys(f"{Signer(f'{INSTANCE}/{SHARD}', seed=5).vkey}\n".encode())
    assert refusal(written(tmp_path, Plain().sealed()), Trusted(other)).field == "seal.tlog-proof"


def test_a_witness_policy_is_asked_of_the_seal_too(tmp_path: Path) -> None:
    log, witness = Signer(f"{INSTANCE}/{SHARD}"), Signer("witness.example/w", 4, 9)
    policy = parse_policy(f"witness w {witness.vkey}\nquorum w\n".encode())
    cosigned = written(tmp_path / "a", Plain(signers=[log, witness], now=1_800_000_000).sealed())
    alone = written(tmp_path / "b", Plain(signers=[log]).sealed())

    assert verify(cosigned, Trusted(KEY, policy)).witnessed == 1_800_000_000
    assert refusal(alone, Trusted(KEY, policy)).field == "seal.tlog-proof"
