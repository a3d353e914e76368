"""Signed notes and checkpoints: what their grammars refuse."""

from __future__ import annotations

import pytest

from signerd.auditor.checkpoints import parse_checkpoint, signers
from signerd.auditor.notes import parse_note
from signerd.auditor.vkeys import VerifierKey, is_signed, parse_log_keys, parse_vkey, timestamp
from signerd.errors import Reason, SignerdError
from tests.support.tlogs import Signer
from tests.unit.auditor.examples import CHECKPOINT, LOG, SPEC_NOTE, SPEC_VKEY, WITNESSES

LINE = "\u2014 n AAAAAAA="


def refusal(parse: object, *given: object) -> str:
    assert callable(parse)
    with pytest.raises(SignerdError) as caught:
        parse(*given)
    return f"{caught.value.reason.name} {caught.value.message}"


def test_a_note_is_text_and_signatures() -> None:
    note = parse_note(SPEC_NOTE)
    assert note.text == "This is an example message.\n"
    assert [(one.name, one.key_id.hex(), len(one.value)) for one in note.signatures] == [
        ("example.com/foo", "530d903a", 64)
    ]


def test_a_text_may_have_empty_lines() -> None:
    assert parse_note(f"a\n\nb\n\n{LINE}\n".encode()).text == "a\n\nb\n"


@pytest.mark.parametrize(
    "text",
    [
        f"a\n{LINE}\n",
        f"a\n\n{LINE}",
        f"a\n\n{LINE}\n\n",
        "a\n\n",
        f"a\r\n\n{LINE}\n",
        f"a\x00\n\n{LINE}\n",
        "a\n\n- n AAAAAAA=\n",
        "a\n\n\u2014  AAAAAAA=\n",
        "a\n\n\u2014 n+ AAAAAAA=\n",
        "a\n\n\u2014 n\u00a0 AAAAAAA=\n",
        "a\n\n\u2014 n  AAAAAAA=\n",
        "a\n\n\u2014 n AAAA\n",
        "a\n\n\u2014 n AAAAAAA\n",
        "a\n\n\u2014 n AAAAAAB=\n",
        "a\n\n\u2014 n AAAA-AA=\n",
        "a\n\n\u2014n AAAAAAA=\n",
        "a\n\n" + f"{LINE}\n" * 101,
    ],
)
def test_what_is_no_note(text: str) -> None:
    assert refusal(parse_note, text.encode()).startswith("AUDIT_FORMAT_INVALID note: ")


def test_bytes_that_are_no_text_and_long_ones() -> None:
    assert "UTF-8" in refusal(parse_note, b"\xff\n\n")
    assert "longer" in refusal(parse_note, b"a" * (1 << 20) + b"\n\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n9223372036854775808\n"),
        ("\n7\n", "\n\u0667\n"),
        ("\n7\n", "\n0\n"),
        ("\n7\n", "\n7\nextension\n"),
        ("\n7\n", "\n"),
        ("4e6f1c1a/worker-0\n7", "4e6f 1c1a\n7"),
        ("4e6f1c1a/worker-0\n7", "\n7"),
        ("=\n\n", "\n\n"),
    ],
)
def test_what_is_no_checkpoint(old: str, new: str) -> None:
    text = CHECKPOINT.decode()
    assert old in text
    assert "AUDIT_FORMAT_INVALID" in refusal(parse_checkpoint, text.replace(old, new, 1).encode())


def test_the_id_of_a_key_is_checked() -> None:
    assert parse_vkey(SPEC_VKEY).key_id.hex() == "530d903a"
    assert "530d903a" in refusal(parse_vkey, SPEC_VKEY.replace("530d903a", "530d903b"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n",
        "n+00000000",
        "n+00000000+",
        "n+00000000+AQ==",
        SPEC_VKEY.upper(),
        f"{SPEC_VKEY}=",
        f"a b{SPEC_VKEY}",
    ],
)
def test_what_is_no_vkey(text: str) -> None:
    assert "AUDIT_FORMAT_INVALID" in refusal(parse_vkey, text)


def test_log_keys_are_lines_of_log_keys() -> None:
    keys = parse_log_keys(f"{SPEC_VKEY}\n\n{LOG.signers[0].vkey}".encode())
    assert [key.name for key in keys] == ["example.com/foo", LOG.origin]
    assert "no key" in refusal(parse_log_keys, b"\n")
    assert "UTF-8" in refusal(parse_log_keys, b"\xff")
    assert "witness" in refusal(parse_log_keys, WITNESSES[0].vkey.encode())


@pytest.mark.parametrize("kind", [1, 4, 6])
def test_signatures_and_cosignatures(kind: int) -> None:
    signer = Signer("somebody.example/x", kind)
    checkpoint = parse_checkpoint(
        CHECKPOINT + signer.line(parse_note(CHECKPOINT).text, 1_700_000_000).encode()
    )
    key, value = parse_vkey(signer.vkey), checkpoint.signatures[-1].value
    assert is_signed(key, checkpoint.head, value)
    assert kind == 1 or timestamp(value) == 1_700_000_000
    for at in range(0, len(value), 7):
        changed = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        assert not is_signed(key, checkpoint.head, changed)
    assert not is_signed(key, checkpoint.head, value[:-1])
    assert not is_signed(key, checkpoint.head, b"")
    assert not is_signed(VerifierKey("another", key.kind, key.public), checkpoint.head, value) or kind != 6


def test_a_line_in_the_name_of_a_known_key_must_verify() -> None:
    checkpoint = parse_checkpoint(CHECKPOINT)
    keys = [parse_vkey(one.vkey) for one in LOG.signers]
    assert [key for key, _ in signers(checkpoint, keys)] == keys
    other = parse_checkpoint(CHECKPOINT.replace(b"\n7\n", b"\n8\n"))
    assert Reason.AUDIT_EVIDENCE_INVALID.name in refusal(signers, other, keys)
    assert signers(other, [parse_vkey(SPEC_VKEY)]) == []
