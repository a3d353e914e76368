"""The alias that follows the primary: ours is moved, somebody else's stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.aliases import KmsAliases
from signerd.providers.aws_kms.calls import KmsCalls
from tests.support.servers.aws_calls import ALIAS, ARN, OTHER, Calls, tags


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def aliases(calls: Calls) -> KmsAliases:
    return KmsAliases(cast(KmsCalls, calls), "signerd/")


def refused(call: object, *arguments: object) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value


def test_the_alias_of_our_key_is_moved(aliases: KmsAliases, calls: Calls) -> None:
    calls.aliases[ALIAS], calls.tagged[OTHER] = OTHER, tags()
    aliases.point(ARN, "release", "i")
    assert calls.aliases == {ALIAS: ARN}


@pytest.mark.parametrize(
    "owner", [{}, tags(instance="another"), tags(key="another"), {"signerd:key": "release"}]
)
def test_the_alias_of_somebody_else_stays(
    aliases: KmsAliases, calls: Calls, owner: Mapping[str, str]
) -> None:
    calls.aliases[ALIAS], calls.tagged[OTHER] = OTHER, owner
    error = refused(aliases.point, ARN, "release", "i")
    assert error.reason is Reason.PROVIDER_REFUSED
    assert OTHER in error.message
    assert calls.aliases == {ALIAS: OTHER}


def test_an_alias_that_points_there_is_left(aliases: KmsAliases, calls: Calls) -> None:
    calls.aliases[ALIAS] = ARN
    aliases.point(ARN, "release", "i")
    assert calls.asked == ["describe"]


def test_an_alias_made_meanwhile_is_judged(aliases: KmsAliases, calls: Calls) -> None:
    calls.failures["create_alias"] = [Reason.KEY_EXISTS]
    calls.failures["describe"] = [Reason.KEY_MATERIAL_UNREADABLE]
    calls.aliases[ALIAS] = OTHER
    assert refused(aliases.point, ARN, "release", "i").reason is Reason.PROVIDER_REFUSED
    assert calls.aliases == {ALIAS: OTHER}
