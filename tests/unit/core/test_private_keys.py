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
)
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.core import cosign_keys
from signerd.core.algorithms import TABLE, Algorithm, algorithm_named
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


def test_encrypted_pkcs8() -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right"))
    assert read(pem, b"right") == (P256, to_pkcs8(KEY))
    assert reason_of(pem, b"wrong") is Reason.PASSWORD_WRONG
    assert reason_of(pem, b"") is Reason.PASSWORD_WRONG
    assert reason_of(pem) is Reason.PASSWORD_WRONG


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
    with pytest.raises(SignerdError, match="openssl pkcs8 -topk8"):
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
