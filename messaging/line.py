"""paho's socket in our event loop: opened in a thread, watched, kept alive, and forgotten before it is closed."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from messaging.tls import alert_of
from shouwang.bilingual import Bilingual
from shouwang.errors import DeviceError

_MISC_INTERVAL_S = 1.0
_GIVEN_UP = Bilingual("given up while connecting", zh="连接途中已放弃")


class Line:
    """The socket of one client. Its callbacks come in the loop's thread, but for those while connecting."""

    def __init__(self, client: paho.Client, *, is_over: Callable[[], bool]) -> None:
        """`is_over` says whether the session has been given up; it is asked in any thread."""
        self._client = client
        self._is_over = is_over
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._misc: asyncio.Task[None] | None = None
        self.alert = ""
        """What TLS said when the other end hung up; empty for nothing."""
        client.on_socket_open = self._opened
        client.on_socket_close = self._closing
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._has_written

    async def open(self, connect: Callable[[], None]) -> None:
        """Let paho resolve, connect and shake hands (TLS) in a thread of its own.

        Those calls block, for half a minute where a name server is mute. A pool's thread would hold up the end of the
        process for as long.
        """
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # from here on it may be abandoned, not cancelled

        def work() -> None:
            try:
                connect()
            except Exception as error:  # noqa: BLE001 - carried over to the loop
                done.set_exception(error)
            else:
                done.set_result(None)

        threading.Thread(target=work, name="mqtt-connect", daemon=True).start()
        await asyncio.wrap_future(done)

    def drop(self) -> None:
        """Let go of a socket that is still open, without a word."""
        if self._misc is not None:
            self._misc.cancel()
        sock = self._client.socket()
        if sock is not None:
            self._forget(sock)
            self._client._sock_close()  # noqa: SLF001 - paho offers no other way to drop a dead link without its loop

    def _opened(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - paho's own type
        # given up while a name server was mute: the loop may be gone, and CONNECT would end the next session
        if self._is_over():
            sock.close()
            raise DeviceError(_GIVEN_UP)
        # Nagle plus delayed ACK costs an alert 40 ms
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in_loop(self._watch, sock)

    def _watch(self, sock: Any) -> None:  # noqa: ANN401
        if self._is_over():
            sock.close()
            return
        self._loop.add_reader(sock, self._read, sock)
        self._misc = self._loop.create_task(self._keep_alive(), name="mqtt-keepalive")

    def _read(self, sock: Any) -> None:  # noqa: ANN401
        # a broker that has Nagle on (mosquitto's default) keeps a receipt until its last packet is acknowledged, which
        # Linux delays by 40 ms unless told so each time
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._client.loop_read()
        # what TLS has decrypted already does not make the socket readable once more
        while isinstance(still := self._client.socket(), ssl.SSLSocket) and still.pending():
            self._client.loop_read()

    async def _keep_alive(self) -> None:
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:  # noqa: ASYNC110 - paho wants to be polled
            await asyncio.sleep(_MISC_INTERVAL_S)

    def _closing(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401
        self._in_loop(self._forget, sock)
        self.alert = alert_of(sock)

    def _forget(self, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _wants_to_write(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401
        self._in_loop(self._watch_write, sock)

    def _watch_write(self, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() >= 0 and not self._is_over():
            self._loop.add_writer(sock, self._client.loop_write)

    def _has_written(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() >= 0:
            self._in_loop(self._loop.remove_writer, sock)

    def _in_loop(self, do: Callable[[Any], object], sock: Any) -> None:  # noqa: ANN401
        # at once where it can be: a reader must be forgotten before its descriptor is closed and given to another
        if threading.get_ident() == self._thread:
            do(sock)
            return
        with suppress(RuntimeError):  # a client that is thrown away after its loop has ended: nothing watches any more
            self._loop.call_soon_threadsafe(do, sock)
