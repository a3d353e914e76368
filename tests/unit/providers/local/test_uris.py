from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.names import check_key_name
from signerd.errors import Reason, SignerdError
from signerd.providers.local.uris import Place, parse_path, parse_uri, place


@given(
    st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,9}(/[a-z0-9][a-z0-9_-]{0,9}){0,2}\Z").filter(
        lambda name: "versions" not in name
    ),
    st.integers(1, 10**12),
    st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"),
)
def test_round_trip(key: str, version: int, tag: str) -> None:
    made = place(key, version, tag)
    assert parse_uri(made.uri) == made
    assert parse_path(str(made.path)) == made


def test_files_of_a_version() -> None:
    made = place("team-a/release", 3, "ab12")
    assert made.uri == "local:team-a/release/3-ab12.key"
    assert made.public_path == PurePosixPath("team-a/release/3-ab12.pub")
    assert made.tags == {"key": "team-a/release", "version": "3", "tag": "ab12"}


@pytest.mark.parametrize(
    "uri",
    [
        "", "local:", "memory:a/1-t.key", "local:a", "local:/a/1-t.key", "local:../1-t.key", "local:a/../../1-t.key",
        "local:a/./1-t.key", "local:a//1-t.key", "local:a/0-t.key", "local:a/01-t.key", "local:a/1-.key",
        "local:a/1-t.pub", "local:a/1-t.key\n", "local:a/1-t.key/", "local:a/1-t\x00.key", "local:A/1-t.key",
        "local:/etc/passwd", "local:1-t.key", "local:a/1-..key", "LOCAL:a/1-t.key",
    ],
)  # fmt: skip
def test_uris_that_are_none(uri: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_uri(uri)
    assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE


@given(st.text(max_size=40))
def test_no_path_leads_out(text: str) -> None:
    found = parse_path(f"{text}/1-t.key")
    if found is not None:
        assert check_key_name(found.key) == text
        assert found == Place(text, 1, "t")


@pytest.mark.parametrize(
    ("version", "tag"), [(0, "t"), (-1, "t"), (1, ""), (1, "a/b"), (1, "."), (1, "x" * 65)]
)
def test_versions_and_tags_that_name_no_file(version: int, tag: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        place("k", version, tag)
