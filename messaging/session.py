"""One MQTT connection, from CONNECT to its end, for asyncio. The only module of the uplink that imports paho.

A session is never reconnected: after a reconnect paho ignores the broker's Receive Maximum (paho.mqtt.python#492,
#698), so whoever wants a new connection makes a new session. What came in unacknowledged comes again from the broker.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from messaging.broker import BrokerSettings, Will
from messaging.line import Line
from messaging.refusals import not_let_in, sent_away, turned_away, unreached, untrusted
from messaging.secret import password_of
from messaging.tls import tls_context
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import DeviceError

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 10.0
SLOWEST_BYTES_S = 1000
"""A line as slow as this (GPRS at its edge) is still one: for the bytes under way so much more time is given."""
_INBOX_CAPACITY = 4096
_MAX_PACKET_BYTES = 4 * 1024 * 1024
"""The broker keeps larger ones from us (MQTT 5); paho would collect up to 256 MiB in memory."""
_GOODBYE_S = 1.0
_NOBODY_SUBSCRIBED = 0x10
ENCODING = "enc"
"""The user property that says how a payload is packed."""
SENT = "sent"
"""The user property that says when a message was sent."""
_UNSPECIFIED = 0x80  # what paho says of a connection that ended without DISCONNECT

_NOT_TAKEN = (
    "the broker refused a message on {topic}: {reason} (0x{code:02X})",
    "消息服务器拒收 {topic} 上的消息：{reason} (0x{code:02X})",
)
_NOT_SENT = "cannot send on {topic}: {error}", "{topic} 上的消息发不出去：{error}"
_NOT_ASKED = "cannot subscribe: {error}", "无法订阅：{error}"
_NOT_GRANTED = (
    "the broker refused the subscription to {topic}: {reason}",
    "消息服务器拒绝订阅 {topic}：{reason}",
)
_A_MESSAGE = "a message on {topic}", "{topic} 上的一条消息"
_A_SUBSCRIPTION = Bilingual("a subscription", zh="订阅")
_MUTE = (
    "the broker at {host}:{port} does not answer within {limit:.0f} s",
    "消息服务器 {host}:{port} 在 {limit:.0f} 秒内没有应答",
)
_UNANSWERED = "the broker did not answer {what} within {limit:.0f} s", "消息服务器在 {limit:.0f} 秒内没有应答（{what}）"
_CLOSED = Bilingual("closed", zh="连接已关闭")
_ENDED = "it ended: {reason}", "连接结束：{reason}"
_CUT = Bilingual("the line was cut", zh="线路断了")
_LOST = "connection to the broker lost: {why}", "与消息服务器的连接断了：{why}"

_A = TypeVar("_A")


class PublishRefused(DeviceError):
    """The broker answered that it threw the message away; `reason_code` is MQTT 5's."""

    def __init__(self, topic: str, reason_code: int, reason: str) -> None:
        """Keep the reason code beside the sentence."""
        super().__init__(both(*_NOT_TAKEN, topic=topic, reason=reason, code=reason_code))
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the broker. Without `ack()` a QoS 1 message comes again in the next session."""

    topic: str
    payload: bytes
    retained: bool
    ack: Callable[[], None]
    encoding: str = ""
    sent: str = ""


class Session:
    """An open connection. All methods raise DeviceError once it is lost."""

    def __init__(self, settings: BrokerSettings, will: Will | None) -> None:
        """Prepare only; `connect` opens."""
        self._settings = settings
        self._will = will
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[DeviceError] = self._loop.create_future()
        self._published: dict[int, asyncio.Future[ReasonCode]] = {}
        self._subscribed: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._unanswered = 0
        self._inbox: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._client = self._make_client()
        self._line = Line(self._client, is_over=self._lost.done)
        self.window = settings.receive_maximum
        """How many QoS 1 messages may be under way to the broker at once (its Receive Maximum, capped by ours)."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._lost.done()

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        encoding: str = "",
        sent: str = "",
    ) -> None:
        """Send; with QoS 1 return at the broker's PUBACK. `encoding` and `sent` go along as user properties (MQTT 5).

        Raises PublishRefused where the broker threw the message away (0x10 nobody subscribed, 0x87 not authorised,
        0x97 quota), DeviceError where the link is lost or the broker does not answer within 10 s, and what a slow line
        needs for the bytes under way.
        """
        self._raise_if_lost()
        properties = None
        if self._settings.version == "5" and (expiry_s is not None or encoding or sent):
            properties = _properties(expiry_s, {ENCODING: encoding, SENT: sent})
        info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise DeviceError(both(*_NOT_SENT, topic=topic, error=paho.error_string(info.rc)))
        if qos == 0:
            return
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._published[info.mid] = answer
        self._unanswered += len(payload)
        try:
            reason = await self._answer(answer, both(*_A_MESSAGE, topic=topic), self._unanswered / SLOWEST_BYTES_S)
        finally:
            self._unanswered -= len(payload)
            self._published.pop(info.mid, None)
        if reason.is_failure or reason.value == _NOBODY_SUBSCRIBED:
            raise PublishRefused(topic, reason.value, str(reason))

    async def subscribe(self, topics: Sequence[str], *, qos: int = 1) -> None:
        """Ask for topics. A broker may grant a topic that its ACL then withholds: only delivery proves it."""
        self._raise_if_lost()
        rc, mid = self._client.subscribe([(topic, qos) for topic in topics])
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise DeviceError(both(*_NOT_ASKED, error=paho.error_string(rc)))
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subscribed[mid] = answer
        try:
            reasons = await self._answer(answer, _A_SUBSCRIPTION)
        finally:
            self._subscribed.pop(mid, None)
        for topic, reason in zip(topics, reasons, strict=True):
            if reason.is_failure:
                raise DeviceError(both(*_NOT_GRANTED, topic=topic, reason=reason))

    async def messages(self) -> AsyncIterator[Message]:
        """What comes in, in order, until the connection is lost (DeviceError)."""
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            self._raise_if_lost()
            self._arrived.clear()
            await self._arrived.wait()

    async def lost(self) -> DeviceError:
        """Wait for the end of the connection; returns why."""
        return await asyncio.shield(self._lost)

    async def _open(self) -> None:
        settings = self._settings
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._line.open(self._connect_blocking)
                await self._connected
        except TimeoutError as error:
            raise DeviceError(both(*_MUTE, host=settings.host, port=settings.port, limit=CONNECT_TIMEOUT_S)) from error
        except ssl.SSLError as error:
            raise untrusted(settings, error) from error
        except ConnectionResetError as error:
            raise turned_away(settings, "") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that no resolver takes
            raise unreached(settings, error) from error

    async def _close(self) -> None:
        try:
            with suppress(ValueError):  # paho raises it for a socket that is gone already
                self._client.disconnect()
            if not self._lost.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_GOODBYE_S):
                        await self.lost()
        finally:
            self._line.drop()
            self._end(DeviceError(_CLOSED))

    async def _answer(self, answer: asyncio.Future[_A], what: str, more_s: float = 0.0) -> _A:
        limit = ANSWER_TIMEOUT_S + more_s
        try:
            async with asyncio.timeout(limit):
                return await answer
        except TimeoutError as error:
            raise DeviceError(both(*_UNANSWERED, what=what, limit=limit)) from error

    def _raise_if_lost(self) -> None:
        if self._lost.done():
            raise self._loss()

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
            client.username_pw_set(settings.username, password_of(settings))
        if settings.tls is not None:
            client.tls_set_context(tls_context(settings.tls, settings.earliest()))
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
            reference = getattr(properties, "ServerReference", "")
            self._connected.set_exception(not_let_in(self._settings, reason.value, str(reason), reference))
            return
        allowed = getattr(properties, "ReceiveMaximum", self._settings.receive_maximum)
        self.window = max(1, min(self._settings.receive_maximum, allowed))
        self._connected.set_result(None)

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            reference = getattr(properties, "ServerReference", "")
            self._end(sent_away(self._settings, reason.value, str(reason), reference))
        else:
            self._end(DeviceError(_CUT if reason.value == _UNSPECIFIED else both(*_ENDED, reason=reason)))

    def _end(self, why: DeviceError) -> None:
        if not self._lost.done():
            self._lost.set_result(why)
        self._arrived.set()
        if not self._connected.done():
            self._connected.set_exception(turned_away(self._settings, self._line.alert))
        waiting: tuple[asyncio.Future[Any], ...] = (*self._published.values(), *self._subscribed.values())
        for answer in waiting:
            if not answer.done():
                answer.set_exception(self._loss())
        if self._connected.done() and not self._connected.cancelled():
            self._connected.exception()  # seen: nobody need await it any more

    def _loss(self) -> DeviceError:
        why = self._lost.result()
        return type(why)(both(*_LOST, why=told_by(why)))

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if len(self._inbox) >= _INBOX_CAPACITY:
            # only QoS 0 floods come here (QoS 1 is bounded by the Receive Maximum): the sender repeats receipts
            self._client.ack(message.mid, message.qos)
            return
        mid, qos = message.mid, message.qos
        self._inbox.append(
            Message(
                message.topic,
                bytes(message.payload),
                message.retain,
                lambda: self._acknowledge(mid, qos),
                _user_property(message, ENCODING),
                _user_property(message, SENT),
            )
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


def _properties(expiry_s: int | None, user: Mapping[str, str]) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    pairs = [(name, value) for name, value in user.items() if value]
    if pairs:
        properties.UserProperty = pairs
    return properties


def _user_property(message: paho.MQTTMessage, wanted: str) -> str:
    pairs: Sequence[tuple[str, str]] = getattr(message.properties, "UserProperty", ())
    return next((value for name, value in pairs if name == wanted), "")


def _will_properties(will: Will, is_v5: bool) -> Properties | None:  # noqa: FBT001 - private
    if not is_v5 or will.delay_s == 0:
        return None
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]  # paho
    properties.WillDelayInterval = will.delay_s
    return properties
