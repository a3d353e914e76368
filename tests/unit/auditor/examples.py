"""Examples of each format, and what parses it: used by tests with hypothesis and with atheris."""

from __future__ import annotations

from collections.abc import Callable

from signerd.auditor.bundles import format_bundle, parse_bundle
from signerd.auditor.checkpoints import parse_checkpoint
from signerd.auditor.notes import parse_note
from signerd.auditor.paths import parse_path
from signerd.auditor.policies import parse_policy
from signerd.auditor.proofs import parse_proof
from signerd.auditor.vkeys import parse_vkey
from tests.support.tlogs import Signer, TestLog, b64, bundle, path, records, tile_name

LOG = TestLog(records(7), signers=[Signer("4e6f1c1a/worker-0"), Signer("witness.example/w1", 4, 9)])
WITNESSES = [Signer(f"witness.example/w{number}", kind, number) for number, kind in ((1, 4), (2, 6), (3, 4))]
CHECKPOINT = LOG.checkpoint()
SPEC_NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZ"
    "XsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
POLICY = (
    f"# who is known\nlog {LOG.signers[0].vkey} https://log.example/\n\n"
    + "".join(f"witness w{number} {one.vkey}\n" for number, one in enumerate(WITNESSES, 1))
    + "group two 2 w1 w2\n group\tall-of all two w3 \nquorum all-of\n"
).encode()


def proof(index: int, extra: bytes = b"") -> bytes:
    lines = ["c2sp.org/tlog-proof@v1", *([f"extra {b64(extra)}"] if extra else []), f"index {index}"]
    return "\n".join([*lines, *map(b64, path(index, LOG.leaves)), "", ""]).encode() + CHECKPOINT


def _vkey(data: bytes) -> bytes:
    return parse_vkey(data.decode("utf-8", "replace")).format().encode()


def _path(data: bytes) -> bytes:
    return parse_path(data.decode("utf-8", "replace")).format().encode()


def _policy(data: bytes) -> bytes:
    """Comments, blanks and URLs are not kept: what is written stands for the same policy."""
    policy = parse_policy(data)
    assert parse_policy(policy.format()) == policy
    return data


EXAMPLES: dict[str, tuple[Callable[[bytes], bytes], list[bytes]]] = {
    "note": (
        lambda data: parse_note(data).format(),
        [SPEC_NOTE, CHECKPOINT, b"\n\n\xe2\x80\x94 n AAAAAAA=\n"],
    ),
    "checkpoint": (lambda data: parse_checkpoint(data).format(), [CHECKPOINT, TestLog([]).checkpoint()]),
    "vkey": (_vkey, [SPEC_VKEY.encode(), *(one.vkey.encode() for one in WITNESSES)]),
    "path": (
        _path,
        [
            tile_name(level, index, width).encode()
            for level, index, width in ((0, 0, 256), ("entries", 1234067, 256), (63, 999, 1), (2, 1000, 255))
        ],
    ),
    "bundle": (
        lambda data: format_bundle(parse_bundle(data)),
        [bundle(LOG.entries), bundle([b"x"] * 256), b"\0\1x"],
    ),
    "proof": (lambda data: parse_proof(data).format(), [proof(0), proof(6, b"vrf"), proof(3)]),
    "policy": (_policy, [POLICY, b"quorum none\n"]),
}
