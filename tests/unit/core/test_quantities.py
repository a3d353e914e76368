from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.quantities import parse_duration, parse_mode, parse_size, split_address


@pytest.mark.parametrize(
    ("text", "size"),
    [("4MiB", 4194304), ("64 kB", 64000), ("7", 7), (0, 0), ("1GiB", 1 << 30), ("12B", 12)],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "4mib", "-1", -1, "1.5MiB", True, None, "4 MiB ", "\u0663", "9" * 16, [], 1.0]
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="4MiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2ms", 0.002), ("5s", 5.0), ("1.5h", 5400.0), (3, 3.0), (0.25, 0.25), ("1d", 86400.0)],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["5", "s", "-1s", -1, float("nan"), float("inf"), True, None, "1e3s", "5 sec", {}]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="5s"):
        parse_duration(text)


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.integers()))
def test_anything_is_a_quantity_or_a_value_error(value: object) -> None:
    for parse in (parse_size, parse_duration, parse_mode):
        try:
            assert parse(value) >= 0
        except ValueError:
            continue


@pytest.mark.parametrize(("text", "mode"), [("0600", 0o600), ("660", 0o660), ("0640", 0o640)])
def test_modes(text: str, mode: int) -> None:
    assert parse_mode(text) == mode


@pytest.mark.parametrize("text", ["0666", "0604", "0700", "0400", "0800", 0o600, 600, "00600", "", "u+rw"])
def test_modes_that_shut_the_owner_out_or_others_in_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match='"0600"'):
        parse_mode(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:0", ("::1", 0)),
        ("[::]:8443", ("::", 8443)),
        ("signer.example.org:65535", ("signer.example.org", 65535)),
    ],
)
def test_addresses(text: str, parts: tuple[str, int]) -> None:
    assert split_address(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        ":80",
        "host",
        "host:",
        "host:65536",
        "::1:80",
        "[::1]",
        "[zz]:1",
        "host:-1",
        "a b:1",
        "h:1\n",
        "h:\u0661",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        split_address(text)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        _, port = split_address(text)
    except ValueError:
        return
    assert 0 <= port <= 65535
