"""Whoever releases what is durable: at once by default, or when somebody else has it as well."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from signerd.audit.groups import Group
from signerd.audit.log import Listener, open_log
from signerd.errors import Reason, SignerdError
from tests.unit.audit.samples import make_record


async def test_a_durable_group_waits_for_whoever_releases_it(tmp_path: Path) -> None:
    groups: list[Group] = []
    log = await open_log(tmp_path, "0", instance="i", listener=Listener(release=groups.append))
    ticket = log.append(make_record())
    while not groups:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert (log.sequence, ticket.durable.done()) == (1, False)
    groups[0].release()
    await ticket.durable
    await log.close()


async def test_a_note_that_is_durable_counts_though_it_is_held_back(tmp_path: Path) -> None:
    def refuse(group: Group) -> None:
        group.fail(lambda: SignerdError(Reason.AUDIT_UNAVAILABLE, "sink siem is down"))

    log = await open_log(tmp_path, "0", instance="i", listener=Listener(release=refuse))
    await log.note(make_record())
    assert log.sequence == 1
    await log.close()


@pytest.mark.parametrize("why", ["disk", "defect", "stop"])
async def test_a_note_that_is_not_durable_does_not_count(
    tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await open_log(tmp_path, "0", instance="i")
    if why == "disk":
        asyncio.get_running_loop().call_soon(log.failed, OSError(28, "No space left on device"))
    elif why == "defect":
        monkeypatch.setattr(Group, "build", lambda *_: 1 / 0)
    else:
        await log.close()
    with pytest.raises(SignerdError):
        await log.note(make_record())
    assert log.sequence == 0
    await log.close()


async def test_records_are_written_while_a_log_is_held(tmp_path: Path) -> None:
    log = await open_log(tmp_path, "0", instance="i")
    log.hold("sink siem is down")
    assert (log.healthy, log.writable, log.detail) == (False, True, "sink siem is down")
    await log.append(make_record()).durable
    log.hold("")
    assert (log.healthy, log.detail, log.sequence) == (True, "", 1)
    await log.close()


async def test_a_log_that_cannot_be_written_stays_unhealthy_when_it_is_let_go(tmp_path: Path) -> None:
    log = await open_log(tmp_path, "0", instance="i")
    log.hold("sink siem is down")
    log.failed(OSError(28, "No space left on device"))
    log.hold("")
    assert not log.healthy
    with pytest.raises(SignerdError) as raised:
        log.append(make_record())
    assert raised.value.reason is Reason.AUDIT_UNAVAILABLE
    log.repaired()
    assert log.detail == ""
    await log.close()
