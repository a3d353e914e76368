"""A writer of logs as docs/audit-log.md and C2SP define them, plain and slow, that shares nothing with signerd."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import google_crc32c
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

INSTANCE = "4e6f1c1a"
SHARD = "worker-0"
BEGAN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
FRAME = struct.Struct("<IQI")


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, over leaf hashes."""
    if len(leaves) <= 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Signer:
    """A log's key, or with kind 4 or 6 a witness's."""

    def __init__(self, name: str, kind: int = 1, seed: int = 1) -> None:
        self.name, self.kind = name, kind
        make = MLDSA44PrivateKey.from_seed_bytes if kind == 6 else Ed25519PrivateKey.from_private_bytes
        self._private = make(seed.to_bytes(32, "big"))
        self.public = self._private.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        material = bytes([self.kind]) + self.public
        return f"{self.name}+{key_id(self.name, self.kind, self.public).hex()}+{b64(material)}"

    def line(self, text: str, now: int = 0) -> str:
        """Signature line for a checkpoint's text; `now` is a cosignature's time."""
        value = self._signed(text, now)
        return f"\u2014 {self.name} {b64(key_id(self.name, self.kind, self.public) + value)}\n"

    def _signed(self, text: str, now: int) -> bytes:
        if self.kind == 1:
            return self._private.sign(text.encode())
        stamp = struct.pack(">Q", now)
        if self.kind == 4:
            return stamp + self._private.sign(f"cosignature/v1\ntime {now}\n{text}".encode())
        origin, size, root = text.split("\n")[:3]
        name = self.name.encode()
        message = b"subtree/v1\n\0" + bytes([len(name)]) + name + stamp
        message += bytes([len(origin)]) + origin.encode() + struct.pack(">QQ", 0, int(size))
        return stamp + self._private.sign(message + base64.b64decode(root))


def record(sequence: int, shard: str = SHARD, **fields: object) -> bytes:
    """Canonical JSON of a record; fields that are None are left out."""
    time = BEGAN + timedelta(milliseconds=7 * sequence)
    given: dict[str, object] = {
        "algorithm": "ecdsa-p256-sha256",
        "caller": "unix:ann",
        "digest": f"sha256:{sha256(str(sequence).encode()).hexdigest()}",
        "key": "release",
        "operation": "start" if sequence == 1 else "sign",
        "outcome": "ok",
        "sequence": sequence,
        "shard": shard,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "v": 1,
    }
    given |= fields
    kept = {name: value for name, value in given.items() if value is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def records(
    count: int, shard: str = SHARD, changed: Mapping[int, Mapping[str, object]] | None = None
) -> list[bytes]:
    """Records number 1 to `count`; `changed` has fields of single ones."""
    return [record(number, shard, **(changed or {}).get(number, {})) for number in range(1, count + 1)]


def tile_name(level: int | str, index: int, width: int = 256) -> str:
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def bundle(entries: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def tiles(leaves: Sequence[bytes]) -> dict[str, bytes]:
    """Tiles of a tree, full ones and the partial ones of its size."""
    made, level, hashes = {}, 0, list(leaves)
    while hashes:
        for at in range(0, len(hashes), 256):
            part = hashes[at : at + 256]
            made[tile_name(level, at // 256, len(part))] = b"".join(part)
        full = len(hashes) // 256 * 256
        hashes = [mth(hashes[at : at + 256]) for at in range(0, full, 256)]
        level += 1
    return made


def bundles(entries: Sequence[bytes]) -> dict[str, bytes]:
    made = {}
    for at in range(0, len(entries), 256):
        part = entries[at : at + 256]
        made[tile_name("entries", at // 256, len(part))] = bundle(part)
    return made


def segment(
    entries: Sequence[bytes], first: int = 1, number: int = 1, previous: int = 0, **header: object
) -> bytes:
    """A segment of a write-ahead file; groups are of three records."""
    fields: dict[str, object] = {
        "first_sequence": first,
        "instance": INSTANCE,
        "number": number,
        "previous_length": previous,
        "revision": 0,
        "shard": SHARD,
    }
    body = json.dumps(fields | header, separators=(",", ":")).encode()
    data = b"SGNDLOG1" + struct.pack("<II", len(body), google_crc32c.value(body)) + body
    in_group = 0
    for at, entry in enumerate(entries):
        in_group = in_group if at % 3 else 0
        rest = FRAME.pack(len(entry), first + at, in_group) + entry
        data += struct.pack("<I", google_crc32c.value(rest)) + rest
        in_group += 4 + len(rest)
    return data


def checkpoint(origin: str, leaves: Sequence[bytes], signers: Iterable[Signer], now: int = 0) -> bytes:
    """A signed checkpoint over leaf hashes."""
    text = f"{origin}\n{len(leaves)}\n{b64(mth(leaves))}\n"
    return (text + "\n" + "".join(one.line(text, now) for one in signers)).encode()


@dataclass
class TestLog:
    """A shard's files: `entries` below the checkpoint, `tail` only in the write-ahead file."""

    __test__ = False

    entries: list[bytes]
    tail: list[bytes] = field(default_factory=list)
    shard: str = SHARD
    signers: list[Signer] = field(default_factory=list)
    now: int = 0

    def __post_init__(self) -> None:
        self.origin = f"{INSTANCE}/{self.shard}"
        self.signers = self.signers or [Signer(self.origin)]

    @property
    def leaves(self) -> list[bytes]:
        return [sha256(b"\0" + entry).digest() for entry in self.entries]

    @property
    def log_pub(self) -> bytes:
        return "".join(f"{one.vkey}\n" for one in self.signers if one.kind == 1).encode()

    def checkpoint(self, size: int | None = None) -> bytes:
        return checkpoint(self.origin, self.leaves[:size], self.signers, self.now)

    def files(self, *, wal: bool = True) -> dict[str, bytes]:
        """The files by name; the write-ahead file has everything."""
        made = {**tiles(self.leaves), **bundles(self.entries), "checkpoint": self.checkpoint(), "lock": b""}
        if wal:
            made["wal/00000001.log"] = segment([*self.entries, *self.tail], shard=self.shard)
        return made

    def write(self, directory: Path, *, wal: bool = True) -> Path:
        """Write it; gives the directory back."""
        write_files(directory, self.files(wal=wal))
        return directory


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
