"""Wrapping private keys for AWS KMS."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.imports import wrap

WRAPPING = rsa.generate_private_key(65537, 2048)


def opened(wrapped: bytes) -> bytes:
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return aes_key_unwrap_with_padding(WRAPPING.decrypt(wrapped[:256], oaep), wrapped[256:])


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "ecdsa-p521-sha512", "rsa-pss-2048-sha256"])
def test_the_holder_of_the_wrapping_key_gets_the_private_key(name: str) -> None:
    private_key = to_pkcs8(generate(BY_NAME[name]))
    assert opened(wrap(private_key, spki(WRAPPING.public_key()))) == private_key


def test_every_wrapping_has_its_own_key() -> None:
    private_key = to_pkcs8(generate(DEFAULT))
    wrapped = [wrap(private_key, spki(WRAPPING.public_key())) for _ in range(2)]
    assert wrapped[0][256:] != wrapped[1][256:]
    assert private_key not in wrapped[0]


@pytest.mark.parametrize(
    "wrapping_key", [b"", b"junk", spki(generate(DEFAULT).public_key())], ids=["empty", "junk", "ec"]
)
def test_nothing_is_wrapped_with_what_is_no_rsa_key(wrapping_key: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        wrap(to_pkcs8(generate(DEFAULT)), wrapping_key)
    assert caught.value.reason is Reason.PROVIDER_INTEGRITY
