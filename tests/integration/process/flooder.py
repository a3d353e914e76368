"""A process that sends refused requests as fast as it can: `python -m tests.integration.process.flooder SOCKET KEY`.

Ends on SIGTERM, and prints how many were sent and how many were answered.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from contextlib import suppress
from typing import Any

import grpc
import uvloop

from signerd.v1 import keys_pb2
from signerd.v1 import signer_pb2 as pb

IN_FLIGHT = 1000
CONNECTIONS = 2


def refused_requests(key: str) -> list[tuple[str, bytes]]:
    """Methods and requests, each refused for another reason."""
    short = {"hash": 1, "value": b"short"}
    wrong = pb.SignRequest(key=key, digest=short)
    return [
        ("Signer/Sign", b"\xff\xff"),
        ("Signer/Sign", wrong.SerializeToString()),
        ("Signer/Sign", pb.SignRequest(key="nobody", message=b"m").SerializeToString()),
        ("Signer/BatchSign", pb.BatchSignRequest(items=[wrong] * 1000).SerializeToString()),
        ("Keys/GetKey", keys_pb2.GetKeyRequest(name="Not A Name").SerializeToString()),
        ("Signer/NoSuchMethod", b""),
    ]


async def flood(socket: str, key: str) -> tuple[int, int]:
    """Send until told to stop; gives how many were sent and answered."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    requests = itertools.cycle(refused_requests(key))
    counts = [0, 0]
    channels = [
        grpc.aio.insecure_channel(f"unix:{socket}", [("grpc.use_local_subchannel_pool", 1), ("n", number)])
        for number in range(CONNECTIONS)
    ]

    async def send(channel: grpc.aio.Channel) -> None:
        while not stopped.is_set():
            path, request = next(requests)
            call: Any = channel.unary_unary(f"/signerd.v1.{path}")
            counts[0] += 1
            with suppress(grpc.aio.AioRpcError):
                await call(request, timeout=60)
            counts[1] += 1

    tasks = [
        asyncio.create_task(send(channel)) for channel in channels for _ in range(IN_FLIGHT // CONNECTIONS)
    ]
    await stopped.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return counts[0], counts[1]


if __name__ == "__main__":
    sent, answered = uvloop.run(flood(*sys.argv[1:]))
    sys.stdout.write(f"{sent} {answered}")
