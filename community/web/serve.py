"""The console under uvicorn, as one task of the server."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from shouwang.errors import GiveUp

GRACE_S = 5
"""How long requests in flight may take when the server goes down. Streams end at once."""
MAX_CONNECTIONS = 1024
NO_LISTENING = (
    "web: cannot listen on {host}:{port}: {error}; is another server running there?",
    "web：无法监听 {host}:{port}：{error}；是不是已有服务器在那里运行？",
)


class _Server(uvicorn.Server):
    """Leaves the signals to the process, which has more than the console to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer on `listener` until cancelled; then end the streams and finish what is in flight.

    Raises GiveUp where the web server ends by itself.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="off",
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
    )
    # Sockets made by socket.create_server have no protocol number, and asyncio then leaves Nagle's algorithm on: each
    # answer, a head and a body, would wait 40 ms for the browser's delayed ACK. What is accepted inherits this.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(config)
    # Not in a task group: that would kill the server at once where it is to finish what is in flight.
    running = asyncio.create_task(server.serve(sockets=[listener]), name="console")
    try:
        await asyncio.shield(running)
        raise GiveUp("the web server has ended by itself")
    finally:
        app.state.console.closing.set()
        server.should_exit = True
        await asyncio.wait({running}, timeout=2 * GRACE_S)
