"""Streams that only hold a place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from signerd.errors import Reason, SignerdError
from signerd.rpc import signing


async def test_a_stream_that_falls_silent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "IDLE", 0.01)
    ended = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            ended.set()

    messages = signing.prompt(silent())
    assert await anext(messages) == b"first"
    with pytest.raises(SignerdError) as refused:
        await anext(messages)

    assert refused.value.reason is Reason.STREAM_INVALID
    assert ended.is_set()


async def test_a_stream_that_goes_on_is_passed_through() -> None:
    async def messages() -> AsyncIterator[bytes]:
        for number in range(3):
            yield bytes([number])

    assert [raw async for raw in signing.prompt(messages())] == [b"\0", b"\1", b"\2"]
