"""What a sink missed comes from the log, from where the log begins now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.audit.log import open_log
from signerd.audit.segments import End
from signerd.errors import Reason, SignerdError
from signerd.sinks import catching_up
from tests.unit.audit.samples import make_record
from tests.unit.sinks.samples import record_json

END = End(1, 1)


async def test_records_come_as_they_were_written(tmp_path: Path) -> None:
    log = await open_log(tmp_path, "worker-0", instance="i")
    for _ in range(5):
        await log.append(make_record()).durable
    shard = tmp_path / "worker-0"
    found = catching_up.read(shard, lambda: log.end, 2, 4)
    assert [one.sequence for one in found] == [2, 3, 4]
    assert all(f'"sequence":{one.sequence},'.encode() in one.json for one in found)
    assert [one.sequence for one in catching_up.read(shard, lambda: log.end, 4, 99)] == [4, 5]
    await log.close()


class Pruned:
    """A log whose records up to a sequence are gone."""

    def __init__(self, minimum: int, damage: Reason = Reason.AUDIT_RECORD_NOT_FOUND) -> None:
        self.minimum = minimum
        self.damage = damage

    def entries(self, _: Path, first: int, last: int, own: End) -> Iterator[bytes]:
        assert own == END
        for index in range(first, min(last + 1, 1000)):
            if index < self.minimum:
                raise SignerdError(self.damage, "gone")
            yield record_json(index + 1)


def use(monkeypatch: pytest.MonkeyPatch, log: Pruned, minimum: int) -> None:
    monkeypatch.setattr(catching_up, "entries", log.entries)
    monkeypatch.setattr(catching_up, "minimum_index", lambda directory: minimum)


def test_it_goes_on_where_a_pruned_log_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Pruned(512), 512)
    found = catching_up.read(Path("/nowhere"), lambda: END, 1, 256)
    assert [one.sequence for one in found] == list(range(513, 769))


@pytest.mark.parametrize("minimum", [0, 10])
def test_what_is_missing_though_it_was_not_pruned_is_an_error(
    monkeypatch: pytest.MonkeyPatch, minimum: int
) -> None:
    use(monkeypatch, Pruned(512), minimum)
    with pytest.raises(SignerdError) as raised:
        catching_up.read(Path("/nowhere"), lambda: END, 11, 20)
    assert raised.value.reason is Reason.AUDIT_RECORD_NOT_FOUND


def test_damage_is_never_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Pruned(512, Reason.AUDIT_CORRUPT), 512)
    with pytest.raises(SignerdError) as raised:
        catching_up.read(Path("/nowhere"), lambda: END, 1, 20)
    assert raised.value.reason is Reason.AUDIT_CORRUPT
