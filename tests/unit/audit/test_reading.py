from __future__ import annotations

import base64
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.audit import pages, reading
from signerd.audit.frames import frame
from signerd.audit.reading import Page, get_record, list_records
from signerd.audit.records import FORMAT, Record, encode
from signerd.audit.segments import End, Header, pack, path_of
from signerd.errors import Reason, SignerdError


def write_shard(directory: Path, shard: str, times: list[int], per_segment: int = 3) -> list[Path]:
    """Write a shard whose record N has time N of `times`; returns its segments."""
    (directory / shard / "wal").mkdir(parents=True)
    paths: list[Path] = []
    for begin in range(0, max(len(times), 1), per_segment):
        header = Header(
            first_sequence=begin + 1,
            instance="i",
            number=len(paths) + 1,
            previous_length=paths[-1].stat().st_size if paths else 0,
            revision=0,
            shard=shard,
        )
        paths.append(path_of(directory / shard, header.number))
        frames = [
            frame(n + 1, 0, encode(record_at(shard, n + 1, times[n])))
            for n in range(begin, len(times))[:per_segment]
        ]
        paths[-1].write_bytes(pack(header) + b"".join(frames))
    return paths


def record_at(shard: str, sequence: int, time: int) -> Record:
    key = "even" if time % 2 == 0 else "odd"
    return Record(
        operation="sign", outcome="ok", key=key, sequence=sequence, shard=shard, time=f"t{time:06d}", v=FORMAT
    )


def places(page: Page) -> list[tuple[str, int]]:
    return [(entry.record.shard, entry.record.sequence) for entry in page.entries]


def reason_of(*, directory: Path, **arguments: object) -> Reason:
    with pytest.raises(SignerdError) as caught:
        list_records(directory, **({"page_size": 5} | arguments))  # type: ignore[arg-type]
    return caught.value.reason


@given(st.lists(st.lists(st.integers(0, 999), max_size=12), max_size=4), st.integers(1, 7))
def test_pages_give_every_record_once_newest_first(
    tmp_path_factory: pytest.TempPathFactory, shards: list[list[int]], size: int
) -> None:
    directory = tmp_path_factory.mktemp("audit")
    for index, times in enumerate(shards):
        write_shard(directory, f"w{index}", sorted(times))
    seen, token = [], ""
    while True:
        page = list_records(directory, page_size=size, page_token=token)
        seen += [(entry.record.time, entry.record.shard, entry.record.sequence) for entry in page.entries]
        token = page.next_token
        if not token:
            break
        assert len(page.entries) == size

    assert len(seen) == sum(map(len, shards))
    assert seen == sorted(seen, reverse=True)


def test_a_page_stays_where_it_was_while_records_are_added(tmp_path: Path) -> None:
    path = write_shard(tmp_path, "a", [1, 2, 3, 4], per_segment=99)[0]
    first = list_records(tmp_path, page_size=2)
    path.write_bytes(path.read_bytes() + frame(5, 0, encode(record_at("a", 5, 5))))
    write_shard(tmp_path, "b", [6])

    assert places(first) == [("a", 4), ("a", 3)]
    assert places(list_records(tmp_path, page_size=9, page_token=first.next_token)) == [("a", 2), ("a", 1)]


def test_only_records_that_match_are_given(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", list(range(10)))
    page = list_records(tmp_path, page_size=3, predicate=lambda entry: entry.record.key == "even")

    assert places(page) == [("a", 9), ("a", 7), ("a", 5)]


def test_a_page_ends_when_it_has_looked_at_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SEEN", 4)
    write_shard(tmp_path, "a", list(range(10)))
    tokens, found, token = 0, [], ""
    while tokens == 0 or token:
        page = list_records(
            tmp_path, page_size=5, page_token=token, predicate=lambda entry: entry.record.sequence == 1
        )
        token, tokens = page.next_token, tokens + 1
        found += places(page)

    assert (tokens, found) == (3, [("a", 1)])


def test_what_is_not_yet_durable_is_not_shown(tmp_path: Path) -> None:
    path = write_shard(tmp_path, "a", [1, 2], per_segment=99)[0]
    durable = End(1, path.stat().st_size)
    path.write_bytes(path.read_bytes() + frame(3, 0, encode(record_at("a", 3, 3))))
    path_of(tmp_path / "a", 2).write_bytes(b"SGN")

    assert places(list_records(tmp_path, page_size=9, own={"a": durable})) == [("a", 2), ("a", 1)]
    assert places(list_records(tmp_path, page_size=9)) == [("a", 3), ("a", 2), ("a", 1)]
    with pytest.raises(SignerdError):
        get_record(tmp_path, "a", 3, durable)


def test_the_torn_end_of_another_worker_is_passed_over(tmp_path: Path) -> None:
    path = write_shard(tmp_path, "a", [1, 2], per_segment=99)[0]
    path.write_bytes(path.read_bytes() + frame(3, 0, encode(record_at("a", 3, 3)))[:-1])

    assert places(list_records(tmp_path, page_size=9)) == [("a", 2), ("a", 1)]


def test_frames_behind_the_durable_end_of_a_segment_are_no_records(tmp_path: Path) -> None:
    path = write_shard(tmp_path, "a", [1, 2, 3, 4], per_segment=2)[0]
    path.write_bytes(path.read_bytes() + frame(3, 0, encode(record_at("a", 3, 999))))

    found = list_records(tmp_path, page_size=9).entries
    assert [entry.record.time for entry in found] == ["t000004", "t000003", "t000002", "t000001"]


@pytest.mark.parametrize("place", [3, 100, -5], ids=["header", "first record", "last record"])
def test_damage_is_said_and_not_passed_over(tmp_path: Path, place: int) -> None:
    path = write_shard(tmp_path, "a", [1, 2, 3, 4], per_segment=2)[0]
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    assert reason_of(directory=tmp_path) is Reason.AUDIT_CORRUPT
    with pytest.raises(SignerdError) as caught:
        get_record(tmp_path, "a", 2)
    assert caught.value.reason is Reason.AUDIT_CORRUPT


def test_a_record_comes_byte_for_byte(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", list(range(1, 9)))

    for sequence in range(1, 9):
        assert get_record(tmp_path, "a", sequence) == encode(record_at("a", sequence, sequence))


@pytest.mark.parametrize(
    ("shard", "sequence"),
    [
        ("a", 0),
        ("a", -1),
        ("a", 9),
        ("a", 2**63),
        ("b", 1),
        ("../audit/a", 1),
        ("", 1),
        (".", 1),
        ("..", 1),
        ("a\0", 1),
    ],
)
def test_a_position_without_a_record_is_not_found(tmp_path: Path, shard: str, sequence: int) -> None:
    write_shard(tmp_path, "a", list(range(1, 9)))
    with pytest.raises(SignerdError) as caught:
        get_record(tmp_path, shard, sequence)

    assert caught.value.reason is Reason.AUDIT_RECORD_NOT_FOUND


def test_links_and_files_are_no_shards(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    write_shard(tmp_path / "real", "a", [1])
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "link").symlink_to(tmp_path / "real" / "a")
    (tmp_path / "log" / "file").write_text("")

    assert list_records(tmp_path / "log", page_size=5) == Page([], "")


@pytest.mark.parametrize("size", [-1, 1001, 2**31 - 1])
def test_a_page_size_out_of_range_is_refused(tmp_path: Path, size: int) -> None:
    assert reason_of(directory=tmp_path, page_size=size) is Reason.PAGE_INVALID


@pytest.mark.parametrize(
    "plain", [b"", b"{", b"[]", b'{"a":0}', b'{"a":"1"}', b'{"a":1.5}', b"\xff", b"{" * 200 + b"}" * 200]
)
def test_a_token_of_somebody_else_is_refused(tmp_path: Path, plain: bytes) -> None:
    token = base64.urlsafe_b64encode(plain).decode() or "="

    assert reason_of(directory=tmp_path, page_token=token) is Reason.PAGE_INVALID


@given(st.text(max_size=50))
def test_no_token_at_all_breaks_anything(token: str) -> None:
    with suppress(SignerdError):
        assert isinstance(pages.positions(token) or {}, dict)


@given(st.dictionaries(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.integers(1, 2**53)))
def test_tokens_round_trip(given_positions: dict[str, int]) -> None:
    assert (pages.positions(pages.token(given_positions)) or {}) == given_positions


def test_a_token_can_not_lead_out_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    write_shard(tmp_path, "a", [1])
    token = pages.token({"../a": 1})

    assert list_records(tmp_path / "log", page_size=5, page_token=token) == Page([], "")
