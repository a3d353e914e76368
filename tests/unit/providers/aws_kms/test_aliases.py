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
    """ARN is a version of ours."""
    made = Calls()
    made.tagged[ARN] = tags()
    return made


@pytest.fixture
def aliases(calls: Calls) -> KmsAliases:
    return KmsAliases(cast(KmsCalls, calls), "signerd/")


def refused(call: object, *arguments: object) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value


def test_the_alias_of_our_key_is_moved(aliases: KmsAliases, calls: Calls) -> None:
    calls.aliases[ALIAS], calls.tagged[OTHER] = OTHER, tags()
    assert aliases.point(ARN, "release", "i")
    assert calls.aliases == {ALIAS: ARN}


def test_a_key_without_alias_gets_one(aliases: KmsAliases, calls: Calls) -> None:
    assert aliases.point(ARN, "release", "i")
    assert calls.aliases == {ALIAS: ARN}
    assert not aliases.point(ARN, "release", "i")


def test_without_a_prefix_there_are_no_aliases(calls: Calls) -> None:
    assert not KmsAliases(cast(KmsCalls, calls), "").point(ARN, "release", "i")
    assert calls.asked == []


@pytest.mark.parametrize("owner", [{}, tags(instance="another"), tags(key="another")])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_key_that_was_adopted_gets_none(
    aliases: KmsAliases, calls: Calls, owner: Mapping[str, str], elsewhere: bool
) -> None:
    calls.tagged[ARN] = owner
    before = {ALIAS: OTHER} if elsewhere else {}
    calls.aliases.update(before)
    assert not aliases.point(ARN, "release", "i")
    assert calls.aliases == before


def test_an_adopted_primary_beside_an_alias_of_ours_is_told(aliases: KmsAliases, calls: Calls) -> None:
    calls.aliases[ALIAS], calls.tagged = OTHER, {OTHER: tags()}
    assert refused(aliases.point, ARN, "release", "i").reason is Reason.PROVIDER_REFUSED
    assert calls.aliases == {ALIAS: OTHER}


@pytest.mark.parametrize("where", [ARN, OTHER])
def test_tags_that_may_not_be_read_move_nothing(aliases: KmsAliases, calls: Calls, where: str) -> None:
    calls.aliases[ALIAS], calls.tagged[OTHER] = OTHER, tags()
    calls.untold = {where}
    assert refused(aliases.point, ARN, "release", "i").reason is Reason.PROVIDER_DENIED
    assert calls.aliases == {ALIAS: OTHER}


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
    assert not aliases.point(ARN, "release", "i")
    assert calls.asked == ["describe"]


def test_an_alias_that_another_worker_made_meanwhile(aliases: KmsAliases, calls: Calls) -> None:
    calls.failures["create_alias"] = [Reason.KEY_EXISTS]
    calls.failures["describe"] = [Reason.KEY_MATERIAL_UNREADABLE]
    calls.aliases[ALIAS] = ARN
    assert aliases.point(ARN, "release", "i")
    assert "update_alias" not in calls.asked


def test_an_alias_made_meanwhile_is_judged(aliases: KmsAliases, calls: Calls) -> None:
    calls.failures["create_alias"] = [Reason.KEY_EXISTS]
    calls.failures["describe"] = [Reason.KEY_MATERIAL_UNREADABLE]
    calls.aliases[ALIAS] = OTHER
    assert refused(aliases.point, ARN, "release", "i").reason is Reason.PROVIDER_REFUSED
    assert calls.aliases == {ALIAS: OTHER}
