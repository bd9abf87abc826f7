"""One MQTT connection, from CONNECT to its end, for asyncio. The only module of the uplink that imports paho.

A session is never reconnected: after a reconnect paho ignores the broker's Receive Maximum (paho.mqtt.python#492,
#698), so whoever wants a new connection makes a new session. What came in unacknowledged comes again from the broker.
"""

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from messaging.broker import BrokerSettings, Will
from messaging.tls import tls_context
from shouwang.errors import DeviceError

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 10.0
_INBOX_CAPACITY = 4096
_MAX_PACKET_BYTES = 4 * 1024 * 1024
"""The broker keeps larger ones from us (MQTT 5); paho would collect up to 256 MiB in memory."""
_MISC_INTERVAL_S = 1.0
_GOODBYE_S = 1.0
_NOBODY_SUBSCRIBED = 0x10
_UNSPECIFIED = 0x80  # what paho says of a connection that ended without DISCONNECT

_A = TypeVar("_A")


class PublishRefused(DeviceError):
    """The broker answered that it threw the message away; `reason_code` is MQTT 5's."""

    def __init__(self, topic: str, reason_code: int, reason: str) -> None:
        """Keep the reason code beside the sentence."""
        super().__init__(f"the broker refused a message on {topic}: {reason} (0x{reason_code:02X})")
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the broker. Without `ack()` a QoS 1 message comes again in the next session."""

    topic: str
    payload: bytes
    retained: bool
    ack: Callable[[], None]


class Session:
    """An open connection. All methods raise DeviceError once it is lost."""

    def __init__(self, settings: BrokerSettings, will: Will | None) -> None:
        """Prepare only; `connect` opens."""
        self._settings = settings
        self._will = will
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._published: dict[int, asyncio.Future[ReasonCode]] = {}
        self._subscribed: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._inbox: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._misc: asyncio.Task[None] | None = None
        self._client = self._make_client()
        self.window = settings.receive_maximum
        """How many QoS 1 messages may be under way to the broker at once (its Receive Maximum, capped by ours)."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._lost.done()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Send; with QoS 1 return at the broker's PUBACK.

        Raises PublishRefused where the broker threw the message away (0x10 nobody subscribed, 0x87 not authorised,
        0x97 quota), DeviceError where the link is lost or the broker does not answer within 10 s.
        """
        self._raise_if_lost()
        properties = None
        if self._settings.version == "5" and expiry_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
            properties.MessageExpiryInterval = expiry_s
        info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise DeviceError(f"cannot send on {topic}: {paho.error_string(info.rc)}")
        if qos == 0:
            return
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._published[info.mid] = answer
        try:
            reason = await self._answer(answer, f"a message on {topic}")
        finally:
            self._published.pop(info.mid, None)
        if reason.is_failure or reason.value == _NOBODY_SUBSCRIBED:
            raise PublishRefused(topic, reason.value, str(reason))

    async def subscribe(self, topics: Sequence[str], *, qos: int = 1) -> None:
        """Ask for topics. A broker may grant a topic that its ACL then withholds: only delivery proves it."""
        self._raise_if_lost()
        rc, mid = self._client.subscribe([(topic, qos) for topic in topics])
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise DeviceError(f"cannot subscribe: {paho.error_string(rc)}")
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subscribed[mid] = answer
        try:
            reasons = await self._answer(answer, "a subscription")
        finally:
            self._subscribed.pop(mid, None)
        for topic, reason in zip(topics, reasons, strict=True):
            if reason.is_failure:
                raise DeviceError(f"the broker refused the subscription to {topic}: {reason}")

    async def messages(self) -> AsyncIterator[Message]:
        """What comes in, in order, until the connection is lost (DeviceError)."""
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            self._raise_if_lost()
            self._arrived.clear()
            await self._arrived.wait()

    async def lost(self) -> str:
        """Wait for the end of the connection; returns why."""
        return await asyncio.shield(self._lost)

    async def _open(self) -> None:
        settings = self._settings
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connect()
                await self._connected
        except TimeoutError as error:
            raise DeviceError(
                f"the broker at {settings.host}:{settings.port} does not answer within {CONNECT_TIMEOUT_S:.0f} s"
            ) from error
        except ssl.SSLError as error:
            raise DeviceError(
                f"no trusted connection to {settings.host}:{settings.port}: {error.reason or error}; "
                "check ca_file, cert_file and key_file, and the clock of this box"
            ) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that no resolver takes
            raise DeviceError(
                f"cannot reach the broker at {settings.host}:{settings.port}: {getattr(error, 'strerror', '') or error}"
            ) from error

    async def _connect(self) -> None:
        """Let paho resolve, connect and shake hands (TLS) in a thread of its own.

        Those calls block, for half a minute where a name server is mute. A pool's thread would hold up the end of the
        process for as long.
        """
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # from here on it may be abandoned, not cancelled

        def work() -> None:
            try:
                self._connect_blocking()
            except Exception as error:  # noqa: BLE001 - carried over to the loop
                done.set_exception(error)
            else:
                done.set_result(None)

        threading.Thread(target=work, name="mqtt-connect", daemon=True).start()
        await asyncio.wrap_future(done)

    async def _close(self) -> None:
        with suppress(ValueError):  # paho raises it for a socket that is gone already
            self._client.disconnect()
        if self._misc is not None:
            self._misc.cancel()
        if not self._lost.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self.lost()
        sock = self._client.socket()
        if sock is not None:
            self._forget(sock)
            self._client._sock_close()  # noqa: SLF001 - paho offers no other way to drop a dead link without its loop
        self._end("closed")

    async def _answer(self, answer: asyncio.Future[_A], what: str) -> _A:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        except TimeoutError as error:
            raise DeviceError(f"the broker did not answer {what} within {ANSWER_TIMEOUT_S:.0f} s") from error

    def _raise_if_lost(self) -> None:
        if self._lost.done():
            raise DeviceError(f"connection to the broker lost: {self._lost.result()}")

    # ---- paho's side: callbacks in the loop's thread, but for the socket ones while connecting ----

    def _make_client(self) -> paho.Client:
        settings = self._settings
        is_v5 = settings.version == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if is_v5 else settings.clean_start,
            protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password)
        if settings.tls is not None:
            client.tls_set_context(tls_context(settings.tls))
        if self._will is not None:
            client.will_set(
                self._will.topic, self._will.payload, qos=1, retain=True, properties=_will_properties(self._will, is_v5)
            )
        client.max_inflight_messages_set(0xFFFF)  # the window is ours: see `window`
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_socket_register_write
        client.on_socket_unregister_write = self._on_socket_unregister_write
        return client

    def _connect_blocking(self) -> None:
        settings = self._settings
        properties = None
        if settings.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
            properties.SessionExpiryInterval = settings.session_expiry_s
            properties.ReceiveMaximum = settings.receive_maximum
            properties.MaximumPacketSize = _MAX_PACKET_BYTES
            self._client.connect(
                settings.host,
                settings.port,
                settings.keepalive_s,
                clean_start=settings.clean_start,
                properties=properties,
            )
        else:
            self._client.connect(settings.host, settings.port, settings.keepalive_s)

    def _on_connect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._connected.done():
            return
        if reason.is_failure:
            self._connected.set_exception(DeviceError(f"the broker refuses us: {reason}; {_REFUSAL_ADVICE}"))
            return
        allowed = getattr(properties, "ReceiveMaximum", self._settings.receive_maximum)
        self.window = max(1, min(self._settings.receive_maximum, allowed))
        self._connected.set_result(None)

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._end("the line was cut" if reason.value == _UNSPECIFIED else str(reason))

    def _end(self, why: str) -> None:
        if not self._lost.done():
            self._lost.set_result(why)
        self._arrived.set()
        error = DeviceError(f"connection to the broker lost: {why}")
        if not self._connected.done():  # TLS 1.3 refuses a client's certificate in this way
            where = f"{self._settings.host}:{self._settings.port}"
            self._connected.set_exception(DeviceError(f"the broker at {where} hung up at the door; {_REFUSAL_ADVICE}"))
        waiting: tuple[asyncio.Future[Any], ...] = (*self._published.values(), *self._subscribed.values())
        for answer in waiting:
            if not answer.done():
                answer.set_exception(error)
        if self._connected.done() and not self._connected.cancelled():
            self._connected.exception()  # seen: nobody need await it any more

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if len(self._inbox) >= _INBOX_CAPACITY:
            # only QoS 0 floods come here (QoS 1 is bounded by the Receive Maximum): the sender repeats receipts
            self._client.ack(message.mid, message.qos)
            return
        mid, qos = message.mid, message.qos
        self._inbox.append(
            Message(message.topic, bytes(message.payload), message.retain, lambda: self._acknowledge(mid, qos))
        )
        self._arrived.set()

    def _acknowledge(self, mid: int, qos: int) -> None:
        if not self._lost.done():
            self._client.ack(mid, qos)

    def _on_publish(
        self, _client: paho.Client, _data: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        answer = self._published.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reason)

    def _on_subscribe(
        self, _client: paho.Client, _data: object, mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        answer = self._subscribed.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reasons)

    def _on_socket_open(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401 - paho's own type
        # Nagle plus delayed ACK costs an alert 40 ms
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in_loop(self._watch, sock)

    def _watch(self, sock: Any) -> None:  # noqa: ANN401
        if self._lost.done():  # given up while paho was still connecting
            sock.close()
            return
        self._loop.add_reader(sock, self._read)
        self._misc = self._loop.create_task(self._keep_alive(), name="mqtt-keepalive")

    def _read(self) -> None:
        self._client.loop_read()
        # what TLS has decrypted already does not make the socket readable once more
        while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._client.loop_read()

    async def _keep_alive(self) -> None:
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:  # noqa: ASYNC110 - paho wants to be polled
            await asyncio.sleep(_MISC_INTERVAL_S)

    def _on_socket_close(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401
        self._in_loop(self._forget, sock)

    def _forget(self, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _on_socket_register_write(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401
        self._in_loop(self._watch_write, sock)

    def _watch_write(self, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() >= 0 and not self._lost.done():
            self._loop.add_writer(sock, self._client.loop_write)

    def _on_socket_unregister_write(self, _client: paho.Client, _data: object, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() >= 0:
            self._in_loop(self._loop.remove_writer, sock)

    def _in_loop(self, do: Callable[[Any], object], sock: Any) -> None:  # noqa: ANN401
        # at once where it can be: a reader must be forgotten before its descriptor is closed and given to another
        if threading.get_ident() == self._thread:
            do(sock)
        else:
            self._loop.call_soon_threadsafe(do, sock)


@asynccontextmanager
async def connect(settings: BrokerSettings, *, will: Will | None = None) -> AsyncIterator[Session]:
    """An open session, closed (with DISCONNECT, so without the will) at the end of the block.

    Raises DeviceError where the broker cannot be reached, is not trusted, or refuses.
    """
    session = Session(settings, will)
    try:
        await session._open()  # noqa: SLF001 - the session's own constructor
        yield session
    finally:
        await session._close()  # noqa: SLF001


_REFUSAL_ADVICE = "check username, password_file and the certificate, and that the centre knows this gateway"


def _will_properties(will: Will, is_v5: bool) -> Properties | None:  # noqa: FBT001 - private
    if not is_v5 or will.delay_s == 0:
        return None
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]  # paho
    properties.WillDelayInterval = will.delay_s
    return properties
