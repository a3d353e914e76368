"""External mu of ML-DSA, checked against the library: a signature of mu is one of the message."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa

from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.core.external_mu import external_mu
from signerd.core.inputs import Message
from signerd.core.private_keys import MlDsaPrivateKey, generate
from signerd.core.public_keys import spki
from signerd.core.signatures import verifier
from signerd.errors import Reason, SignerdError

NAMES = ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"]


@cache
def key(name: str) -> MlDsaPrivateKey:
    made = generate(BY_NAME[name])
    assert isinstance(made, MlDsaPrivateKey)
    return made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("message", [b"", b"abc", bytes(range(256)) * 17, bytes(1 << 20)])
def test_a_signature_of_mu_is_one_of_the_message(name: str, message: bytes) -> None:
    mu = external_mu(spki(key(name).public_key()), message)
    verify = verifier(key(name).public_key(), BY_NAME[name])
    verify(Message(message), key(name).sign_mu(mu.value))
    verify(mu, key(name).sign(message))


def test_another_key_or_message_has_another_mu() -> None:
    public_key = spki(key("ml-dsa-44").public_key())
    other = spki(mldsa.MLDSA44PrivateKey.generate().public_key())
    values = {
        external_mu(public_key, b"a").value,
        external_mu(public_key, b"b").value,
        external_mu(other, b"a").value,
    }
    assert len(values) == 3


def test_other_keys_have_none() -> None:
    with pytest.raises(SignerdError) as caught:
        external_mu(spki(generate(DEFAULT).public_key()), b"a")
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED
