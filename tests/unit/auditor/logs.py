"""Logs on disk to verify, and their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signerd.auditor.checkpoints import parse_checkpoint
from signerd.auditor.shards import Given, ShardReport, verify_shard
from signerd.auditor.vkeys import parse_log_keys
from tests.support.tlogs import SHARD, TestLog, write_files


class OnDisk:
    """A log's files in a directory."""

    def __init__(self, directory: Path, log: TestLog, files: Mapping[str, bytes] | None = None) -> None:
        self.directory, self.log = directory, log
        write_files(directory, log.files() if files is None else files)

    def put(self, name: str, data: bytes) -> None:
        write_files(self.directory, {name: data})

    def remove(self, *names: str) -> None:
        for name in names:
            (self.directory / name).unlink()

    def verify(self, *since: bytes, keys: bytes = b"", **given: Any) -> ShardReport:
        """Verify it; `since`: checkpoints that somebody kept."""
        kept = [parse_checkpoint(data, f"since-{number}") for number, data in enumerate(since)]
        known = parse_log_keys(keys or self.log.log_pub)
        return verify_shard(self.directory, SHARD, Given(keys=known, since=kept, **given))

    def problem(self, *since: bytes, **given: Any) -> tuple[str, str]:
        report = self.verify(*since, **given)
        assert report.is_wrong
        return report.where, report.problem
