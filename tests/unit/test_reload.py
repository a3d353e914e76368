from __future__ import annotations

import hashlib
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
    done = reload(old)
    new = done.config
    assert done.detail == (
        f"file sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}: "
        "changed now: drain, log.level; waits for a restart: workers"
    )
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
    done = Reload(file, ENV, configure("info", "json", out))(old)
    assert (done.config, done.outcome, done.reason) == (old, "failed", "CONFIG_INVALID")
    assert hashlib.sha256(content.encode()).hexdigest() in done.detail
    assert "problems with" in done.detail
    assert f"{file}:1" in str(events(out)["config not reloaded"]["error"])


def test_without_a_file_nothing_is_reloaded(tmp_path: Path, out: io.StringIO) -> None:
    (tmp_path / "c.yaml").write_text("")
    old = load(tmp_path / "c.yaml", ENV)
    assert Reload(None, ENV, configure("info", "json", out))(old).config is old


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path, out: io.StringIO) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("")
    old = load(file, ENV)
    file.unlink()
    done = Reload(file, ENV, configure("info", "json", out))(old)
    assert (done.config, done.outcome, done.detail) == (
        old,
        "failed",
        "file not read: problems with --config",
    )


def test_what_goes_on_record_has_no_values(tmp_path: Path, out: io.StringIO) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("")
    old = load(file, ENV)
    for content in (
        "home: /hush-1",
        "drain: hush-2",
        "state: {url: 'postgresql://u:hush-3@h/d'}",
        "hush: [4",
    ):
        file.write_text(content)
        assert "hush" not in Reload(file, ENV, configure("info", "json", out))(old).detail
