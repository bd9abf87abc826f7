"""One connection to the home's broker, from CONNECT to its end. The only module that imports aiomqtt.

aiomqtt acknowledges a message before anybody has read it. Its paho client need not: what comes in goes straight on, and
stays with the broker until `acknowledge`.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple, Protocol

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from drivers.mqtt.address import BrokerAddress, Testament, is_about_certificates
from drivers.mqtt.bulk import PUBACK, Acknowledgements, ReadAhead
from shouwang.bilingual import Bilingual
from shouwang.errors import DeviceError

CONNECT_S = 15.0
ANSWER_S = 5.0
KEEPALIVE_S = 10
"""The broker is in the house: one that does not answer for 15 to 20 s is gone."""
KEEP_PLACE_S = 180
"""How long the broker collects messages for us while we are away: a Pi boots in 30 to 60 s, with a check of its card in
more. After 180 s the centre has been told that the home is silent, and somebody asks there; what was pressed within is
still waiting for an answer, and no older than what any rule calls late (10 min)."""
RECEIVE_MAXIMUM = 256
"""Messages that the broker may have under way to us; its own default is 20, too few for a flood that must not wait."""
MAX_PACKET_BYTES = 2 * 1024 * 1024
"""The broker throws larger messages away unsent, so that none can fill the memory of this box."""
QOS = 1
_FAILURE = 0x80


class Received(NamedTuple):
    """A message as it came. `is_repeated`: the broker gives it again, as it has no receipt for it."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    is_retained: bool
    is_repeated: bool


class Ear(Protocol):
    """Who listens to a connection; called in the loop, must not block, and raise nothing."""

    def begins(self, acknowledge: Callable[[int], None], *, is_resumed: bool) -> None:
        """Before the first message. `is_resumed`: the broker has kept our place."""
        ...

    def received(self, message: Received) -> None:
        """A message. With QoS 1 the broker keeps it until `acknowledge(mid)`."""
        ...


class Connection:
    """An open connection."""

    def __init__(self, client: aiomqtt.Client, address: BrokerAddress) -> None:
        """Made by `connected`."""
        self._client = client
        self._address = address

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        """Say something; with QoS 1 return when the broker has it. Raises DeviceError, after 5 s at the latest."""
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain, timeout=ANSWER_S)
        except aiomqtt.MqttError as error:
            raise DeviceError(
                Bilingual(
                    f"the local MQTT broker at {self._address} did not take {topic}: {error}",
                    zh=f"本地 MQTT 服务器 {self._address} 没有收下 {topic}：{error}",
                )
            ) from error
        except ValueError as error:  # paho: a topic or payload that MQTT does not allow
            raise DeviceError(
                Bilingual(f"{topic[:80]!r} cannot be published: {error}", zh=f"{topic[:80]!r} 发不出去：{error}")
            ) from error
        heed_cancellation()

    async def subscribe(self, filters: Sequence[str]) -> list[bool]:
        """Ask for topics; whether each was granted. Raises DeviceError."""
        try:
            codes = await self._client.subscribe([(one, QOS) for one in filters])
        except aiomqtt.MqttError as error:
            raise self._lost() from error
        heed_cancellation()
        return [_code(code) < _FAILURE for code in codes]

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Ask for them no more. Raises DeviceError."""
        try:
            await self._client.unsubscribe(list(filters))
        except aiomqtt.MqttError as error:
            raise self._lost() from error
        heed_cancellation()

    async def end(self) -> None:
        """Wait for the end; raises DeviceError where it was not wanted."""
        try:
            async for _ in self._client.messages:  # they go to the ear: this only waits
                pass
        except aiomqtt.MqttError as error:
            raise self._lost() from error

    def _lost(self) -> DeviceError:
        return DeviceError(
            Bilingual(
                f"the connection to the local MQTT broker at {self._address} was lost",
                zh=f"与本地 MQTT 服务器 {self._address} 的连接断了",
            )
        )


@asynccontextmanager
async def connected(
    address: BrokerAddress, identity: str, ear: Ear, *, tls: ssl.SSLContext | None, testament: Testament | None
) -> AsyncIterator[Connection]:
    """A connection as `identity`, closed at the end of the block. Raises DeviceError where there is none, or when lost.

    An old broker refuses MQTT 5, or says nothing that can be understood: it works, but keeps no place for us.
    """
    try:
        async with AsyncExitStack() as stack:
            client = _client(address, identity, ear, tls, testament)
            try:
                await _enter(stack, client, address)
            except aiomqtt.MqttError:
                client = _client(address, identity, ear, tls, testament, version=aiomqtt.ProtocolVersion.V311)
                await _enter(stack, client, address)
            heed_cancellation()
            yield Connection(client, address)
    except aiomqtt.MqttError as error:
        raise DeviceError(_words_for(error, address)) from error


async def _enter(stack: AsyncExitStack, client: aiomqtt.Client, address: BrokerAddress) -> None:
    try:
        async with asyncio.timeout(CONNECT_S):
            await stack.enter_async_context(client)
    except TimeoutError as error:
        raise DeviceError(
            Bilingual(
                f"the local MQTT broker at {address} does not answer within {CONNECT_S:.0f} s; is it running?",
                zh=f"本地 MQTT 服务器 {address} 在 {CONNECT_S:.0f} 秒内没有应答；它在运行吗？",
            )
        ) from error


def _client(
    address: BrokerAddress,
    identity: str,
    ear: Ear,
    tls: ssl.SSLContext | None,
    testament: Testament | None,
    *,
    version: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V5,
) -> aiomqtt.Client:
    properties, is_v5 = None, version is aiomqtt.ProtocolVersion.V5
    if is_v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho
        properties.SessionExpiryInterval = KEEP_PLACE_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAX_PACKET_BYTES
    will = None if testament is None else aiomqtt.Will(testament.topic, testament.payload, qos=QOS, retain=True)
    client = aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=identity,
        protocol=version,
        will=will,
        clean_session=None if is_v5 else True,
        clean_start=False if is_v5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
        timeout=ANSWER_S,
        keepalive=KEEPALIVE_S,
        tls_context=tls,
    )
    _lend(client._client, ear)  # noqa: SLF001 - aiomqtt has no way of its own to acknowledge by hand
    return client


def _lend(client: paho.Client, ear: Ear) -> None:
    """Let `ear` hear messages at once, and have them acknowledged by hand."""
    told: Any = client.on_connect  # aiomqtt waits for it

    # paho's own `ack` sends each with a call of its own
    acknowledgements = Acknowledgements(lambda packets: client._packet_queue(PUBACK, packets, 0, 0))  # noqa: SLF001

    def begins(of: paho.Client, data: object, flags: Any, reason: Any, properties: Any = None) -> None:  # noqa: ANN401
        line: Any = client.socket()
        if not reason.is_failure and line is not None:
            # else each word may wait 40 ms for the last one's receipt
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client._sock = ReadAhead(line, client.loop_read)  # type: ignore[assignment] # noqa: SLF001 - as paho does for websockets
            ear.begins(acknowledgements.add, is_resumed=flags.session_present)
        told(of, data, flags, reason, properties)

    def received(_of: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        ear.received(
            Received(
                topic=message.topic,
                payload=bytes(message.payload),
                qos=message.qos,
                mid=message.mid,
                is_retained=message.retain,
                is_repeated=message.dup,
            )
        )

    client.manual_ack_set(on=True)
    client.on_connect = begins
    client.on_message = received


def _words_for(error: aiomqtt.MqttError, address: BrokerAddress) -> str:
    if isinstance(error, MqttConnectError):
        return Bilingual(
            f"the local MQTT broker at {address} refuses us: {error.rc}; "
            "check username and password_file under local_broker",
            zh=f"本地 MQTT 服务器 {address} 拒绝连接：{error.rc}；请检查 local_broker 下的 username 和 password_file",
        )
    if is_about_certificates(error):
        return Bilingual(
            f"the certificate of the local MQTT broker at {address}, or ours, is not accepted: {error}; "
            "check ca_file, cert_file and the host name under local_broker",
            zh=f"本地 MQTT 服务器 {address} 的证书或我们的证书不被接受：{error}；"
            "请检查 local_broker 下的 ca_file、cert_file 和主机名",
        )
    return Bilingual(
        f"cannot reach the local MQTT broker at {address}: {error}; is it running?",
        zh=f"连不上本地 MQTT 服务器 {address}：{error}；它在运行吗？",
    )


def heed_cancellation() -> None:
    """Be cancelled, where an answer of the broker came in the same moment as the order to stop.

    asyncio.wait_for of Python 3.11, which aiomqtt uses, then forgets the order (python/cpython#86296).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _code(code: object) -> int:
    return int(getattr(code, "value", code))  # type: ignore[call-overload, no-any-return] # int or paho's ReasonCode
