"""The home's one connection to its local MQTT broker. The only module that imports aiomqtt.

The broker keeps our place for a minute (MQTT 5 session): what is pressed while the gateway restarts is delivered late,
not lost. Older than that it would be an alarm about the past.
"""

import asyncio
import hashlib
import platform
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from shouwang.errors import ConfigError, DeviceError

CONNECT_S = 15.0
ANSWER_S = 5.0
KEEPALIVE_S = 10
"""The broker is in the house: one that does not answer for 15 to 20 s is gone."""
KEEP_PLACE_S = 60
"""How long the broker collects messages for us while we are away."""
ATTACH_S = 3.0
"""A sensor waits this long for the connection before it says that there is none."""
MAX_PACKET_BYTES = 2 * 1024 * 1024
"""The broker throws larger messages away unsent, so that none can fill the memory of this box."""
_INBOX_CAPACITY = 256
_QOS = 1
_FAILURE = 0x80


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAddress:
    """Where the local broker is, and as whom to connect."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    is_encrypted: bool = False

    @classmethod
    def of(cls, url: str, *, username: str | None, password: str | None) -> Self:
        """From `mqtt://host[:1883]` or `mqtts://host[:8883]`; raises ConfigError."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{url}: the port must be a number from 1 to 65535") from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise ConfigError(f"{url}: write mqtt://host:1883, or mqtts://host:8883 for an encrypted link")
        is_encrypted = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=port or (8883 if is_encrypted else 1883),
            username=username,
            password=password,
            is_encrypted=is_encrypted,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One message. `retained`: it was said before we listened, nobody knows when."""

    topic: str
    payload: bytes
    retained: bool


class Subscription:
    """The messages of some topics for one sensor, over all connections; kept while the sensor's driver pauses."""

    def __init__(self, broker: "LocalBroker") -> None:
        """Made by `LocalBroker.subscription`."""
        self._broker = broker
        self._inbox: deque[Arrival] = deque(maxlen=_INBOX_CAPACITY)  # when full, the oldest message goes
        self._changed = asyncio.Event()
        self._is_outage_told = False

    async def connection(self) -> None:
        """Return once connected, or with messages left over from an earlier connection.

        Raises DeviceError where there is none within 3 s, once for each outage; after that it waits for the end of it,
        so that no pause between two attempts delays what is pressed then.
        """
        try:
            async with asyncio.timeout(None if self._is_outage_told else ATTACH_S):
                while not (self._broker.is_connected or self._inbox):
                    await self._change()
        except TimeoutError:
            raise self._outage() from None

    async def next(self) -> Arrival:
        """The next message, in the order of arrival. May be cancelled: nothing is lost.

        Raises DeviceError while the connection is lost.
        """
        while not self._inbox:
            if not self._broker.is_connected:
                raise self._outage()
            await self._change()
        return self._inbox.popleft()

    def arrive(self, arrival: Arrival) -> None:
        """For the broker: a message."""
        self._inbox.append(arrival)
        self._changed.set()

    def connection_changed(self) -> None:
        """For the broker: connected, or lost."""
        if self._broker.is_connected:
            self._is_outage_told = False
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _outage(self) -> DeviceError:
        self._is_outage_told = True
        return DeviceError(self._broker.trouble)


class LocalBroker:
    """One connection for all sensors of the home. `run` holds it; who runs it tries again when it ends."""

    def __init__(self, address: BrokerAddress) -> None:
        """Nothing is opened before `run`."""
        self._address = address
        self._tls = ssl.create_default_context() if address.is_encrypted else None
        self._subscriptions: defaultdict[str, list[Subscription]] = defaultdict(list)
        self._speaks_5 = True
        self.is_connected = False
        self.trouble = f"there is no connection to the local MQTT broker at {address} yet"
        """Why it is not connected."""

    def subscription(self, topics: Sequence[str]) -> Subscription:
        """Listen to these topics, without wildcards, from the next connection on."""
        subscription = Subscription(self)
        for topic in topics:
            self._subscriptions[topic].append(subscription)
        return subscription

    async def run(self) -> None:
        """Connect and hand out messages until cancelled; raises DeviceError where it cannot, or when lost."""
        try:
            async with AsyncExitStack() as stack:
                client = await self._connect(stack)
                await self._subscribe(client)
                _heed_cancellation()
                self._become(connected=True)
                async for _ in client.messages:  # they went to the inboxes already: this only waits for the end
                    pass
        except aiomqtt.MqttError as error:
            self.trouble = self._words_for(error)
            raise DeviceError(self.trouble) from error
        except DeviceError as error:
            self.trouble = str(error)
            raise
        finally:
            self._become(connected=False)
            _heed_cancellation()

    async def _connect(self, stack: AsyncExitStack) -> aiomqtt.Client:
        self._speaks_5 = True
        try:
            return await self._enter(stack)
        except aiomqtt.MqttError:
            # an old broker refuses MQTT 5, or says nothing that can be understood: it works, but keeps no place for us
            self._speaks_5 = False
            return await self._enter(stack)

    async def _enter(self, stack: AsyncExitStack) -> aiomqtt.Client:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await stack.enter_async_context(self._client())
        except TimeoutError as error:
            raise DeviceError(
                f"the local MQTT broker at {self._address} does not answer within {CONNECT_S:.0f} s; is it running?"
            ) from error

    def _client(self) -> aiomqtt.Client:
        properties = None
        if self._speaks_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho
            properties.SessionExpiryInterval = KEEP_PLACE_S
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        address = self._address
        return aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier=self._identity(),
            protocol=aiomqtt.ProtocolVersion.V5 if self._speaks_5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if self._speaks_5 else True,
            clean_start=False if self._speaks_5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
            queue_type=_doorstep(self._route),
            timeout=ANSWER_S,
            keepalive=KEEPALIVE_S,
            tls_context=self._tls,
        )

    def _identity(self) -> str:
        """The same after a restart, another for another home on the same broker: they would drive each other out."""
        listened = "\n".join((platform.node(), *sorted(self._subscriptions)))
        return "shouwang-" + hashlib.sha256(listened.encode()).hexdigest()[:14]

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        topics = sorted(self._subscriptions)
        if not topics:
            return
        codes = await client.subscribe([(topic, _QOS) for topic in topics])
        for topic, code in zip(topics, codes, strict=True):
            if _code(code) >= _FAILURE:
                raise DeviceError(
                    f"the local MQTT broker at {self._address} refuses topic {topic}; let the gateway's user read it"
                )

    def _become(self, *, connected: bool) -> None:
        was, self.is_connected = self.is_connected, connected
        if was is not connected:
            for subscriptions in self._subscriptions.values():
                for subscription in subscriptions:
                    subscription.connection_changed()

    def _route(self, message: aiomqtt.Message) -> None:
        payload = message.payload if isinstance(message.payload, bytes) else bytes(str(message.payload), "utf-8")
        arrival = Arrival(topic=message.topic.value, payload=payload, retained=message.retain)
        for subscription in self._subscriptions.get(arrival.topic, ()):
            subscription.arrive(arrival)

    def _words_for(self, error: aiomqtt.MqttError) -> str:
        if self.is_connected:
            return f"the connection to the local MQTT broker at {self._address} was lost"
        if isinstance(error, MqttConnectError):
            return (
                f"the local MQTT broker at {self._address} refuses us: {error.rc}; "
                "check username and password_file under local_broker"
            )
        return f"cannot reach the local MQTT broker at {self._address}: {error}; is it running?"


def _doorstep(route: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """A queue for aiomqtt that never holds anything: each message is handed on in the moment in which it comes.

    aiomqtt's own queue forgets what came in together with the end of the connection, after it was acknowledged.
    """

    class Doorstep(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            route(item)

    return Doorstep


def _heed_cancellation() -> None:
    """Be cancelled, where an answer of the broker came in the same moment as the order to stop.

    asyncio.wait_for of Python 3.11, which aiomqtt uses, then forgets the order (python/cpython#86296).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _code(code: object) -> int:
    return int(getattr(code, "value", code))  # type: ignore[call-overload, no-any-return] # int or paho's ReasonCode
