"""The home's one connection to its local MQTT broker. The only module that imports aiomqtt.

The broker keeps our place for a minute (MQTT 5 session): what is published with QoS 1 while the gateway restarts is
delivered late, not lost. Older than that it would be an alarm about the past.
"""

import asyncio
import hashlib
import platform
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from drivers.mqtt.address import BrokerAddress, Testament, is_about_certificates
from drivers.mqtt.filters import covers, is_pattern, matches, needed
from shouwang.errors import DeviceError

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
MAX_KEPT_BYTES = 16 * 1024
"""What a device says has a few hundred bytes. Of a longer message one byte more than this is kept, for the refusal."""
INBOX_CAPACITY = 256
_AT_ONCE = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)  # else each word may wait 40 ms for the last one's receipt
_QOS = 1
_FAILURE = 0x80


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One message. `retained`: it was said before we listened, nobody knows when."""

    topic: str
    payload: bytes
    retained: bool


Watcher = Callable[[Arrival], None]


class Subscription:
    """The messages of some topics for one sensor, over all connections; kept while the sensor's driver pauses."""

    def __init__(self, broker: "LocalBroker") -> None:
        """Made by `LocalBroker.subscription`."""
        self.topics: tuple[str, ...] = ()
        self._broker = broker
        self._inbox: deque[Arrival] = deque(maxlen=INBOX_CAPACITY)  # when full, the oldest message goes
        self._changed = asyncio.Event()
        self._is_outage_told = False
        self._refusal = ""

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

        Raises DeviceError while the connection is lost, or where the broker refuses these topics.
        """
        while not self._inbox:
            if self._refusal:
                raise DeviceError(self._refusal)
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

    def refused(self, why: str) -> None:
        """For the broker: whether these topics may be read (empty), or why not."""
        self._refusal = why
        self._changed.set()

    def extend(self, topics: Sequence[str]) -> None:
        """Listen to these topics too."""
        self._broker.extend(self, topics)

    def close(self) -> None:
        """Nothing comes here any more."""
        self._broker.end_subscription(self)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _outage(self) -> DeviceError:
        self._is_outage_told = True
        return DeviceError(self._broker.trouble)


class LocalBroker:
    """One connection for all sensors of the home. `run` holds it; who runs it tries again when it ends."""

    def __init__(self, address: BrokerAddress, *, name: str = "", testament: Testament | None = None) -> None:
        """Nothing is opened before `run`. `name` tells two connections of one home apart at the broker.

        Raises ConfigError where the certificate files cannot be used.
        """
        self._address = address
        self._name = name
        self._testament = testament
        self._tls = address.tls()
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._patterns: list[str] = []
        self._seed: set[str] = set()
        self._watchers: list[tuple[tuple[str, ...], Watcher]] = []
        self._muted: tuple[str, ...] = ()
        self._agreed: set[str] = set()
        self._repeated: set[str] = set()
        self._wanted = asyncio.Event()
        self._client: aiomqtt.Client | None = None
        self._speaks_5 = True
        self.is_connected = False
        self.trouble = f"there is no connection to the local MQTT broker at {address} yet"
        """Why it is not connected."""

    def subscription(self, topics: Sequence[str], *, joined: bool = False) -> Subscription:
        """Listen to these topics (wildcards allowed), at once where connected, else from the next connection on.

        `joined`: not of the home's configuration; the broker may refuse one of those without harm to the others.
        """
        subscription = Subscription(self)
        self.extend(subscription, topics)
        if not joined:
            self._seed.update(topics)
        return subscription

    def extend(self, subscription: Subscription, topics: Sequence[str]) -> None:
        """Let it listen to these topics too."""
        for topic in topics:
            if topic not in self._subscriptions and is_pattern(topic):
                self._patterns.append(topic)
            takers = self._subscriptions.setdefault(topic, [])
            if subscription not in takers:
                takers.append(subscription)
                subscription.topics += (topic,)
        self._wanted.set()

    def end_subscription(self, subscription: Subscription) -> None:
        """Nobody listens to it any more."""
        for topic in subscription.topics:
            left = [one for one in self._subscriptions.get(topic, ()) if one is not subscription]
            if left:
                self._subscriptions[topic] = left
            elif self._subscriptions.pop(topic, None) is not None and topic in self._patterns:
                self._patterns.remove(topic)
        self._wanted.set()

    def watch(self, filters: Sequence[str], watcher: Watcher) -> None:
        """Show `watcher` each message on these topics as it comes, before any subscription gets it.

        So a sensor that the watcher makes of it hears that very message. It must not block, and raise nothing.
        """
        self._watchers.append((tuple(filters), watcher))
        self._seed.update(filters)
        self._wanted.set()

    def mute(self, filters: Sequence[str]) -> None:
        """Never hand out messages on these topics: what the gateway itself publishes."""
        self._muted = tuple(filters)

    async def publish(self, topic: str, payload: bytes, *, qos: int = _QOS, retain: bool = False) -> None:
        """Say something; with QoS 1 return when the broker has it. Raises DeviceError, after 5 s at the latest."""
        client = self._client
        if client is None or not self.is_connected:
            raise DeviceError(self.trouble)
        try:
            await client.publish(topic, payload, qos=qos, retain=retain, timeout=ANSWER_S)
        except aiomqtt.MqttError as error:
            raise DeviceError(f"the local MQTT broker at {self._address} did not take {topic}: {error}") from error
        except ValueError as error:  # paho: a topic or payload that MQTT does not allow
            raise DeviceError(f"{topic[:80]!r} cannot be published: {error}") from error
        _heed_cancellation()

    async def run(self) -> None:
        """Connect and hand out messages until cancelled; raises DeviceError where it cannot, or when lost."""
        try:
            async with AsyncExitStack() as stack:
                client = await self._connect(stack)
                self._agreed, self._repeated = set(), set()
                await self._subscribe(client)
                _heed_cancellation()
                self._client = client
                self._become(connected=True)
                await self._stay(client)
        except aiomqtt.MqttError as error:
            self.trouble = self._words_for(error)
            raise DeviceError(self.trouble) from error
        except DeviceError as error:
            self.trouble = str(error)
            raise
        finally:
            self._client = None
            self._become(connected=False)
            _heed_cancellation()

    async def _stay(self, client: aiomqtt.Client) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(client), name="local-broker-subscriptions")
                async for _ in client.messages:  # they went to the inboxes already: this only waits for the end
                    pass
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _follow(self, client: aiomqtt.Client) -> None:
        """Subscribe to what is asked for while connected, and unsubscribe from what nobody listens to any more."""
        while True:
            await self._wanted.wait()
            await self._subscribe(client)
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
                return await stack.enter_async_context(self._open())
        except TimeoutError as error:
            raise DeviceError(
                f"the local MQTT broker at {self._address} does not answer within {CONNECT_S:.0f} s; is it running?"
            ) from error

    def _open(self) -> aiomqtt.Client:
        properties = None
        if self._speaks_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho
            properties.SessionExpiryInterval = KEEP_PLACE_S
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        address, left = self._address, self._testament
        return aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier=self._identity(),
            protocol=aiomqtt.ProtocolVersion.V5 if self._speaks_5 else aiomqtt.ProtocolVersion.V311,
            will=None if left is None else aiomqtt.Will(left.topic, left.payload, qos=_QOS, retain=True),
            clean_session=None if self._speaks_5 else True,
            clean_start=False if self._speaks_5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
            queue_type=_doorstep(self._route),
            timeout=ANSWER_S,
            keepalive=KEEPALIVE_S,
            tls_context=self._tls,
            socket_options=_AT_ONCE,
        )

    def _identity(self) -> str:
        """The same after a restart, another for another home on the same broker: they would drive each other out.

        Sensors that joined do not count: they are others tomorrow, and the place kept for us would be lost.
        """
        listened = "\n".join((platform.node(), self._name, *sorted(self._seed)))
        return "shouwang-" + hashlib.sha256(listened.encode()).hexdigest()[:14]

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        self._wanted.clear()
        watched = {one for filters, _ in self._watchers for one in filters}
        asked = needed((*self._subscriptions, *watched))
        gone = sorted(self._agreed - set(asked))
        if gone:
            await client.unsubscribe(gone)
            self._agreed.difference_update(gone)
        await self._repeat_retained(client, asked)
        new = [topic for topic in asked if topic not in self._agreed]
        if not new:
            return
        codes = await client.subscribe([(topic, _QOS) for topic in new])
        for topic, code in zip(new, codes, strict=True):
            self._agreed.add(topic)
            refusal = ""
            if _code(code) >= _FAILURE:
                refusal = (
                    f"the local MQTT broker at {self._address} refuses topic {topic}; let the gateway's user read it"
                )
                if any(covers(topic, one) for one in self._seed):
                    raise DeviceError(refusal)
            for subscription in self._subscriptions.get(topic, ()):
                subscription.refused(refusal)

    async def _repeat_retained(self, client: aiomqtt.Client, asked: Sequence[str]) -> None:
        """Have the broker say again what it retains for who came later than the wildcard that covers its topics."""
        covered = sorted(set(self._subscriptions) - set(asked) - self._repeated)
        self._repeated = set(self._subscriptions)  # now: more may come while the broker answers
        if covered and self._agreed:
            await client.subscribe([(topic, _QOS) for topic in covered])
            await client.unsubscribe(covered)

    def _become(self, *, connected: bool) -> None:
        was, self.is_connected = self.is_connected, connected
        if was is not connected:
            for subscriptions in self._subscriptions.values():
                for subscription in subscriptions:
                    subscription.connection_changed()

    def _route(self, message: aiomqtt.Message) -> None:
        topic = message.topic.value
        if any(matches(muted, topic) for muted in self._muted):
            return
        payload = message.payload if isinstance(message.payload, bytes) else bytes(str(message.payload), "utf-8")
        arrival = Arrival(topic=topic, payload=payload, retained=message.retain)
        for filters, watcher in self._watchers:
            if any(matches(one, topic) for one in filters):
                watcher(arrival)
        if len(payload) > MAX_KEPT_BYTES:
            arrival = Arrival(topic=topic, payload=payload[: MAX_KEPT_BYTES + 1], retained=message.retain)
        listened = (topic, *(one for one in self._patterns if matches(one, topic)))
        takers = [taker for one in listened for taker in self._subscriptions.get(one, ())]
        for taker in dict.fromkeys(takers):
            taker.arrive(arrival)

    def _words_for(self, error: aiomqtt.MqttError) -> str:
        if self.is_connected:
            return f"the connection to the local MQTT broker at {self._address} was lost"
        if isinstance(error, MqttConnectError):
            return (
                f"the local MQTT broker at {self._address} refuses us: {error.rc}; "
                "check username and password_file under local_broker"
            )
        if is_about_certificates(error):
            return (
                f"the certificate of the local MQTT broker at {self._address}, or ours, is not accepted: {error}; "
                "check ca_file, cert_file and the host name under local_broker"
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
