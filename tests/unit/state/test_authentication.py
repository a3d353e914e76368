"""The encoding under the MACs: no two contents share one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.errors import Reason
from signerd.state.authentication import Field, check_key, encode, key_mac, revision_mac
from signerd.state.rows import StoredKey, to_key, to_stored
from tests.unit.state.contract import refused
from tests.unit.state.samples import SECRET, sample_key

FIELDS = st.lists(st.one_of(st.text(), st.integers(), st.binary()))


def decode(data: bytes) -> list[Field]:
    fields: list[Field] = []
    while data:
        kind, (head, _, rest) = data[:1], data[1:].partition(b":")
        size = 0 if kind == b"i" else int(head)
        value, data = rest[:size], rest[size:]
        fields.append(int(head) if kind == b"i" else value.decode() if kind == b"s" else value)
    return fields


@given(FIELDS)
def test_fields_can_be_read_back(fields: list[Field]) -> None:
    assert decode(encode(fields)) == fields


@pytest.mark.parametrize("value", [None, 1.5, True, ["x"]])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode([value])  # type: ignore[list-item]


def stored(revision: int = 3) -> StoredKey:
    made = to_stored(sample_key(), revision)
    return made._replace(row=made.row._replace(mac=key_mac(SECRET, "i", made)))


def test_rows_and_keys_are_the_same_thing() -> None:
    assert to_key(to_stored(sample_key(), 1)) == sample_key()


def test_a_key_belongs_to_its_revision_and_instance() -> None:
    check_key(SECRET, "i", stored())
    with refused(Reason.STATE_TAMPERED):
        check_key(SECRET, "j", stored())
    older = stored(2)
    with refused(Reason.STATE_TAMPERED):
        check_key(SECRET, "i", stored()._replace(row=stored().row._replace(mac=older.row.mac)))


def test_versions_can_not_move_between_keys() -> None:
    less = stored()._replace(versions=stored().versions[:1])
    with refused(Reason.STATE_TAMPERED, "team-a/release"):
        check_key(SECRET, "i", less)


def test_a_revision_covers_the_set_of_keys() -> None:
    macs = {"a": b"1", "b": b"2"}
    right = revision_mac(SECRET, "i", 1, macs)
    assert right == revision_mac(SECRET, "i", 1, dict(reversed(macs.items())))
    others = [{"a": b"1"}, {"a": b"2", "b": b"1"}, {**macs, "c": b"3"}, {"a": b"1", "c": b"2"}]
    assert right not in [revision_mac(SECRET, "i", 1, other) for other in others]
    assert right != revision_mac(SECRET, "i", 2, macs)


@pytest.mark.parametrize(
    "change", [{"algorithm": "slh-dsa"}, {"purpose": "toys"}, {"labels": "{"}, {"primary_version": 9}]
)
def test_what_a_newer_signerd_wrote_is_not_guessed(change: dict[str, object]) -> None:
    row = stored().row._replace(**change)  # type: ignore[arg-type]
    with refused(Reason.STATE_UNAVAILABLE, "newer"):
        to_key(stored()._replace(row=row))
