"""Shards and checkpoints on PostgreSQL."""

from __future__ import annotations

from tests.unit.state.contract import store
from tests.unit.state.shards_contract import CheckpointsContract, ShardsContract, checkpoints, clock, shards

__all__ = ["checkpoints", "clock", "shards", "store"]


class TestShards(ShardsContract):
    pass


class TestCheckpoints(CheckpointsContract):
    pass
