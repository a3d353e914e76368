"""Keys at AWS KMS as key material, against calls that answer as told."""

from __future__ import annotations

from typing import cast

import pytest

from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.core.external_mu import external_mu
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import generate
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.aliases import KmsAliases
from signerd.providers.aws_kms.calls import KmsCalls
from signerd.providers.aws_kms.keys import KmsKeys
from signerd.providers.aws_kms.table import row_of
from signerd.providers.base import Change, Order
from tests.support.servers.aws_calls import ALIAS, ARN, PUBLIC_KEY, Calls, tags

ORDER = Order("release", 1, DEFAULT, "t1", instance="i")


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def keys(calls: Calls, pauses: list[float]) -> KmsKeys:
    typed = cast(KmsCalls, calls)
    return KmsKeys(typed, KmsAliases(typed, "signerd/"), "eu-central-1", pauses.append)


def refused(call: object, *arguments: object) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value


def test_what_is_made_is_found_as_it_was_told(keys: KmsKeys) -> None:
    made = keys.make(ORDER, row_of(DEFAULT))
    assert made.tags == ORDER.tags
    assert keys.material(ARN) == keys.seen(ARN) == made


def test_a_new_key_that_is_not_known_everywhere_yet_is_waited_for(
    keys: KmsKeys, calls: Calls, pauses: list[float]
) -> None:
    calls.failures["public_key"] = [Reason.KEY_MATERIAL_UNREADABLE] * 3
    assert keys.make(ORDER, row_of(DEFAULT)).public_key == PUBLIC_KEY
    assert len(pauses) == 3


def test_the_first_signature_of_a_new_key_is_waited_for_and_no_other(
    keys: KmsKeys, calls: Calls, pauses: list[float]
) -> None:
    keys.make(ORDER, row_of(DEFAULT))
    given = prepare(DEFAULT, Message(b"m"))
    calls.failures["sign"] = [Reason.KEY_MATERIAL_UNREADABLE] * 2
    assert keys.sign(ARN, row_of(DEFAULT), given) == b"signature"
    assert len(pauses) == 2
    calls.failures["sign"] = [Reason.KEY_MATERIAL_UNREADABLE]
    assert refused(keys.sign, ARN, row_of(DEFAULT), given).reason is Reason.KEY_MATERIAL_UNREADABLE
    assert len(pauses) == 2


@pytest.mark.parametrize("change", [Change.DISABLE, Change.DESTROY])
def test_what_was_changed_before_its_first_signature_is_not_waited_for(
    keys: KmsKeys, calls: Calls, pauses: list[float], change: Change
) -> None:
    keys.make(ORDER, row_of(DEFAULT))
    keys.change(ARN, change)
    calls.failures["sign"] = [Reason.KEY_MATERIAL_DISABLED]
    refused(keys.sign, ARN, row_of(DEFAULT), prepare(DEFAULT, Message(b"m")))
    assert pauses == []


@pytest.mark.parametrize("reasons", [[Reason.KEY_MATERIAL_UNREADABLE] * 99, [Reason.PROVIDER_DENIED]])
def test_a_new_key_without_public_key_is_destroyed(
    keys: KmsKeys, calls: Calls, reasons: list[Reason]
) -> None:
    calls.failures["public_key"] = list(reasons)
    assert refused(keys.make, ORDER, row_of(DEFAULT)).reason is reasons[0]
    assert calls.asked[-1] == "destroy"


@pytest.mark.parametrize(
    "reasons",
    [[Reason.PROVIDER_THROTTLED] * 99, [Reason.PROVIDER_UNAVAILABLE], [Reason.PROVIDER_TIMEOUT]],
)
def test_a_new_key_is_kept_while_aws_is_busy(keys: KmsKeys, calls: Calls, reasons: list[Reason]) -> None:
    calls.failures["public_key"] = list(reasons)
    assert refused(keys.make, ORDER, row_of(DEFAULT)).reason is reasons[0]
    assert "destroy" not in calls.asked


def test_a_throttled_public_key_of_a_new_key_is_waited_for(
    keys: KmsKeys, calls: Calls, pauses: list[float]
) -> None:
    calls.failures["public_key"] = [Reason.PROVIDER_THROTTLED] * 2
    assert keys.make(ORDER, row_of(DEFAULT)).public_key == PUBLIC_KEY
    assert len(pauses) == 2


def test_a_region_without_the_algorithm_is_refused_with_other_ones(keys: KmsKeys, calls: Calls) -> None:
    calls.failures["create"] = [Reason.ALGORITHM_UNSUPPORTED]
    algorithm = BY_NAME["ml-dsa-65"]
    error = refused(keys.make, Order("k", 1, algorithm, "t"), row_of(algorithm))
    assert error.reason is Reason.ALGORITHM_UNSUPPORTED
    assert "eu-central-1" in error.message
    assert "ecdsa-p256-sha256" in error.message
    assert "ml-dsa-44" not in error.message


def test_making_a_key_names_nothing(keys: KmsKeys, calls: Calls) -> None:
    keys.make(ORDER, row_of(DEFAULT))
    assert calls.aliases == {}
    assert keys.point_alias(ARN, "release", "i")
    assert calls.aliases == {ALIAS: ARN}


@pytest.mark.parametrize("state", ["PendingDeletion", "PendingReplicaDeletion"])
def test_a_key_that_waits_for_its_deletion(keys: KmsKeys, calls: Calls, state: str) -> None:
    calls.state = state
    assert refused(keys.material, ARN).reason is Reason.KEY_MATERIAL_DISABLED
    assert keys.seen(ARN) is None


@pytest.mark.parametrize(
    ("signs", "spec"), [(False, "ECC_NIST_P256"), (True, "SM2"), (True, "SYMMETRIC_DEFAULT")]
)
def test_what_is_no_signing_key_of_ours(keys: KmsKeys, calls: Calls, signs: bool, spec: str) -> None:
    calls.signs, calls.spec = signs, spec
    assert refused(keys.material, ARN).reason is Reason.PROVIDER_REFUSED
    assert keys.seen(ARN) is None
    assert "public_key" not in calls.asked


def test_a_disabled_key_whose_public_key_is_known(keys: KmsKeys, calls: Calls) -> None:
    keys.material(ARN)
    calls.state, calls.failures = "Disabled", {"public_key": [Reason.KEY_MATERIAL_DISABLED]}
    found = keys.material(ARN)
    assert (found.enabled, found.public_key) == (False, PUBLIC_KEY)


@pytest.mark.parametrize(
    ("state", "reason"),
    [("Disabled", Reason.KEY_MATERIAL_DISABLED), ("PendingImport", Reason.KEY_MATERIAL_UNREADABLE)],
)
def test_a_key_whose_public_key_kms_does_not_tell(
    keys: KmsKeys, calls: Calls, state: str, reason: Reason
) -> None:
    calls.state, calls.failures = state, {"public_key": [Reason.KEY_MATERIAL_DISABLED] * 2}
    assert refused(keys.material, ARN).reason is reason
    seen = keys.seen(ARN)
    assert seen is not None
    assert (seen.enabled, seen.public_key) == (False, b"")


def test_a_changed_public_key_is_told_not_remembered(keys: KmsKeys, calls: Calls) -> None:
    keys.material(ARN)
    calls.shown = spki(generate(DEFAULT).public_key())
    assert keys.material(ARN).public_key == calls.shown


@pytest.mark.parametrize("operation", ["describe", "public_key", "tags"])
def test_what_is_gone_is_left_out(keys: KmsKeys, calls: Calls, operation: str) -> None:
    calls.failures[operation] = [Reason.KEY_MATERIAL_UNREADABLE]
    assert keys.seen(ARN) is None


@pytest.mark.parametrize("operation", ["describe", "public_key"])
def test_what_is_not_ours_to_see_may_be_anybodys(keys: KmsKeys, calls: Calls, operation: str) -> None:
    calls.failures[operation] = [Reason.PROVIDER_DENIED]
    seen = keys.seen(ARN)
    assert seen is not None
    assert (seen.unsure, seen.enabled, seen.public_key) == (True, False, b"")
    assert seen.uri.endswith(ARN)


@pytest.mark.parametrize(("text", "unsure"), [("signerd: k version 1", True), ("", False), ("mine", False)])
def test_a_key_whose_tags_may_not_be_read_is_told_by_its_description(
    keys: KmsKeys, calls: Calls, text: str, unsure: bool
) -> None:
    calls.tagged[ARN], calls.untold, calls.text = tags(), {ARN}, text
    seen = keys.seen(ARN)
    assert seen is not None
    assert (seen.tags, seen.unsure, seen.enabled) == ({}, unsure, True)
    assert keys.material(ARN) == seen


@pytest.mark.parametrize("operation", ["describe", "public_key", "tags"])
def test_a_list_with_holes_is_no_list(keys: KmsKeys, calls: Calls, operation: str) -> None:
    calls.failures[operation] = [Reason.PROVIDER_UNAVAILABLE]
    assert refused(keys.seen, ARN).reason is Reason.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("change", "reason", "passes"),
    [
        (Change.DESTROY, Reason.KEY_MATERIAL_DISABLED, True),
        (Change.DESTROY, Reason.KEY_MATERIAL_UNREADABLE, True),
        (Change.DESTROY, Reason.PROVIDER_DENIED, False),
        (Change.DISABLE, Reason.KEY_MATERIAL_DISABLED, True),
        (Change.DISABLE, Reason.KEY_MATERIAL_UNREADABLE, False),
        (Change.ENABLE, Reason.KEY_MATERIAL_DISABLED, False),
    ],
)
def test_what_is_so_already_stays_so(
    keys: KmsKeys, calls: Calls, change: Change, reason: Reason, passes: bool
) -> None:
    calls.failures[change.value] = [reason]
    if passes:
        keys.change(ARN, change)
    else:
        assert refused(keys.change, ARN, change).reason is reason


@pytest.mark.parametrize(
    ("size", "kind"), [(0, "RAW"), (4096, "RAW"), (4097, "EXTERNAL_MU"), (100_000, "EXTERNAL_MU")]
)
def test_long_messages_go_as_mu(keys: KmsKeys, calls: Calls, size: int, kind: str) -> None:
    calls.shown = spki(generate(BY_NAME["ml-dsa-44"]).public_key())
    message = bytes(size)
    keys.sign(ARN, row_of(BY_NAME["ml-dsa-44"]), Message(message))
    sent = message if kind == "RAW" else external_mu(calls.shown, message).value
    assert calls.sent == [(sent, kind)]


def test_the_public_key_for_mu_is_asked_once_but_for_aliases(keys: KmsKeys, calls: Calls) -> None:
    row, message = row_of(BY_NAME["ml-dsa-44"]), Message(bytes(5000))
    calls.shown = spki(generate(BY_NAME["ml-dsa-44"]).public_key())
    for key_id in (ARN, ARN, ALIAS, ALIAS):
        keys.sign(key_id, row, message)
    assert calls.asked.count("public_key") == 3
