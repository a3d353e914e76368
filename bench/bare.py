"""A bare grpc.aio server that answers nothing: the ceiling of unary calls. `python -m bench.bare SOCKET`."""

from __future__ import annotations

import asyncio
import sys
from typing import TypeAlias

import grpc
import uvloop
from grpc import aio

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Nothing(grpc.GenericRpcHandler):
    """Answers every method with no bytes."""

    def __init__(self) -> None:
        async def answer(request: bytes, context: object) -> bytes:
            return b""

        self._handler: Handler = grpc.unary_unary_rpc_method_handler(answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """The one handler."""
        return self._handler


async def main(address: str) -> None:
    """Serve until killed."""
    server = aio.server()
    server.add_generic_rpc_handlers((Nothing(),))
    server.add_insecure_port(address)
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
