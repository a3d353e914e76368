from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from signerd.config_file import load
from signerd.logs import configure
from signerd.reload import Reload

ENV = {"SIGNERD_HOME": "/h"}


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    import logging

    handlers = list(logging.getLogger().handlers)
    yield io.StringIO()
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


def events(out: io.StringIO) -> dict[str, dict[str, object]]:
    return {event["event"]: event for event in map(json.loads, out.getvalue().splitlines())}


def test_what_can_be_taken_over_is_and_the_rest_is_told(tmp_path: Path, out: io.StringIO) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("workers: 1")
    old = load(file, ENV)
    reload = Reload(file, ENV, configure("warning", "json", out))
    file.write_text("workers: 3\ndrain: 9s\nlog: {level: debug}")
    new = reload(old)
    assert (new.workers, new.drain, new.log.level) == (1, 9.0, "debug")
    assert events(out)["config reloaded"]["changed"] == ["drain", "log.level"]
    assert events(out)["some changes need a restart"]["fields"] == ["workers"]
    structlog.get_logger().debug("heard")
    assert "heard" in events(out)


@pytest.mark.parametrize("content", ["workers: many", "[", "wrokers: 1"])
def test_a_bad_file_changes_nothing(tmp_path: Path, out: io.StringIO, content: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("")
    old = load(file, ENV)
    file.write_text(content)
    assert Reload(file, ENV, configure("info", "json", out))(old) is old
    assert f"{file}:1" in str(events(out)["config not reloaded"]["error"])


def test_without_a_file_nothing_is_reloaded(tmp_path: Path, out: io.StringIO) -> None:
    (tmp_path / "c.yaml").write_text("")
    old = load(tmp_path / "c.yaml", ENV)
    assert Reload(None, ENV, configure("info", "json", out))(old) is old
