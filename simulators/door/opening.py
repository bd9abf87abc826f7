"""Opens the front door: serves its page until the play is over."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

_CLOSING_S = 3


class _Server(uvicorn.Server):
    """Leaves the signals to the play, which has more than a page to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def open_door(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The page on loopback, 0: on a free port; its address."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits for a delayed ACK
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=_CLOSING_S)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="front door")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await asyncio.wait({serving}, timeout=2 * _CLOSING_S)
