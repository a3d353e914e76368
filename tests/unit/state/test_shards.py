"""Shards and checkpoints on SQLite."""

from __future__ import annotations

from signerd.state.shards import free_name
from tests.unit.state.contract import store
from tests.unit.state.shards_contract import CheckpointsContract, ShardsContract, checkpoints, clock, shards

__all__ = ["checkpoints", "clock", "shards", "store"]


class TestShards(ShardsContract):
    pass


class TestCheckpoints(CheckpointsContract):
    pass


def test_free_names_close_gaps() -> None:
    assert free_name("w", []) == "w"
    assert free_name("w", ["w", "w-3"]) == "w-2"
    assert free_name("w", ["w", "w-2", "w-3"]) == "w-4"
