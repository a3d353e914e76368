"""Private keys of providers that sign in this process: made or taken in, and shown to work before they are used."""

from __future__ import annotations

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import PrivateKey, from_pkcs8, generate
from signerd.core.signatures import Sign, signer, verifier
from signerd.providers.base import Order

_SELF_TEST = Message(b"signerd: self test of an unlocked key")


def ordered_key(order: Order) -> PrivateKey:
    """The private key of an order, new or its own. RSA takes seconds: keep it off the event loop."""
    if order.private_key is None:
        return generate(order.algorithm)
    return from_pkcs8(order.private_key, order.algorithm)[0]


def tested_signer(private_key: PrivateKey, algorithm: Algorithm) -> Sign:
    """Build a signer that has shown that it works."""
    sign = signer(private_key, algorithm)
    test = prepare(algorithm, _SELF_TEST)
    verifier(private_key.public_key(), algorithm)(test, sign(test))
    return sign
