"""Public keys alone are adopted: they verify and never sign."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from signerd.core.algorithms import algorithm_named
from signerd.core.keys import Purpose
from signerd.errors import Reason, SignerdError
from tests.unit.engine.adopted import (
    ACTIVE,
    VERIFY_ONLY,
    History,
    adopt,
    history,
    material,
    numbers_and_states,
)
from tests.unit.engine.parts import Engine, refused

__all__ = ["history"]


async def test_public_only_makes_a_key_that_verifies_and_does_not_sign(
    engine: Engine, history: History
) -> None:
    engine.far.fault = SignerdError(Reason.PROVIDER_DENIED, "nothing is signed here")
    history(await material(engine, "a", number=4), await material(engine, "b", number=5))
    answer = await adopt(engine, public_only=True)
    assert numbers_and_states(answer.key) == [(5, VERIFY_ONLY)]
    assert (await refused(engine.sign("release"))).reason is Reason.VERSION_STATE
    error = await refused(engine.verify("release", b"0"))
    assert error.reason in (Reason.SIGNATURE_MALFORMED, Reason.SIGNATURE_MISMATCH)


@pytest.mark.parametrize("provider", ["far", "files"])
async def test_public_only_adds_a_version_to_a_key_that_exists(
    engine: Engine, history: History, provider: str
) -> None:
    old, newer = await material(engine, "a", number=8), await material(engine, "b", number=9)
    kept = await adopt(engine, "kept", uri=newer.uri)
    signature = (await engine.sign("kept", min_revision=kept.revision)).signature
    await engine.add_key("release", seen=False, provider=provider)
    history(old, replace(newer, uri="memory:again/1-b"))
    answer = await adopt(engine, public_only=True)
    assert numbers_and_states(answer.key) == [(1, ACTIVE), (2, VERIFY_ONLY)]
    assert (answer.key.primary_version, answer.key.provider) == (1, provider)
    assert (await engine.sign("release")).key_version == "keys/release/versions/1"
    assert (await engine.verify("release", signature)).key_version == "keys/release/versions/2"


@pytest.mark.parametrize(
    ("key", "fields", "reason"),
    [
        ({"algorithm": "ed25519"}, {}, Reason.ALGORITHM_UNSUPPORTED),
        ({}, {"algorithm": "ed25519"}, Reason.ALGORITHM_UNSUPPORTED),
        ({}, {"labels": {"a": "b"}}, Reason.REQUEST_MALFORMED),
        ({"purpose": Purpose.LOG}, {}, Reason.KEY_PURPOSE),
        ({"provider": "here"}, {}, Reason.KEY_URI_INVALID),
    ],
)
async def test_public_keys_that_do_not_join_a_key(
    engine: Engine, key: dict[str, Any], fields: dict[str, Any], reason: Reason
) -> None:
    made = await material(engine)
    await engine.add_key("release", **{"provider": "far", **key})
    error = await refused(adopt(engine, uri=made.uri, public_only=True, **fields))
    assert error.reason is reason
    assert len(engine.keyring.view.snapshot.keys["release"].versions) == 1


async def test_a_tied_algorithm_decides_whether_a_public_key_joins(engine: Engine, history: History) -> None:
    await engine.add_key("release", "rsa-pss-2048-sha256", provider="far")
    made = await material(engine, "a", "rsa-pss-2048-sha256")
    history(replace(made, algorithm=algorithm_named("rsa-pkcs1-2048-sha256")))
    assert (await refused(adopt(engine, public_only=True))).reason is Reason.ALGORITHM_UNSUPPORTED
    history(made)
    assert numbers_and_states((await adopt(engine, public_only=True)).key)[1] == (2, VERIFY_ONLY)
