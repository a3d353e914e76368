"""Private keys in all forms that come in, and what is refused."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.core import cosign_keys, private_keys
from signerd.core.algorithms import TABLE, Algorithm, algorithm_named
from signerd.core.pem import write_block
from signerd.core.private_keys import from_pkcs8, generate, inferred_algorithm, read, to_pkcs8
from signerd.core.public_keys import fits
from signerd.errors import Reason, SignerdError

P256 = algorithm_named("ecdsa-p256-sha256")
KEY = ec.derive_private_key(7, ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem_of(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, form, NoEncryption())
    return made


def reason_of(pem: bytes, password: bytes | None = None, algorithm: Algorithm | None = None) -> Reason:
    with pytest.raises(SignerdError) as caught:
        read(pem, password, algorithm)
    return caught.value.reason


@pytest.mark.parametrize("algorithm", [row for row in TABLE if row.size <= 2048], ids=str)
def test_made_keys_come_back_from_pkcs8(algorithm: Algorithm) -> None:
    key = generate(algorithm)
    again, named = from_pkcs8(to_pkcs8(key), algorithm)
    assert named is algorithm
    assert again.public_key() == key.public_key()
    assert fits(again.public_key(), inferred_algorithm(again))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (KEY, "ecdsa-p256-sha256"),
        (ec.derive_private_key(7, ec.SECP384R1()), "ecdsa-p384-sha384"),
        (ec.derive_private_key(7, ec.SECP521R1()), "ecdsa-p521-sha512"),
        (RSA, "rsa-pkcs1-2048-sha256"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (generate(algorithm_named("ml-dsa-87")), "ml-dsa-87"),
    ],
)
def test_the_algorithm_follows_from_the_key(key: Any, name: str) -> None:
    algorithm, pkcs8 = read(pem_of(key))
    assert algorithm.name == name
    assert from_pkcs8(pkcs8)[0].public_key() == key.public_key()


@pytest.mark.parametrize("key", [KEY, RSA], ids=["SEC1", "PKCS#1"])
def test_traditional_forms_are_read(key: Any) -> None:
    algorithm, pkcs8 = read(pem_of(key, PrivateFormat.TraditionalOpenSSL))
    assert algorithm is inferred_algorithm(key)
    assert pkcs8 == to_pkcs8(key)


def test_an_algorithm_can_be_named() -> None:
    assert (
        read(pem_of(RSA), algorithm=algorithm_named("rsa-pss-2048-sha256"))[0].name == "rsa-pss-2048-sha256"
    )
    assert reason_of(pem_of(RSA), algorithm=P256) is Reason.ALGORITHM_UNSUPPORTED
    with pytest.raises(SignerdError, match="RSA with 2048 bits"):
        read(pem_of(RSA), algorithm=P256)


@pytest.mark.parametrize("password", [None, b"", b"right"])
@pytest.mark.parametrize("label", [b"ENCRYPTED PRIVATE KEY", b"PRIVATE KEY"])
def test_encrypted_pkcs8_is_refused_with_the_way_out(password: bytes | None, label: bytes) -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right"))
    with pytest.raises(SignerdError, match="decrypt it first: openssl pkey -in FILE") as caught:
        read(pem.replace(b"ENCRYPTED PRIVATE KEY", label), password)
    assert caught.value.reason is Reason.PRIVATE_KEY_INVALID


def tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, *([length] if length < 128 else [0x80 | len(octets), *octets])]) + content


def pkcs1(*numbers: int) -> bytes:
    """PKCS#1 with the given n, e, d, p, q; the rest is made up."""
    filled = (0, *numbers, 1, 1, 1)
    return tlv(0x30, b"".join(tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in filled))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each time that the library is asked to load a key, whether it skips the check of RSA."""
    asked: list[bool] = []

    def load(der: bytes, password: None, *, unsafe_skip_rsa_key_validation: bool = False) -> object:
        asked.append(unsafe_skip_rsa_key_validation)
        if not unsafe_skip_rsa_key_validation and b"1" * 200 in der:
            raise AssertionError("this would take minutes")
        return load_der_private_key(
            der, password, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation
        )

    monkeypatch.setattr(private_keys, "load_der_private_key", load)
    return asked


LONG = int.from_bytes(b"1" * 270, "big")  # 2158 bits


@pytest.mark.parametrize(
    "numbers",
    [
        (35, 65537, 5, LONG, 7),
        (35, 65537, 5, 7, LONG),
        (LONG << 1946, 65537, 5, LONG, 7),
        (LONG << 2000, 65537, 5, 7, 7),
    ],
    ids=["p", "q", "a prime of half the length and more", "n"],
)
@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "cosign"])
def test_rsa_is_not_checked_where_that_takes_long(
    loads: list[bool], numbers: tuple[int, ...], sealed: bool
) -> None:
    der = pkcs1(*numbers)
    pem = cosign_keys.encrypt(der, b"x") if sealed else write_block("RSA PRIVATE KEY", der)
    with pytest.raises(SignerdError, match="with primes of half the length"):
        read(pem, b"x")
    assert loads == [True]


@pytest.mark.parametrize("key", [RSA, rsa.generate_private_key(65537, 4096)], ids=["2048", "4096"])
def test_rsa_of_the_usual_lengths_is_checked(loads: list[bool], key: rsa.RSAPrivateKey) -> None:
    assert read(pem_of(key))[1] == to_pkcs8(key)
    assert loads == [True, False]
    numbers = key.private_numbers()
    public = numbers.public_numbers
    wrong = pkcs1(public.n, public.e, numbers.d + 2, numbers.p, numbers.q)
    assert reason_of(write_block("RSA PRIVATE KEY", wrong)) is Reason.PRIVATE_KEY_INVALID


ML_DSA = bytes.fromhex("020100300b0609608648016503040313")
DSA_LIKE = bytes.fromhex("020100300906072a8648ce380401")


@pytest.mark.parametrize(
    ("content", "loaded"),
    [
        (DSA_LIKE.ljust(2496), True),
        (DSA_LIKE.ljust(2497), False),
        ((DSA_LIKE + ML_DSA).ljust(2497), False),
        (ML_DSA.ljust(6140), True),
        (ML_DSA.ljust(6141), False),
    ],
    ids=range(5),
)
@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"])
def test_long_keys_are_not_even_loaded(loads: list[bool], content: bytes, loaded: bool, label: str) -> None:
    assert reason_of(write_block(label, tlv(0x30, content))) is Reason.PRIVATE_KEY_INVALID
    assert bool(loads) is loaded


def test_kinds_that_the_library_stumbles_over_are_refused() -> None:
    dh = tlv(0x30, bytes.fromhex("06092a864886f70d010301") + tlv(0x30, tlv(2, b"\1" * 1400) + b"\2\1\2"))
    der = tlv(0x30, b"\2\1\0" + dh + tlv(4, b"\2\1\7"))
    assert reason_of(write_block("PRIVATE KEY", der)) is Reason.PRIVATE_KEY_INVALID


def test_cosigns_format() -> None:
    pem = cosign_keys.encrypt(to_pkcs8(KEY), b"right")
    assert read(pem, b"right") == (P256, to_pkcs8(KEY))
    assert reason_of(pem, b"wrong") is Reason.PASSWORD_WRONG
    assert reason_of(pem) is Reason.PASSWORD_WRONG


def test_a_password_that_is_not_needed_does_no_harm() -> None:
    assert read(PEM, b"needless")[0] is P256


@pytest.mark.parametrize(
    "make",
    [
        lambda: rsa.generate_private_key(65537, 1024),
        lambda: rsa.generate_private_key(65537, 2056),
        lambda: rsa.generate_private_key(3, 2048),
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP224R1()),
        lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        lambda: dsa.generate_private_key(1024),
        ed448.Ed448PrivateKey.generate,
        x25519.X25519PrivateKey.generate,
    ],
    ids=["rsa1024", "rsa2056", "e3", "secp256k1", "p224", "brainpool", "dsa", "ed448", "x25519"],
)
def test_weak_and_odd_keys_are_refused(make: Callable[[], Any]) -> None:
    pem = pem_of(make())
    assert reason_of(pem) is Reason.PRIVATE_KEY_INVALID
    assert reason_of(pem, algorithm=algorithm_named("rsa-pkcs1-2048-sha256")) is Reason.PRIVATE_KEY_INVALID


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"not pem",
        PEM + PEM,
        PEM + b"more",
        b"Bag Attributes\n" + PEM,
        PEM.replace(b"PRIVATE KEY", b"PUBLIC KEY"),
        PEM.replace(b"END PRIVATE KEY", b"END EC PRIVATE KEY"),
        PEM.replace(b"M", b"!", 1),
        PEM.replace(b"MI", b"AA", 1),
        PEM[:-40],
        PEM.replace(b"\n", b""),
        b"x" * 100_000,
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    ],
    ids=range(13),
)
def test_damaged_files_are_refused(pem: bytes) -> None:
    assert reason_of(pem) is Reason.PRIVATE_KEY_INVALID


def test_openssls_old_encryption_is_refused_with_the_way_out() -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x"))
    with pytest.raises(SignerdError, match="openssl pkey -in FILE"):
        read(pem, b"x")


def test_line_ends_of_windows_and_ec_parameters_are_taken() -> None:
    assert read(PEM.replace(b"\n", b"\r\n"))[0] is P256
    made = subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey"], check=True, capture_output=True
    ).stdout
    assert b"EC PARAMETERS" in made
    assert read(made)[0] is P256


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_change_of_a_file_makes_a_traceback(data: st.DataObject) -> None:
    pem = bytearray(data.draw(st.sampled_from([PEM, pem_of(KEY, PrivateFormat.TraditionalOpenSSL)])))
    for _ in range(data.draw(st.integers(1, 4))):
        pem[data.draw(st.integers(0, len(pem) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SignerdError):
        read(bytes(pem), b"x")


@given(st.binary(max_size=150))
def test_bytes_that_are_no_pkcs8(der: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        from_pkcs8(der)
    assert caught.value.reason is Reason.PRIVATE_KEY_INVALID


def test_no_key_bytes_in_messages() -> None:
    secret = PEM.splitlines()[1].decode()
    for damaged in (PEM + b"x", PEM.replace(b"MI", b"AA", 1)):
        with pytest.raises(SignerdError) as caught:
            read(damaged)
        assert secret[10:40] not in repr(caught.value) + str(caught.value.__context__)
