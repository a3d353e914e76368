from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from signerd.logs import REDACTED, configure, redact, secret_name


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().split("\n") if line]


def test_events_are_lines_of_json() -> None:
    out = io.StringIO()
    configure("info", "auto", out)
    structlog.get_logger().info("serving", workers=2, path=io)
    (event,) = lines(out)
    assert event["event"] == "serving"
    assert event["level"] == "info"
    assert event["workers"] == 2
    assert str(event["timestamp"]).endswith("Z")


def test_an_exception_is_one_line_too() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    try:
        raise ValueError("bad")
    except ValueError:
        structlog.get_logger().exception("failed")
    (event,) = lines(out)
    assert "ValueError: bad" in str(event["exception"])


def test_what_is_no_json_is_written_as_text() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger().info("odd", value={1j: 2}, other="\ud800", number=float("nan"))
    assert lines(out)[0]["event"] == "odd"


def test_the_level_changes_while_running() -> None:
    out = io.StringIO()
    threshold = configure("warning", "json", out)
    log = structlog.get_logger().bind(part="x")
    log.info("quiet")
    threshold.set("debug")
    log.debug("loud")
    threshold.set("error")
    log.warning("quiet again")
    log.error("last")
    assert [event["event"] for event in lines(out)] == ["loud", "last"]


@pytest.mark.parametrize("name", ["uvicorn.error", "grpc._cython", "asyncio", "alembic.runtime"])
def test_libraries_write_the_same_lines(name: str) -> None:
    out = io.StringIO()
    configure("info", "json", out)
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("token is %s", "postgresql://u:hunter2@db/x")
    (event,) = lines(out)
    assert event["logger"] == name
    assert event["level"] == "warning"
    assert "hunter2" not in out.getvalue()


def test_libraries_write_once_after_a_second_set_up() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("info", "json", first)
    configure("info", "json", second)
    logging.getLogger("asyncio").error("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_console() -> None:
    out = io.StringIO()
    configure("info", "console", out)
    structlog.get_logger().info("serving", pin="1234", workers=2)
    assert "serving" in out.getvalue()
    assert "1234" not in out.getvalue()
    with pytest.raises(ValueError, match="Expecting"):
        lines(out)


@pytest.mark.parametrize(
    "name", ["password", "db_password", "PIN", "user-pin", "token", "private_key", "client.secret", "payload"]
)
def test_telling_names_are_secret(name: str) -> None:
    assert secret_name(name)
    assert redact(None, "info", {"event": "e", name: "hunter2"}) == {"event": "e", name: REDACTED}


@pytest.mark.parametrize(
    "name", ["password_file", "token_path", "payload_type", "pinned", "key", "shipping", ""]
)
def test_harmless_names_are_not(name: str) -> None:
    assert not secret_name(name)


PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
LEAKS = ["hunter2", "MHcCAQEE", "eyJhbGciOi"]


@pytest.mark.parametrize(
    "value",
    [
        {"inner": {"password": "hunter2"}},
        [{"token": "hunter2"}],
        ("a", {"pin": "hunter2"}),
        f"could not read {PEM} at all",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMHcCAQEE cut off",
        "connect to postgresql://me:hunter2@db/x failed",
        "Authorization: Bearer eyJhbGciOi.x.y",
        ValueError("postgresql://me:hunter2@db"),
        b"hunter2",
        bytearray(b"hunter2"),
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"password": "hunter2"}}}}}}}},
    ],
)
def test_secrets_inside_values_are_replaced(value: object) -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger().info("event", value=value)
    assert lines(out)
    assert not any(leak in out.getvalue() for leak in LEAKS)


def test_the_rest_of_a_text_stays() -> None:
    assert redact(None, "info", {"event": "to postgresql://me:pw@db/x", "n": 3, "none": None}) == {
        "event": f"to postgresql://{REDACTED}@db/x",
        "n": 3,
        "none": None,
    }


VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_any_value_gives_one_line(value: object) -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger().info("event", value=value)
    assert len(out.getvalue().split("\n")) == 2
    assert lines(out)[0]["event"] == "event"
