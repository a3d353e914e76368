import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.core.cosign_keys import decrypt, encrypt
from signerd.core.pem import read_block, write_block
from signerd.errors import Reason, SignerdError

SECRET = b"pkcs8 bytes that nobody may see"
PEM = encrypt(SECRET, b"password")
DOCUMENT = json.loads(read_block(PEM).data)


def rebuilt(label: str = "ENCRYPTED SIGSTORE PRIVATE KEY", **changes: object) -> bytes:
    """The file with members replaced; a double underscore goes one level down."""
    document = json.loads(json.dumps(DOCUMENT))
    for path, value in changes.items():
        *above, last = path.split("__")
        place = document
        for name in above:
            place = place[name]
        place[last] = value
    return write_block(label, json.dumps(document).encode())


def reason_of(pem: bytes, password: bytes = b"password") -> Reason:
    with pytest.raises(SignerdError) as caught:
        decrypt(pem, password)
    assert "nobody may see" not in repr(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("password", [b"", b"password", "pässwörd".encode(), bytes(range(256))])
def test_round_trip(password: bytes) -> None:
    assert decrypt(encrypt(SECRET, password), password) == SECRET


def test_the_form_is_cosigns() -> None:
    assert PEM.startswith(b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    assert {len(line) for line in PEM.splitlines()[1:-2]} == {64}
    assert list(DOCUMENT) == ["kdf", "cipher", "ciphertext"]
    assert DOCUMENT["kdf"]["params"] == {"N": 65536, "r": 8, "p": 1}
    assert (DOCUMENT["kdf"]["name"], DOCUMENT["cipher"]["name"]) == ("scrypt", "nacl/secretbox")
    assert len(base64.b64decode(DOCUMENT["kdf"]["salt"])) == 32
    assert len(base64.b64decode(DOCUMENT["cipher"]["nonce"])) == 24


def test_two_files_share_neither_salt_nor_nonce() -> None:
    other = json.loads(read_block(encrypt(SECRET, b"password")).data)
    assert other["kdf"]["salt"] != DOCUMENT["kdf"]["salt"]
    assert other["cipher"]["nonce"] != DOCUMENT["cipher"]["nonce"]


def test_the_old_label_is_read() -> None:
    assert decrypt(rebuilt("ENCRYPTED COSIGN PRIVATE KEY"), b"password") == SECRET


def test_a_wrong_password_and_a_damaged_ciphertext_look_alike() -> None:
    assert reason_of(PEM, b"Password") is Reason.PASSWORD_WRONG
    damaged = bytearray(base64.b64decode(DOCUMENT["ciphertext"]))
    damaged[-1] ^= 1
    assert reason_of(rebuilt(ciphertext=base64.b64encode(damaged).decode())) is Reason.PASSWORD_WRONG


@pytest.mark.parametrize(
    "changes",
    [
        {"kdf__params__N": 16384},
        {"kdf__params__N": 1 << 30},
        {"kdf__params__N": "65536"},
        {"kdf__params__N": [65536]},
        {"kdf__params__r": 16},
        {"kdf__params__p": 2},
        {"kdf__params": None},
        {"kdf__name": "argon2"},
        {"cipher__name": "aes"},
        {"cipher__nonce": "AAAA"},
        {"kdf__salt": ""},
        {"kdf__salt": 3},
        {"kdf": []},
        {"ciphertext": "AAAA"},
        {"ciphertext": "not base64!"},
        {"label": "PRIVATE KEY"},
    ],
    ids=str,
)
def test_other_parameters_are_refused_before_any_work(changes: dict[str, object]) -> None:
    label = str(changes.pop("label", "ENCRYPTED SIGSTORE PRIVATE KEY"))
    assert reason_of(rebuilt(label, **changes)) is Reason.PRIVATE_KEY_INVALID


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()),
    )
)
def test_any_body_is_refused_without_a_traceback(body: bytes) -> None:
    assert reason_of(write_block("ENCRYPTED SIGSTORE PRIVATE KEY", body)) is Reason.PRIVATE_KEY_INVALID
