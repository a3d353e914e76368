import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.names import check_key_name, check_request_id, check_traceparent, version_name
from signerd.errors import Reason, SignerdError


@pytest.mark.parametrize("name", ["a", "release", "team-a/release", "a/b/c.d_e-f", "...", "a" * 128, "1"])
def test_names(name: str) -> None:
    assert check_key_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a", "a/./b", "versions", "a/versions", "versions/1",
        "A", "a b", "a\n", "a\x00", "ä", "a\\b", "a%2fb", "a" * 129, "a:b",
    ],
)  # fmt: skip
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(SignerdError) as caught:
        check_key_name(name)
    assert caught.value.reason is Reason.KEY_NAME_INVALID
    assert len(caught.value.message) < 400


@given(st.text(max_size=140))
def test_what_passes_has_no_way_out_of_a_directory(name: str) -> None:
    try:
        check_key_name(name)
    except SignerdError:
        return
    segments = name.split("/")
    assert not {"", ".", "..", "versions"} & set(segments)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-/")


def test_version_names() -> None:
    assert version_name("team-a/release", 3) == "keys/team-a/release/versions/3"


@pytest.mark.parametrize("value", ["", "x", "0b1e8c5e-9d5c-4a52-8a53-7e8a1f0d7c11", "~" * 64])
def test_request_ids(value: str) -> None:
    assert check_request_id(value) == value


@pytest.mark.parametrize("value", ["x" * 65, "a b", "a\n", "ä", "\x7f"])
def test_request_ids_that_are_none(value: str) -> None:
    with pytest.raises(SignerdError) as caught:
        check_request_id(value)
    assert caught.value.reason is Reason.REQUEST_ID_INVALID


GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("value", ["", GOOD])
def test_traceparents(value: str) -> None:
    assert check_traceparent(value) == value


@pytest.mark.parametrize(
    "value",
    [
        GOOD.upper(),
        "01" + GOOD[2:],
        GOOD + "-x",
        GOOD + "\n",
        GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
    ],
)
def test_traceparents_that_are_none(value: str) -> None:
    with pytest.raises(SignerdError) as caught:
        check_traceparent(value)
    assert caught.value.reason is Reason.TRACEPARENT_INVALID
