from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import example, given
from hypothesis import strategies as st

from signerd.audit import checkpoints, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.tree import TreeHead
from signerd.errors import Reason, SignerdError
from tests.unit.audit.proven_logs import PUBLIC, signed

# The example of signed-note, and its verifier key.
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZX"
    "sYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
HEAD = TreeHead(20_852_163, base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="))
LINE = "— example.com/foo Uw2QOkn8srU=\n"


def refused(note: bytes, origin: str = "i/0") -> bool:
    try:
        checkpoints.parse(note, origin)
    except SignerdError as error:
        return error.reason is Reason.AUDIT_CORRUPT
    return False


def test_the_published_example_comes_out_byte_for_byte() -> None:
    name, key_id, encoded = VKEY.split("+")
    public = base64.b64decode(encoded)[1:]
    note = notes.parse(EXAMPLE)
    [signature] = note.signatures

    Ed25519PublicKey.from_public_bytes(public).verify(signature.value, note.text)
    assert notes.vkey(name, public) == VKEY
    assert signature.key_id.hex() == key_id == notes.key_id(name, public).hex()
    assert notes.note(note.text, [notes.signature_line(name, public, signature.value)]) == EXAMPLE


def test_a_text_may_have_empty_lines_and_many_signatures() -> None:
    note = notes.parse(f"a\n\nb\n\n{LINE}{LINE}".encode())

    assert (note.text, len(note.signatures)) == (b"a\n\nb\n", 2)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "text\n",
        f"\n\n{LINE}"[1:],
        f"text{LINE}",
        f"text\n\n{LINE[:-1]}",
        f"text\n\n{LINE}\n",
        f"text\n\n{LINE}x",
        f"text\r\n\n{LINE}",
        f"te\txt\n\n{LINE}",
        f"text\n\n- {LINE[2:]}",
        f"text\n\n{LINE}".replace("— ", "—  "),
        f"text\n\n{LINE}".replace("example.com/foo", "example com"),
        f"text\n\n{LINE}".replace("example.com/foo", "a+b"),
        f"text\n\n{LINE}".replace("example.com/foo", "a\u00a0b"),
        f"text\n\n{LINE}".replace("srU=", "srV="),
        f"text\n\n{LINE}".replace("srU=", "srU"),
        f"text\n\n{LINE}".replace("srU=", "sr_="),
        "text\n\n— a AAAAAA==\n",
        "text\n\n" + LINE * 10_000,
    ],
)
def test_what_the_grammar_does_not_allow_is_refused(data: str) -> None:
    with pytest.raises(SignerdError, match="a signed note"):
        notes.parse(data.encode())


def test_what_is_no_utf8_is_refused() -> None:
    with pytest.raises(SignerdError, match="UTF-8"):
        notes.parse(b"\xff" + EXAMPLE)


def test_a_checkpoint_comes_back_as_it_was_signed() -> None:
    found = signed("i/0", HEAD)

    assert found == Checkpoint("i/0", *HEAD, found.note)
    assert found.head == HEAD
    assert found.note.startswith(b"i/0\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n")
    assert notes.parse(found.note).signatures[0].key_id == notes.key_id("i/0", PUBLIC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"i/0\n", b"i/1\n"),
        (b"i/0\n", b"i/0 \n"),
        (b"\n20852163\n", b"\n020852163\n"),
        (b"\n20852163\n", b"\n-1\n"),
        (b"\n20852163\n", b"\n\n"),
        (b"\n20852163\n", b"\n99999999999999999999\n"),
        (b"q2I=\n", b"q2J=\n"),
        (b"q2I=\n", b"q2I\n"),
        (b"q2I=\n", b"q2IA\n"),
        (b"q2I=\n", b"q2I=\nextension\n"),
        (b"q2I=\n", b"\n"),
    ],
)
def test_a_checkpoint_has_three_lines_of_its_log_and_nothing_else(old: bytes, new: bytes) -> None:
    note = signed("i/0", HEAD).note
    assert old in note

    assert refused(note.replace(old, new, 1))


@given(st.binary(max_size=300))
@example(EXAMPLE)
def test_no_bytes_break_the_parsers(data: bytes) -> None:
    with suppress(SignerdError):
        notes.parse(data)
    with suppress(SignerdError):
        checkpoints.parse(data, "i/0")


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_never_changes_what_was_said_unseen(place: int, mask: int) -> None:
    whole = signed("i/0", HEAD)
    data = bytearray(whole.note)
    place %= len(data)
    data[place] ^= mask
    with suppress(SignerdError):
        found = checkpoints.parse(bytes(data), "i/0")
        assert found.head != whole.head or notes.parse(found.note) != notes.parse(whole.note)
