"""The home's local MQTT broker, for all its sensors.

The broker keeps our place for three minutes (MQTT 5 session): what is published with QoS 1 while the gateway restarts,
or is killed before it has taken it in, is delivered late, not lost.
"""

import asyncio
import hashlib
import logging
import platform
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from drivers.mqtt.address import BrokerAddress, Testament
from drivers.mqtt.connection import QOS, Connection, Received, connected, heed_cancellation
from drivers.mqtt.filters import covers, needed
from drivers.mqtt.receipts import Receipts
from drivers.mqtt.switchboard import Arrival, Switchboard, Watcher
from drivers.mqtt.taken import Taken
from shouwang.bilingual import Bilingual, told_by
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

ATTACH_S = 3.0
"""A sensor waits this long for the connection before it says that there is none."""
INBOX_CAPACITY = 256


class Subscription:
    """The messages of some topics for one sensor, over all connections; kept while the sensor's driver pauses."""

    def __init__(self, broker: "LocalBroker", named: Sequence[str]) -> None:
        """Made by `LocalBroker.subscription`; `named`: those of its topics that the home's configuration names."""
        self.topics: tuple[str, ...] = ()
        self.named = tuple(named)
        self._broker = broker
        self._inbox: deque[Arrival] = deque()
        self._in_hand: Arrival | None = None
        self._is_read = False
        self._changed = asyncio.Event()
        self.dropped = 0
        """How many messages went unread since the start, because more came than could be kept."""
        self._is_outage_told = False
        self._refusal = ""

    async def connection(self) -> None:
        """Return once connected, or with messages left over from an earlier connection.

        Raises DeviceError where there is none within 3 s, once for each outage; after that it waits for the end of it,
        so that no pause between two attempts delays what is pressed then.
        """
        self._is_read = True
        try:
            async with asyncio.timeout(None if self._is_outage_told else ATTACH_S):
                while not (self._broker.is_connected or self._inbox):
                    await self._change()
        except TimeoutError:
            raise self._outage() from None

    async def next(self) -> Arrival:
        """The next message, in the order of arrival. May be cancelled: nothing is lost.

        Who asks for it has taken in the one before: the broker need not keep that any longer. What comes of a message
        is to be taken in without a pause. Raises DeviceError while the connection is lost, or where the broker refuses
        these topics.
        """
        self._put_down()
        while not self._inbox:
            if self._refusal:
                raise DeviceError(self._refusal)
            if not self._broker.is_there:
                raise self._outage()
            await self._change()
        arrival = self._in_hand = self._inbox.popleft()
        if arrival.claim is not None:
            arrival.claim.begin()
        return arrival

    def rest(self) -> None:
        """Nobody reads it for a while: what comes now waits, most of it without being kept by the broker too."""
        self._put_down()
        self._is_read = False
        for arrival in self._inbox:
            if arrival.claim is not None:
                self._broker.receipts.wait(arrival.claim)

    def arrive(self, arrival: Arrival) -> None:
        """For the broker: a message."""
        self._inbox.append(arrival)
        if len(self._inbox) > INBOX_CAPACITY:
            self._drop()
        if arrival.claim is not None and not self._is_read:
            self._broker.receipts.wait(arrival.claim)
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
        self._put_down()
        self._broker.end_subscription(self, self._inbox)

    def _put_down(self) -> None:
        if self._in_hand is not None:
            self._in_hand.let_go()
            self._in_hand = None

    def _drop(self) -> None:
        """Let the oldest go that the broker does not keep; those that it keeps are few (its window)."""
        index = next((index for index, one in enumerate(self._inbox) if not one.is_kept), None)
        if index is not None:
            del self._inbox[index]
            self.dropped += 1
            if self.dropped == 1:
                log.error("%s: more messages than can be read: the oldest are dropped (told only once)", self.topics[0])

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
        self._board = Switchboard()
        self.receipts = Receipts()
        self._subscriptions: list[Subscription] = []
        self._agreed: set[str] = set()
        self._repeated: set[str] = set()
        self._called = ""
        self._wanted = asyncio.Event()
        self._connection: Connection | None = None
        self.is_there = False
        """Whether the broker has answered; what it kept for us may come before it has agreed to our topics."""
        self.is_connected = False
        self.trouble: str = Bilingual(
            f"there is no connection to the local MQTT broker at {address} yet",
            zh=f"还没有连上本地 MQTT 服务器 {address}",
        )
        """Why it is not connected."""

    def subscription(self, topics: Sequence[str], *, joined: bool = False) -> Subscription:
        """Listen to these topics (wildcards allowed), at once where connected, else from the next connection on.

        `joined`: not of the home's configuration; the broker may refuse one of those without harm to the others.
        """
        subscription = Subscription(self, () if joined else topics)
        self._subscriptions.append(subscription)
        self.extend(subscription, topics)
        return subscription

    def extend(self, subscription: Subscription, topics: Sequence[str]) -> None:
        """Let it listen to these topics too."""
        self._board.join(subscription, topics)
        self._wanted.set()

    def end_subscription(self, subscription: Subscription, unread: Iterable[Arrival]) -> None:
        """Nobody listens to it any more; `unread`: what it had not given out."""
        self._board.leave(subscription, unread)
        self._subscriptions = [one for one in self._subscriptions if one is not subscription]
        self._wanted.set()

    def watch(self, filters: Sequence[str], watcher: Watcher) -> None:
        """Show `watcher` each message on these topics as it comes, before any subscription gets it.

        So a sensor that the watcher makes of it hears that very message. It must not block, and raise nothing.
        """
        self._board.watch(filters, watcher)
        self._wanted.set()

    def unwatch(self, watcher: Watcher) -> None:
        """Show it nothing any more."""
        self._board.unwatch(watcher)
        self._wanted.set()

    def remember(self, taken: Taken) -> None:
        """Before `run`: what was taken in stands there."""
        self.receipts.taken = taken

    def mute(self, filters: Sequence[str]) -> None:
        """Never hand out messages on these topics: what the gateway itself publishes."""
        self._board.mute(filters)

    def held(self) -> AbstractContextManager[None]:
        """Hand out nothing in the block and all of it after its end, in order: sensors may be exchanged in it."""
        return self._board.held()

    async def publish(self, topic: str, payload: bytes, *, qos: int = QOS, retain: bool = False) -> None:
        """Say something; with QoS 1 return when the broker has it. Raises DeviceError, after 5 s at the latest."""
        connection = self._connection
        if connection is None:
            raise DeviceError(self.trouble)
        await connection.publish(topic, payload, qos=qos, retain=retain)

    async def run(self) -> None:
        """Connect and hand out messages until cancelled; raises DeviceError where it cannot, or when lost."""
        self._called = self._called or self._identity()  # the same in all connections: the broker keeps a place for it
        try:
            async with connected(
                self._address, self._called, self, tls=self._tls, testament=self._testament
            ) as connection:
                self._agreed, self._repeated = set(), set()
                await self._subscribe(connection)
                self._connection = connection
                self._become(there=True, connected=True)
                await self._stay(connection)
        except DeviceError as error:
            self.trouble = told_by(error)
            raise
        finally:
            self.receipts.lost()
            self._connection = None
            self._become(there=False, connected=False)
            heed_cancellation()

    def begins(self, acknowledge: Callable[[int], None], *, is_resumed: bool) -> None:
        """For the connection: the broker is there."""
        self.receipts.connected(acknowledge, is_resumed=is_resumed)
        self._become(there=True, connected=False)

    def received(self, message: Received) -> None:
        """For the connection: a message."""
        arrival = Arrival(topic=message.topic, payload=message.payload, retained=message.is_retained)
        if message.qos == 0:
            self._board.route(arrival)
            return
        receipt = self.receipts.receipt(message.mid, message.topic, message.payload, is_repeated=message.is_repeated)
        if receipt is not None:
            self._board.route(arrival, receipt)

    async def _stay(self, connection: Connection) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(connection), name="local-broker-subscriptions")
                await connection.end()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _follow(self, connection: Connection) -> None:
        """Subscribe to what is asked for while connected, and unsubscribe from what nobody listens to any more."""
        while True:
            await self._wanted.wait()
            await self._subscribe(connection)

    def _identity(self) -> str:
        """The same after a restart, another for another home on the same broker: they would drive each other out.

        Sensors that joined do not count: they are others tomorrow, and the place kept for us would be lost.
        """
        listened = "\n".join((platform.node(), self._name, *sorted(self._board.named())))
        return "shouwang-" + hashlib.sha256(listened.encode()).hexdigest()[:14]

    async def _subscribe(self, connection: Connection) -> None:
        self._wanted.clear()
        asked, anew = needed(self._board.topics()), self._board.take_anew()
        gone = sorted(self._agreed - set(asked))
        if gone:
            await connection.unsubscribe(gone)
            self._agreed.difference_update(gone)
        await self._repeat_retained(connection, asked, anew)
        new = [topic for topic in asked if topic not in self._agreed or topic in anew]
        if not new:
            return
        for topic, is_granted in zip(new, await connection.subscribe(new), strict=True):
            self._agreed.add(topic)
            refusal = Bilingual("", zh="")
            if not is_granted:
                refusal = Bilingual(
                    f"the local MQTT broker at {self._address} refuses topic {topic}; let the gateway's user read it",
                    zh=f"本地 MQTT 服务器 {self._address} 拒绝主题 {topic}；请允许网关的用户读取",
                )
                if any(covers(topic, one) for one in self._board.named()):
                    raise DeviceError(refusal)
            for subscription in self._subscriptions:
                if topic in subscription.topics:
                    subscription.refused(refusal)

    async def _repeat_retained(self, connection: Connection, asked: Sequence[str], anew: set[str]) -> None:
        """Have the broker say again what it retains for who came later than the wildcard that covers its topics."""
        listened = self._board.listened()  # now: more may come while the broker answers
        covered = sorted((listened - set(asked) - self._repeated) | (anew & listened - set(asked)))
        self._repeated = listened
        if covered and self._agreed:
            await connection.subscribe(covered)
            await connection.unsubscribe(covered)

    def _become(self, *, there: bool, connected: bool) -> None:
        was = self.is_there, self.is_connected
        self.is_there, self.is_connected = there, connected
        if was != (there, connected):
            for subscription in self._subscriptions:
                subscription.connection_changed()
